"""Proposals for posteriors with several modes: each is found, weighted by its mass, and no other proposal changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from two_modes import two_modes

from bench import seeds
from bench.estimators.importance import Importance
from bench.estimators.quadrature import Quadrature
from bench.likelihood import fit, wide_prior
from bench.likelihood.fit import fit_mixture
from bench.likelihood.full_gaussian import FullGaussian
from bench.likelihood.proposal import Component, DefensiveMixture
from bench.mcmc.posterior import Samples, sample_posterior
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observation import ObservationModel
from bench.models.observations.unit_gaussian import UnitGaussian


class Folded(nn.Module):
    """z -> 30 |z - c|: two modes in each dimension, of deviation 1/30 and of unequal mass unless c = 0."""

    def __init__(self, centre: tuple[float, ...]) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.tensor(centre))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return 30 * (z - self.centre).abs(), None


class NarrowAndWide(nn.Module):
    """For x = (0, 0): a mode of deviation 0.05 at -1, whose density ``penalty`` lowers, and one of 0.5 at 3.5."""

    def __init__(self, penalty: float) -> None:
        super().__init__()
        self.penalty = nn.Parameter(torch.tensor(penalty))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        narrow = torch.cat([20 * (z + 1), self.penalty.expand_as(z)], -1)
        wide = torch.cat([1.73 * (z - 4.67), torch.zeros_like(z)], -1)
        return torch.where(z < 1, narrow, wide), None


class ByBroadcasting(UnitGaussian):
    """An observation model whose pairs are not matrix products."""

    log_prob_of_pairs = ObservationModel.log_prob_of_pairs


def folded(*centre: float, observation_model: ObservationModel | None = None) -> LatentVariableModel:
    return LatentVariableModel(len(centre), Decoder(Folded(centre), observation_model or UnitGaussian()))


def standard_normal(num_data: int) -> FullGaussian:
    return FullGaussian(torch.zeros(num_data, 1), torch.ones(num_data, 1, 1), torch.ones(num_data, 1, 1))


def truth_of(model: LatentVariableModel, x: Tensor) -> Tensor:
    return Quadrature().estimate(model, x, seeds.generator("truth")).log_likelihoods


@pytest.mark.parametrize(("centre", "modes"), [((0.4,), 2), ((0.4, -0.2), 4)], ids=["two modes", "four modes"])
def test_each_mode_gets_a_component_and_its_mass(centre: tuple[float, ...], modes: int) -> None:
    model, x = folded(*centre), 20 + 0.1 * torch.arange(40.0).unsqueeze(-1).expand(-1, len(centre))
    proposal, _ = fit_mixture(model, x, seeds.generator("test-modes"))
    torch.testing.assert_close(proposal.log_mass.logsumexp(0).double(), truth_of(model, x), rtol=0, atol=0.05)
    assert [len(component.rows) for component in proposal.components] == [40] * modes
    means = torch.stack([component.gaussian.mean for component in proposal.components])  # [M, N, d]
    apart = (means.unsqueeze(0) - means.unsqueeze(1)).norm(dim=-1) + 9 * torch.eye(modes).unsqueeze(-1)
    assert float(apart.min()) > 1.0


@pytest.mark.parametrize("searches", [False, True])
def test_no_mode_is_missed_unseen(monkeypatch: pytest.MonkeyPatch, searches: bool) -> None:
    if not searches:
        monkeypatch.setattr(fit, "LARGEST_LATENT_SIZE", 0)
    model, x = folded(0.4, -0.2), torch.full((60, 2), 20.0)
    found = Importance().estimate(model, x, seeds.generator("test-modes"))
    off = found.log_likelihoods - truth_of(model, x[:1])
    if not searches:
        assert ((off < -0.2) & (off < -5 * found.standard_errors)).double().mean() > 0.1
    else:
        assert 0.8 < float((off / found.standard_errors).square().mean().sqrt()) < 1.2
        assert float(found.diagnostics["effective_sample_size"].min()) > 200
        assert found.warnings == ()


@pytest.mark.parametrize("widths", [(1.0,), wide_prior.WIDTHS], ids=["prior", "wider"])
def test_modes_in_the_tails_of_the_prior_are_found(monkeypatch: pytest.MonkeyPatch, widths: tuple[float, ...]) -> None:
    """Four modes, of which two have nearly all the mass: 3.7 and 4.3 of the prior's standard deviations out."""
    monkeypatch.setattr(wide_prior, "WIDTHS", widths)
    model, x = folded(4.0, 0.0), torch.tensor([9.0, 15.0]).expand(60, 2)
    estimate = Importance().estimate(model, x, seeds.generator("test-tails"))
    normal = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), math.sqrt(1 + 1 / 900))
    modes = torch.tensor([[4 - 0.3, 4 + 0.3], [-0.5, 0.5]])  # of each dimension; together they overlap nowhere
    truth = (normal.log_prob(modes).logsumexp(-1) - math.log(30)).sum()
    off = estimate.log_likelihoods - truth
    if widths == (1.0,):
        assert (off < -0.5).double().mean() > 0.9
    else:
        assert 0.8 < float((off / estimate.standard_errors).square().mean().sqrt()) < 1.2
        assert float(estimate.diagnostics["effective_sample_size"].min()) > 200
        assert estimate.warnings == ()


