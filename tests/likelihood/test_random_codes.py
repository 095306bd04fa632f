"""The diagnosis of a model whose encoder draws its codes, against sums over all codes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.architectures.mlp import MLP
from bench.likelihood.diagnosis import diagnose
from bench.likelihood.random_code_family import RandomCodeFamily, mutual_information
from bench.models.frozen import frozen
from bench.models.random_codes import RandomCodeModel
from bench.training.problem import Problem

NUM_CODES = 5


def made(num_groups: int) -> tuple[RandomCodeModel, Tensor]:
    """A model with weights that are not small, and 40 datapoints."""
    x = torch.bernoulli(torch.full((40, 8), 0.5), generator=seeds.generator("pixels of codes"))
    networks = Problem(x, 2, MLP(hidden=6, init_scale=0.8), "bernoulli").model(encoder=True)
    model = RandomCodeModel.around(networks, NUM_CODES, num_groups)
    model.draw_codebook(seeds.generator("codebook of codes"))
    return model, x


@torch.no_grad()
def summed(model: RandomCodeModel, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x), log p(x, k) and log q(k|x) of all states, in float64: [N], [S, N], [S, N]."""
    (codes,) = model.states(1000)
    log_p = model.log_joint_of(x, codes.unsqueeze(1).expand(-1, len(x), -1)).double()
    of_each = model.log_posterior_of_each(x).double()  # [N, G, K]
    log_q = torch.stack([sum(of_each[:, g, k] for g, k in enumerate(row)) for row in codes.tolist()])  # type: ignore[misc]
    return log_p.logsumexp(0), log_p, log_q


@pytest.mark.parametrize("num_groups", [1, 2])
def test_gaps_are_those_of_the_sums(num_groups: int) -> None:
    """The encoder's bound is E_q[log p(x, k) - log q(k|x)]; the best q is the posterior if there is one group."""
    model, x = made(num_groups)
    log_likelihood, log_p, log_q = summed(model, x)
    found = diagnose(model, x, log_likelihood, torch.zeros(40), seeds.generator("diagnosis of codes"), 40)
    bound = float((log_q.exp() * (log_p - log_q)).sum(0).mean())
    assert abs(found.bound - bound) < 4 * found.amortisation_gap_se
    assert bound < found.best_bound <= float(log_likelihood.mean()) + 4 * found.approximation_gap_se + 1e-5
    if num_groups == 1:
        assert found.approximation_gap == pytest.approx(0, abs=1e-5)
        assert found.approximation_gap_se == pytest.approx(0, abs=1e-5)
    assert found.num_states == NUM_CODES**num_groups
    assert found.calibration is None


def test_the_best_q_is_a_maximum() -> None:
    """No product of distributions that gradient ascent of the exact bound finds is more than 0.01 nats better."""
    model, x = made(2)
    _, log_p, log_q = summed(model, x)
    with frozen(model), torch.no_grad():
        family = RandomCodeFamily(model)
        best = family.ascend(x, model.log_posterior_of_each(x), seeds.generator("best q")).double()
    (codes,) = model.states(1000)

    def bound(of_each: Tensor) -> Tensor:
        log_normalised = of_each.log_softmax(-1)
        log_each = log_normalised[:, 0, codes[:, 0]].T + log_normalised[:, 1, codes[:, 1]].T  # [S, N]
        return (log_each.exp() * (log_p - log_each)).sum(0).mean()

    reached = float(bound(best))
    free = best.clone().requires_grad_()
    optimiser = torch.optim.Adam([free], lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (-bound(free)).backward()
        optimiser.step()
    start = float((log_q.exp() * (log_p - log_q)).sum(0).mean())
    assert start + 0.1 < reached
    assert float(bound(free).detach()) < reached + 0.01


@pytest.mark.parametrize("num_groups", [1, 2])
def test_information_is_that_of_the_sums(num_groups: int) -> None:
    """I(x; k) = sum_k E_x[q(k|x) log q(k|x) / q(k)], and the KL to the prior, summed over groups."""
    model, x = made(num_groups)
    log_likelihood, _, log_q = summed(model, x)
    found = diagnose(model, x, log_likelihood, torch.zeros(40), seeds.generator("diagnosis of codes"), 40).latents
    aggregate = log_q.logsumexp(1, keepdim=True) - math.log(40)
    assert found.mutual_information == pytest.approx(float((log_q.exp() * (log_q - aggregate)).sum(0).mean()), abs=0.05)
    (codes,) = model.states(1000)
    log_prior = model.log_prior_of(codes).double().unsqueeze(1).detach()
    assert float(found.kl.sum()) == pytest.approx(float((log_q.exp() * (log_q - log_prior)).sum(0).mean()), abs=0.05)
    one_hot = model.log_posterior_of_each(x).detach().double().exp()
    torch.testing.assert_close(found.variance, (one_hot - one_hot.mean(0)).square().mean(0).sum(-1))


def test_codes_that_are_drawn_alike_carry_nothing() -> None:
    alike = torch.full((30, 1, 4), -math.log(4), dtype=torch.float64)
    codes = torch.randint(4, (5, 30, 1), generator=seeds.generator("codes alike"))
    assert mutual_information(alike, codes) == pytest.approx(0, abs=1e-12)
