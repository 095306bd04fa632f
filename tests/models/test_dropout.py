"""Dropout: its moments, and the source of its noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench import seeds
from bench.models.dropout import Dropout, attach_generator

STANDARD_ERRORS = 4.0  # one false alarm in 16,000


def dropout(keep: float, name: str = "dropout") -> Dropout:
    layer = Dropout(keep)
    attach_generator(layer, seeds.generator(name))
    return layer


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_keeps_its_share_and_the_mean(keep: float) -> None:
    x = torch.full((200_000,), 3.0)
    found = dropout(keep)(x)
    kept = (found != 0).double().mean()
    error = (keep * (1 - keep) / len(x)) ** 0.5
    assert abs(kept - keep) < STANDARD_ERRORS * error
    torch.testing.assert_close(found[found != 0].unique(), torch.tensor([3.0 / keep]))
    assert abs(found.double().mean() - 3) < STANDARD_ERRORS * 3 * error / keep


def test_every_entry_is_on_its_own() -> None:
    """Across samples, datapoints and units: any two masks are uncorrelated."""
    kept = (dropout(0.5)(torch.ones(2, 3, 4000)) != 0).double().flatten(0, 1)
    correlations = torch.corrcoef(kept) - torch.eye(6)
    assert correlations.abs().max() < (STANDARD_ERRORS + 0.5) / 4000**0.5  # the largest of 15


def test_gradient_passes_where_the_value_does() -> None:
    x = torch.ones(1000, requires_grad=True)
    found = dropout(0.7)(x)
    found.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, found.detach())


def test_its_generator_is_the_only_source() -> None:
    x, before = torch.ones(100), torch.get_rng_state()
    one, two = dropout(0.5), dropout(0.5)
    first: Tensor = one(x)
    assert torch.equal(first, two(x))
    assert not torch.equal(one(x), first)  # the stream has advanced
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_happens_in_evaluation_mode_or_where_all_is_kept() -> None:
    x, stream = torch.ones(100), seeds.generator("untouched")
    before = stream.get_state()
    for layer in (Dropout(0.5).eval(), Dropout(1.0).train()):
        attach_generator(layer, stream)
        assert torch.equal(layer(x), x)
    assert torch.equal(stream.get_state(), before)


def test_training_without_a_generator_is_an_error() -> None:
    network = nn.Sequential(nn.Linear(2, 3), Dropout(0.5))
    with pytest.raises(RuntimeError, match="needs a generator"):
        network(torch.ones(1, 2))
    attach_generator(network, seeds.generator("late"))
    network(torch.ones(1, 2))