@pytest.mark.parametrize("penalty", [1.8, 2.2, 2.4])
def test_wide_modes_in_the_tails_of_the_prior_are_found(penalty: float) -> None:
    """Of 2 to 8 % of the mass, which is more than the prior's share of the proposal copes with."""
    model = LatentVariableModel(1, Decoder(NarrowAndWide(penalty), UnitGaussian()))
    axis = torch.linspace(-8, 8, 40_001, dtype=torch.float64).view(-1, 1, 1)
    precise = LatentVariableModel(1, Decoder(NarrowAndWide(penalty), UnitGaussian())).double()
    with torch.no_grad():
        truth = precise.log_joint(torch.zeros(1, 2, dtype=torch.float64), axis).logsumexp(0) + math.log(16 / 40_000)
    estimate = Importance().estimate(model, torch.zeros(200, 2), seeds.generator("test-wide-tails"))
    scores = (estimate.log_likelihoods - truth) / estimate.standard_errors
    assert 0.8 < float(scores.square().mean().sqrt()) < 1.2
    assert float(estimate.diagnostics["effective_sample_size"].min()) > 200
    assert estimate.warnings == ()


@pytest.mark.parametrize(("num_rows", "searches"), [(0, 1), (2, 1), (3, 2)])
def test_there_is_another_search_if_many_rows_got_a_component(num_rows: int, searches: int) -> None:
    """Of 100 rows, so many have a second mode with half of the mass."""
    model, x = folded(2.0), torch.tensor([10.0] * num_rows + [60.0] * (100 - num_rows)).unsqueeze(-1)
    proposal, cost = fit_mixture(model, x, seeds.generator("test-another"))
    assert sum(len(component.rows) for component in proposal.components[1:]) == num_rows
    assert cost == 100 * 902 + num_rows * 802 + searches * fit.MOST_SEARCHED


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_standard_errors_hold_for_wide_modes(share: float) -> None:
    """Modes of a hundredth of the prior: its draws reach them, but too few for a sound standard error."""
    model = two_modes(share)
    found = Importance().estimate(model, torch.zeros(500, 1), seeds.generator("test-wide", share))
    scores = found.log_likelihoods / found.standard_errors
    assert 0.9 < float(scores.square().mean().sqrt()) < 1.2
    assert found.warnings == ()


def test_a_row_to_which_nothing_is_added_has_the_same_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """At x = 60 the second mode has 0.03 % of the mass, at x = 10 half of it or more."""
    model, x = folded(2.0), torch.tensor([60.0, 10.0]).repeat(20).unsqueeze(-1)
    found = Importance().estimate(model, x, seeds.generator("test-same")).log_likelihoods
    monkeypatch.setattr(fit, "LARGEST_LATENT_SIZE", 0)  # no search
    without = Importance().estimate(model, x, seeds.generator("test-same")).log_likelihoods
    assert torch.equal(found[::2], without[::2])
    torch.testing.assert_close(found[1::2], truth_of(model, x[1:2]).expand(20), rtol=0, atol=0.2)
    assert not (found[1::2] == without[1::2]).any()


