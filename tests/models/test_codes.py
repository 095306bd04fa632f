"""Discrete codes: the prior is a distribution, samples follow it, and gradients pass where they should."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.architecture import Shape
from bench.architectures.mlp import MLP
from bench.errors import OptionError
from bench.models.codes import CodeModel
from bench.models.observation import observation_model

K, G, D = 3, 2, 5


def code_model(num_codes: int = K, num_groups: int = G, latent_size: int = 4, seed: int = 0) -> CodeModel:
    """A model of 5 pixels whose codes, prior and networks are random and not small."""
    stream = seeds.generator("codes", seed)
    shape, architecture = (
        Shape(latent_size, D, observation_model("bernoulli"), bounded=True),
        MLP(hidden=6, init_scale=1.0),
    )
    decoder, encoder = architecture.decoder(shape, stream), architecture.encoder(shape, stream)
    model = CodeModel(latent_size, decoder, encoder, num_codes, num_groups).double()
    with torch.no_grad():
        for parameter in (model.codebook, model.initial, model.transition):
            parameter.normal_(generator=stream)
    return model


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def every_state(model: CodeModel) -> Tensor:
    return torch.cat(list(model.states(4)))


def chain(model: CodeModel) -> dict[tuple[int, ...], float]:
    """p(k) of each combination, calculated by NumPy."""
    first = np.exp(model.initial.detach().numpy())
    found = {(k,): p for k, p in enumerate(first / first.sum())}
    for logits in model.transition.detach().numpy():
        rows = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        found = {(*k, after): p * rows[k[-1], after] for k, p in found.items() for after in range(rows.shape[1])}
    return found


@pytest.mark.parametrize("num_groups", [1, 2, 4])
def test_the_prior_is_that_of_a_markov_chain_and_sums_to_one(num_groups: int) -> None:
    model = code_model(num_groups=num_groups)
    states, expected = every_state(model), chain(model)
    assert [tuple(row) for row in states.tolist()] == sorted(expected)  # all of them, each once
    assert len(states) == model.num_states == K**num_groups
    p = model.log_prior_of(states).exp()
    assert p.tolist() == pytest.approx([expected[tuple(row)] for row in states.tolist()])
    assert float(p.sum()) == pytest.approx(1)
    torch.testing.assert_close(model.log_prior(model.vectors(states)), model.log_prior_of(states))


@pytest.mark.parametrize("group", [0, 1])
def test_the_prior_of_vectors_adds_codes_that_stand_for_the_same_and_knows_no_others(group: int) -> None:
    model = code_model()
    model.codebook[group, 2] = model.codebook[group, 0]
    states = every_state(model)
    p = model.log_prior_of(states).exp().reshape(K, K).movedim(group, 0)
    expected = torch.stack([p[0] + p[2], p[1], p[0] + p[2]]).movedim(0, group).flatten()
    torch.testing.assert_close(model.log_prior(model.vectors(states)).exp(), expected)
    assert (model.log_prior(model.vectors(states) + 1e-6) == -math.inf).all()


def test_draws_from_the_prior_have_its_frequencies() -> None:
    """Each within five standard errors; by chance one of 9 frequencies lies outside in one of 200,000 runs."""
    model, count = code_model(), 20_000
    drawn = model.sample_codes(count, seeds.generator("draws"))
    for state in every_state(model):
        p = float(model.log_prior_of(state).exp())
        frequency = float((drawn == state).all(-1).double().mean())
        assert abs(frequency - p) < 5 * math.sqrt(p * (1 - p) / count)
    again = model.sample_prior(count, seeds.generator("draws"))
    torch.testing.assert_close(again, model.vectors(drawn))


def test_the_nearest_codes_are_the_nearest() -> None:
    model = code_model(num_codes=7)
    z = torch.randn(50, 4, generator=seeds.generator("z"), dtype=torch.float64)
    codebook = model.codebook.detach().numpy()
    for row, found in zip(z.numpy(), model.nearest(z).tolist(), strict=True):
        for group, part in enumerate(row.reshape(G, 2)):
            assert found[group] == np.square(codebook[group] - part).sum(-1).argmin()
    states = every_state(model)
    assert torch.equal(model.nearest(model.vectors(states)), states)


def test_q_is_a_point_mass_and_the_bound_its_log_joint() -> None:
    model, stream = code_model(), seeds.generator("q")
    x = torch.bernoulli(torch.full((20, D), 0.5, dtype=torch.float64), generator=stream)
    q = model.encode(x)
    assert torch.equal(q.rsample(stream), q.mean)
    assert (q.kl_to_standard_normal() == math.inf).all()
    log_joint = model.log_prior(q.mean) + model.decoder.log_prob(x, q.mean)
    torch.testing.assert_close(model.elbo(x, stream), log_joint)


def test_all_pairs_are_the_pairs_one_by_one() -> None:
    stream = seeds.generator("pairs")
    x, z = torch.rand(6, D, generator=stream), torch.randn(9, 2, generator=stream)
    for likelihood in ("bernoulli", "gaussian", "unit_gaussian"):
        decoder = MLP(hidden=6, init_scale=1.0).decoder(
            Shape(2, D, observation_model(likelihood), bounded=True), stream
        )
        found = decoder.log_prob_of_pairs(x, z).mT
        assert found.shape == (9, 6)
        torch.testing.assert_close(found, torch.stack([decoder.log_prob(x, one.expand(6, -1)) for one in z]))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(OptionError, match=r"`num_groups` must divide z, which is 4 \(got 3\)"):
        code_model(num_groups=3)
    model = code_model()
    with pytest.raises(ValueError, match="z is discrete in this model"):
        model.log_joint_gradient(torch.zeros(2, D, dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64))
