"""Proposals: normalised, sampled from their stated density, and fitted to a known posterior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from bench import seeds
from bench.likelihood.fit import fit_mixture
from bench.likelihood.full_gaussian import FullGaussian, fit_moments, fit_scores
from bench.likelihood.proposal import (
    Component,
    DefensiveMixture,
    EncoderProposal,
    PriorProposal,
    Proposal,
    StratifiedMixture,
)
from bench.mcmc.posterior import Samples, sample_posterior

FALSE_ALARM = 1e-4  # false-alarm rate of each statistical test here, if its seed were not fixed


def chain(known: Any, num_samples: int) -> Samples:
    generator = seeds.generator("test-proposal-chain")
    return sample_posterior(known.model, known.x, generator, num_warmup=50, num_samples=num_samples, num_leapfrog=4)


def proposals(linear_gaussian: Any) -> dict[str, Proposal]:
    known = linear_gaussian(2, 3, encoder=True)
    with torch.no_grad():
        encoder = EncoderProposal(known.model.encoder(known.x))
    student, _ = fit_mixture(known.model, known.x, seeds.generator("test-proposal-chain"))
    first = Component(torch.arange(3), round_gaussian(3, 0.0, 0.5), torch.tensor([0.0, -1.0, -math.inf]))
    second = Component(torch.tensor([1, 2]), round_gaussian(2, 3.0, 0.2), torch.zeros(2))
    mixture = DefensiveMixture([first, second], known.model)
    wider = StratifiedMixture(mixture, num_chains=4)  # none of which is spared for the prior
    prior = PriorProposal(known.model, 3)
    return {"encoder": encoder, "student": student, "mixture": mixture, "wider": wider, "prior": prior}


def round_gaussian(num_data: int, mean: float, deviation: float) -> FullGaussian:
    eye = torch.eye(2).expand(num_data, 2, 2)
    return FullGaussian(torch.full((num_data, 2), mean), eye * deviation, eye / deviation)


def covariance(q: FullGaussian) -> Tensor:
    return q.root @ q.root.mT


@pytest.mark.parametrize("kind", ["encoder", "student", "mixture", "wider", "prior"])
def test_normalised(linear_gaussian: Any, kind: str) -> None:
    axis = torch.linspace(-9, 9, 601)
    grid = torch.cartesian_prod(axis, axis).unsqueeze(1) * torch.tensor([[1.0], [-1.0], [1.0]])  # [G, N, d]
    mass = proposals(linear_gaussian)[kind].log_prob(grid).double().exp().sum(0) * (18 / 600) ** 2
    torch.testing.assert_close(mass, torch.ones(3, dtype=torch.float64), rtol=0, atol=2e-3)


@pytest.mark.parametrize("kind", ["encoder", "student", "mixture", "wider", "prior"])
def test_draws_follow_the_density(linear_gaussian: Any, kind: str) -> None:
    proposal = proposals(linear_gaussian)[kind]
    z = proposal.sample(4000, seeds.generator("test-proposal-draws"))
    axis = torch.linspace(-9, 9, 801)
    grid = torch.cartesian_prod(axis, axis).unsqueeze(1).expand(-1, 3, -1)
    mass = proposal.log_prob(grid).double().exp().view(801, 801, 3).sum(1)  # of the first dimension
    cumulative = (mass.cumsum(0) - 0.5 * mass) / mass.sum(0)
    for n in range(3):
        ranks = np.interp(z[:, n, 0].numpy(), axis.numpy(), cumulative[:, n].numpy())
        assert stats.kstest(ranks, "uniform").pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("centre", "num_chains"),
    [((0.0, 0.0), 4), ((0.0, 0.0), 16), ((3.0, 3.0), 4), ((3.0, 3.0), 16), ((-1.6, 1.6), 8), ((-1.6, 1.6), 16)],
)
def test_weights_of_strata_average_to_the_integral(
    linear_gaussian: Any, num_chains: int, centre: tuple[float, float]
) -> None:
    """Of a normalised density, in the middle of a component or where only the prior is; half of the rows have two."""
    model, rows = linear_gaussian(2, 1, encoder=False).model, 60_000
    first = Component(torch.arange(rows), round_gaussian(rows, 0.0, 0.2), torch.full((rows,), 1.2))
    second = Component(torch.arange(rows // 2), round_gaussian(rows // 2, 3.0, 0.3), torch.zeros(rows // 2))
    stratified = StratifiedMixture(DefensiveMixture([first, second], model), num_chains)
    assert (stratified.num_prior > 0) == (num_chains >= 8)
    z = stratified.sample(num_chains, seeds.generator("test-strata", num_chains))
    target = torch.distributions.Normal(torch.tensor(centre), torch.tensor(0.2))
    log_weights = target.log_prob(z).sum(-1) - stratified.log_prob(z)
    means = (log_weights + stratified.log_factors(log_weights)).exp().mean(0)  # [rows]
    for covered in means.chunk(2)[: 1 if centre[0] > 0 else 2]:
        error = float(covered.std()) / math.sqrt(len(covered))
        assert error < 0.15
        assert abs(float(covered.mean()) - 1) < stats.norm.isf(FALSE_ALARM / 2) * error


def test_each_component_has_its_share_of_the_chains(linear_gaussian: Any) -> None:
    """Rounded up or down, in the mean exactly, and apart from the chains that begin at prior draws."""
    rows, num_chains, shares = 2000, 16, torch.tensor([0.7, 0.2, 0.1])
    components = [
        Component(torch.arange(rows), round_gaussian(rows, 20.0 * m, 0.1), torch.full((rows,), math.log(share)))
        for m, share in enumerate(shares.tolist())
    ]
    stratified = StratifiedMixture(DefensiveMixture(components, linear_gaussian(2, 1, encoder=False).model), num_chains)
    z = stratified.sample(num_chains, seeds.generator("test-shares"))[2:, :, 0]
    counts = torch.stack([((z - 20 * m).abs() < 5).sum(0) for m in range(3)]).double()  # [M, rows]
    expected = 14 * stratified.mixture.shares.double()
    assert ((counts - expected).abs() < 1).all()
    torch.testing.assert_close(counts.mean(1), expected[:, 0], rtol=0, atol=0.05)


def test_scores_fit_a_gaussian_posterior_better_than_moments(linear_gaussian: Any) -> None:
    known = linear_gaussian(5, 40, encoder=False)
    samples = chain(known, 50)
    exact = known.posterior_covariance.double()
    deviation = exact.diagonal().sqrt()

    def errors(q: FullGaussian) -> tuple[float, float]:
        of_mean = ((q.mean - known.posterior_mean) / deviation).square().mean().sqrt()
        of_covariance = ((covariance(q) - exact).norm(dim=(-2, -1)) / exact.norm()).square().mean().sqrt()
        return float(of_mean), float(of_covariance)

    by_scores, by_moments = errors(fit_scores(samples.z, samples.gradient)), errors(fit_moments(samples.z))
    assert max(by_scores) < 0.03
    assert min(by_moments) > 0.1


@pytest.mark.parametrize("still", ["z and gradient", "z", "not finite"])
def test_a_chain_that_stood_still_stops_no_other(linear_gaussian: Any, still: str) -> None:
    samples = chain(linear_gaussian(3, 4, encoder=False), 20)
    z, gradient = samples.z.clone(), samples.gradient.clone()
    z[:, 1] = torch.nan if still == "not finite" else z[0, 1]
    if still != "z":
        gradient[:, 1] = torch.inf if still == "not finite" else 1e4
    others = [0, 2, 3]
    ill_fits = (fit_scores(z, gradient), fit_moments(z))
    sound_fits = (fit_scores(samples.z, samples.gradient), fit_moments(samples.z))
    for ill, sound in zip(ill_fits, sound_fits, strict=True):
        torch.testing.assert_close(ill.mean[others], sound.mean[others])
        torch.testing.assert_close(covariance(ill)[others], covariance(sound)[others])
        assert torch.isfinite(ill.root).all()
        shift = ill.inverse_root[1] @ (ill.mean[1] - torch.nan_to_num(z).double().mean(0)[1])
        assert float(shift.norm()) < 1.01 * 3**0.5  # in standard deviations, though the gradient is 10,000


def test_moments_of_fewer_draws_than_dimensions() -> None:
    q = fit_moments(torch.randn(4, 2, 6, generator=seeds.generator("test-proposal-few")))
    assert torch.isfinite(q.log_prob(torch.zeros(2, 6, dtype=torch.float64))).all()


def test_the_inverse_root_is_one(linear_gaussian: Any) -> None:
    samples = chain(linear_gaussian(3, 4, encoder=False), 20)
    for q in (fit_scores(samples.z, samples.gradient), fit_moments(samples.z)):
        torch.testing.assert_close(q.root @ q.inverse_root, torch.eye(3, dtype=torch.float64).expand(4, 3, 3))
        exact = torch.distributions.MultivariateNormal(q.mean, covariance(q))
        z = samples.z.double()
        torch.testing.assert_close(q.log_prob(z), exact.log_prob(z))