def test_little_is_added_for_a_gaussian_posterior(linear_gaussian: Any) -> None:
    """A fit to 50 draws is good enough in few dimensions; in more, a few candidates lie in its tails."""
    for latent_size, most in ((1, 0), (2, 0), (5, 0), (20, 20), (21, 0)):
        known = linear_gaussian(latent_size, 200, encoder=False)
        proposal, _ = fit_mixture(known.model, known.x, seeds.generator("test-one-mode", latent_size))
        assert sum(len(component.rows) for component in proposal.components[1:]) <= most


def test_memory_limits_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = folded(0.4, -0.2), 20 + 0.1 * torch.arange(20.0).unsqueeze(-1).expand(-1, 2)
    whole, _ = fit_mixture(model, x, seeds.generator("test-memory"))
    monkeypatch.setattr(fit, "VALUES_AT_ONCE", 1000)
    monkeypatch.setattr(fit, "DRAWS_AT_ONCE", 128)
    cut, _ = fit_mixture(model, x, seeds.generator("test-memory"))
    assert [component.rows.tolist() for component in whole.components] == [
        component.rows.tolist() for component in cut.components
    ]
    torch.testing.assert_close(whole.log_mass, cut.log_mass)


@pytest.mark.parametrize("ill", [torch.nan, torch.inf, 1e30])
def test_an_ill_row_stops_no_search(ill: float) -> None:
    model, x = folded(0.4, -0.2), torch.full((6, 2), 20.0)
    x[2] = ill
    proposal, _ = fit_mixture(model, x, seeds.generator("test-ill"))
    others = [0, 1, 3, 4, 5]
    expected = truth_of(model, x[others])
    torch.testing.assert_close(proposal.log_mass.logsumexp(0)[others].double(), expected, rtol=0, atol=0.05)


def test_what_lacks_a_component_and_where_it_starts() -> None:
    """One row after another: its chain has no density; the same, and one candidate has none; all is covered; it is
    covered by both components together; and the weight of one candidate is no number."""
    inf = math.inf
    first, second = (
        Component(torch.tensor(rows), standard_normal(len(rows)), torch.tensor(log_mass))
        for rows, log_mass in (([0, 1, 2, 3, 4], [-inf, -inf, 0.0, -9.0, -inf]), ([3], [0.0]))
    )
    draws, chosen = torch.tensor([[0.1], [0.2], [0.3]]), torch.arange(3, dtype=torch.int32).unsqueeze(-1).expand(3, 5)
    log_weights = torch.zeros(3, 5)
    log_weights[0], log_weights[2] = torch.tensor([[-50.0, -inf, -inf, -2.0, math.nan], [-1.0, -1.0, -inf, -1.0, -1.0]])
    proposal = DefensiveMixture([first, second], model := folded(0.4))
    rows, start = fit._lacking(
        proposal, fit.Candidates(draws, model.log_prior(draws), chosen, log_weights), large_weight=25.0
    )
    assert rows.tolist() == [0, 1, 4]
    assert torch.equal(start, draws[[1, 1, 1]])


@pytest.mark.parametrize(("times", "lacks"), [(0.5, False), (2.0, True)])
def test_far_out_a_weight_counts_by_the_density_of_the_draws(times: float, lacks: bool) -> None:
    """At z = 6, where the proposal has next to no density: so many times what is large, by the fraction that counts."""
    proposal = DefensiveMixture([Component(torch.tensor([0]), standard_normal(1), torch.zeros(1))], folded(0.4))
    draws, log_density = torch.tensor([[6.0]]), torch.tensor([-4.0])
    log_weights = torch.tensor([[math.log(times * 25 * fit.LEAST_DENSITY)]])
    candidates = fit.Candidates(draws, log_density, torch.zeros(1, 1, dtype=torch.int32), log_weights)
    rows, _ = fit._lacking(proposal, candidates, large_weight=25.0)
    assert bool(len(rows)) == lacks


