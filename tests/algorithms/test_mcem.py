"""Monte Carlo EM in minibatches, which the paper does not use: chains that are visited once per pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

N, D, Z = 400, 8, 2


def begun(x: Tensor, **settings: object) -> tuple[Any, Minibatches]:
    """The algorithm with a linear decoder, and minibatches of the size that it requests."""
    mcem = plugins.find("algorithm")["mcem"].load()(Z, model="linear", decoder="gaussian", device="cpu", **settings)
    mcem.setup(Problem(x, Z, mcem.architecture, "gaussian", bounded=False), seeds.generator("noise"))
    return mcem, Minibatches(x, mcem.batch_size, seed=0)


def rows() -> Tensor:
    return torch.randn(N, D, generator=seeds.generator("rows"))


def steps(mcem: Any, minibatches: Minibatches, first: int, count: int) -> list[float]:
    return [float(mcem.step(minibatches[update]).objective) for update in range(first, first + count)]


@pytest.mark.parametrize("batch_size", [40, "all"])
def test_annealing_is_by_passes_through_the_data(batch_size: int | str) -> None:
    """After three passes the step size is learning_rate / (1 + 3 a), regardless of the number of updates."""
    mcem, minibatches = begun(rows(), batch_size=batch_size, annealing=0.5, learning_rate=0.02, num_candidates=0)
    steps(mcem, minibatches, 0, 3 * minibatches.per_epoch)
    (group,) = mcem.optimiser.param_groups
    assert group["updates"] == 3 * minibatches.per_epoch * 5
    assert group["lr"] / (1 + group["updates"] * group["annealing"]) == pytest.approx(0.02 / 2.5)


@pytest.mark.parametrize("num_candidates", [0, 30])
def test_evaluations_are_those_of_the_decoder(num_candidates: int) -> None:
    mcem, minibatches = begun(rows(), batch_size=40, learning_rate=0.02, num_candidates=num_candidates)
    seen = 0

    def count(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal seen
        seen += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    mcem.model.decoder.network.register_forward_pre_hook(count)
    assert mcem.step(minibatches[0]).model_evaluations == seen == 40 * 2 * 16 + (70 if num_candidates else 0)


def test_the_papers_algorithm_is_offered_nothing() -> None:
    assert begun(rows(), learning_rate=0.02)[0].num_candidates == 0
    assert begun(rows(), learning_rate=0.02, batch_size=40)[0].num_candidates == 1000


def test_only_the_chains_of_the_batch_move() -> None:
    mcem, minibatches = begun(rows(), batch_size=40, learning_rate=0.02)
    before = mcem.chains.clone()
    mcem.step(minibatches[0])
    moved = (mcem.chains != before).any(-1)
    assert moved[minibatches[0].index].float().mean() > 0.5
    assert int(moved.sum()) == int(moved[minibatches[0].index].sum())


def test_saved_state_continues_bit_equal() -> None:
    mcem, minibatches = begun(rows(), batch_size=40, learning_rate=0.02)
    steps(mcem, minibatches, 0, 7)
    saved = mcem.state_dict()
    expected = steps(mcem, minibatches, 7, 15)
    restored, _ = begun(rows(), batch_size=40, learning_rate=0.02)
    restored.load_state_dict(saved)
    assert steps(restored, minibatches, 7, 15) == expected
    assert torch.equal(restored.chains, mcem.chains)


@pytest.mark.parametrize("num_candidates", [0, 1000])
def test_chains_come_to_the_posterior_and_with_candidates_at_their_first_visit(num_candidates: int) -> None:
    """Starting from the prior, in units of the posterior's width, which is known for a linear Gaussian decoder."""
    stream = seeds.generator("first visit")
    weights, noise = torch.linalg.qr(torch.randn(D, Z, generator=stream))[0] * 2, 0.2
    x = torch.randn(N, Z, generator=stream) @ weights.T + noise * torch.randn(N, D, generator=stream)
    mcem, minibatches = begun(x, batch_size=40, learning_rate=1e-9, prior="none", num_candidates=num_candidates)
    network = mcem.model.decoder.network
    with torch.no_grad():
        network.mean.weight.copy_(weights)
        network.mean.bias.zero_()
        network.log_variance.fill_(2 * torch.tensor(noise).log())
    precision = 1 + (2 / noise) ** 2  # along both axes, as the columns of W are orthogonal and of length 2
    mean = x @ weights / noise**2 / precision

    def squares() -> float:
        return float((mcem.chains - mean).square().sum(-1).mean() * precision)

    assert squares() > 100
    steps(mcem, minibatches, 0, minibatches.per_epoch)
    if num_candidates:
        assert squares() == pytest.approx(Z, rel=0.3)
    else:  # a chain that did not continue from its last state would never come closer
        assert squares() > 10
        steps(mcem, minibatches, minibatches.per_epoch, 30 * minibatches.per_epoch)
        assert squares() == pytest.approx(Z, rel=0.3)