@pytest.mark.parametrize(
    ("observation_model", "shape", "searched"),
    [
        (UnitGaussian(), (7, 1), fit.MOST_SEARCHED),
        (UnitGaussian(), (5000, 4), 2**13),
        (ByBroadcasting(), (7, 1), fit.MOST_SEARCHED),
        (ByBroadcasting(), (500, 30), 2**12),
        (ByBroadcasting(), (500, 784), fit.LEAST_SEARCHED),
    ],
)
def test_how_many_draws_are_searched(
    observation_model: ObservationModel, shape: tuple[int, int], searched: int
) -> None:
    model = folded(0.4, observation_model=observation_model)
    assert fit._num_searched(model, torch.zeros(shape)) == searched


def test_the_cost_is_that_of_all_chains_and_of_the_search() -> None:
    model, rows = folded(0.4), 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    model.decoder.network.register_forward_pre_hook(count)
    proposal, cost = fit_mixture(model, torch.full((7, 1), 20.0), seeds.generator("test-cost"))
    assert [len(component.rows) for component in proposal.components] == [7, 7]
    assert cost == rows == 7 * (902 + 802) + 2 * fit.MOST_SEARCHED  # nothing is added after the second search


def test_in_many_dimensions_the_component_is_fitted_to_several_chains(
    monkeypatch: pytest.MonkeyPatch, linear_gaussian: Any
) -> None:
    """Nothing is searched there; the covariance is nearer to that of the posterior than with a single chain."""
    known = linear_gaussian(fit.LARGEST_LATENT_SIZE + 1, 10, encoder=False)
    errors = []
    for num_chains in (fit.MANY_CHAINS, 1):
        monkeypatch.setattr(fit, "MANY_CHAINS", num_chains)
        (component,), cost = _fitted(known.model, known.x)
        root = component.gaussian.root.double()
        errors.append(float((root @ root.mT - known.posterior_covariance).norm(dim=(-2, -1)).mean()))
        assert component.rows.tolist() == list(range(10))
        assert cost == num_chains * 10 * 902
    assert errors[0] < 0.6 * errors[1]


def _fitted(model: LatentVariableModel, x: Tensor) -> tuple[Sequence[Component], int]:
    proposal, cost = fit_mixture(model, x, seeds.generator("test-many"))
    return proposal.components, cost


def test_what_has_no_density_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def scored(self: Decoder, x: Tensor, z: Tensor) -> Tensor:
        score = z[:, 0].expand(len(x), -1).clone()
        score[:, ::2], score[:, 1::4] = torch.nan, torch.inf
        return score

    monkeypatch.setattr(Decoder, "log_prob_of_pairs", scored)
    candidates = fit._candidates(model := folded(0.4), torch.zeros(3, 1), seeds.generator("test-hidden"))
    chosen = candidates.chosen.long()
    of_prior = model.log_prior(candidates.draws) - candidates.log_density
    torch.testing.assert_close(candidates.log_weights, candidates.draws[chosen, 0] + of_prior[chosen])
    z, log_joint = torch.randn(20, 2, 1, generator=seeds.generator("test-hidden")), torch.zeros(20, 2)
    log_joint[3, 0] = torch.nan
    samples = Samples(z, log_joint, -z, torch.ones(2), torch.zeros(2), torch.ones(2), 0)
    log_mass = fit._component(samples, torch.arange(2), torch.float32).log_mass
    assert log_mass[0] == -torch.inf
    assert log_mass[1].isfinite()


def test_the_search_leaves_the_generator_alone_and_differs_from_call_to_call(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = folded(0.4), torch.full((7, 1), 20.0)
    generator, same = seeds.generator("test-beside"), seeds.generator("test-beside")
    first, _ = fit_mixture(model, x, generator)
    sample_posterior(model, x, same, num_warmup=50, num_samples=50, num_leapfrog=4)
    assert torch.equal(generator.get_state(), same.get_state())
    again, _ = fit_mixture(model, x, seeds.generator("test-beside"))
    assert torch.equal(first.log_mass, again.log_mass)
    found, streams = fit._candidates, []
    monkeypatch.setattr(fit, "_candidates", lambda *given: streams.append(given[2].initial_seed()) or found(*given))
    for _ in range(2):
        fit_mixture(model, x, generator)
    assert len(set(streams)) == 2
