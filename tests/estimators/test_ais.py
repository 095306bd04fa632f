"""Annealed importance sampling and bidirectional Monte Carlo against the exact likelihood."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from two_modes import two_modes

from bench import seeds
from bench.errors import OptionError
from bench.estimator import Estimator
from bench.estimators.ais import AIS
from bench.estimators.bdmc import BDMC
from bench.estimators.exact import Exact
from bench.estimators.quadrature import Quadrature
from bench.likelihood import bidirectional, bridge, fit, wide_prior
from bench.likelihood.weights import Weighed
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.bernoulli import Bernoulli
from bench.models.observations.unit_gaussian import UnitGaussian

THRESHOLD = float(stats.norm.isf(1e-4 / 2))

STARTS = pytest.mark.parametrize(("start", "num_steps"), [("fitted", 20), ("encoder", 50), ("prior", 200)])


@STARTS
@pytest.mark.parametrize("latent_size", [2, 5])
def test_agrees_with_the_exact_likelihood(linear_gaussian: Any, latent_size: int, start: str, num_steps: int) -> None:
    known = linear_gaussian(latent_size, 40, encoder=start == "encoder")
    found = AIS(start=start, num_steps=num_steps).estimate(known.model, known.x, seeds.generator("test-ais", start))
    off = found.mean - float(known.log_likelihood.mean())
    assert abs(off + found.summary["looseness"]) < THRESHOLD * found.standard_error
    assert abs(off) < 0.1
    assert found.bias == "lower"
    assert found.summary["acceptance"] == pytest.approx(0.65, abs=0.1)


def test_standard_errors_are_what_repeated_runs_vary_by(linear_gaussian: Any) -> None:
    known, runs = linear_gaussian(2, 5, encoder=False), 100
    estimator = AIS(start="prior", num_steps=30, num_chains=32)
    found = estimator.estimate(known.model, known.x.repeat(runs, 1), seeds.generator("test-ais-honest"))
    estimates, errors = (v.view(runs, 5) for v in (found.log_likelihoods, found.standard_errors))
    ratio = estimates.var(0).mean().sqrt() / errors.square().mean().sqrt()
    assert 0.8 < float(ratio) < 1.25


@pytest.mark.parametrize("start", ["fitted", "prior"])
def test_the_likelihood_is_unbiased_and_its_logarithm_low(linear_gaussian: Any, start: str) -> None:
    known = linear_gaussian(3, 4, encoder=False)
    x = known.x.repeat(2400, 1)
    found = AIS(start=start, num_steps=4, num_chains=2).estimate(known.model, x, seeds.generator("test-ais-few"))
    off = found.log_likelihoods - known.log_likelihood.repeat(2400)
    ratio = off.exp()
    assert abs(float(ratio.mean()) - 1) < THRESHOLD * float(ratio.std()) / math.sqrt(len(ratio))
    assert float(off.mean()) < -THRESHOLD * float(off.std()) / math.sqrt(len(off))


@STARTS
def test_bounds_hold_the_truth_between_them(linear_gaussian: Any, start: str, num_steps: int) -> None:
    known = linear_gaussian(4, 2, encoder=start == "encoder")
    few = BDMC(start=start, num_steps=5, num_points=150).estimate(known.model, known.x, seeds.generator("few", start))
    many = BDMC(start=start, num_steps=num_steps, num_points=30).estimate(
        known.model, known.x, seeds.generator("many", start)
    )
    for found in (few, many):
        generator = torch.Generator().manual_seed(found.seed)  # it draws the data first
        drawn = known.model.decoder.sample(known.model.sample_prior(len(found.log_likelihoods), generator), generator)
        exact = Exact().estimate(known.model, drawn, seeds.generator("exact")).log_likelihoods
        upper, error = found.diagnostics["upper"], found.summary["gap_se"]
        assert float((found.log_likelihoods - exact).mean()) < THRESHOLD * error
        assert float((upper - exact).mean()) > -THRESHOLD * error
        assert found.summary["gap"] == pytest.approx(float((upper - found.log_likelihoods).mean()))
    assert few.summary["gap"] > THRESHOLD * few.summary["gap_se"] or start != "prior"
    assert many.summary["gap"] < 0.5 * few.summary["gap"] or many.summary["gap"] < 0.1
    assert len(many.log_likelihoods) == 30


def test_too_few_steps_or_chains_are_refused() -> None:
    with pytest.raises(OptionError, match="`num_steps` of ais must be an integer of at least 3"):
        AIS(num_steps=1)
    with pytest.raises(OptionError, match="`num_chains` of ais must be an integer of at least 2"):
        AIS(num_chains=1)
    with pytest.raises(OptionError, match="`num_points` of bdmc must be an integer of at least 2"):
        BDMC(num_points=1)


class Ragged(nn.Module):
    """A decoder whose output is NaN if z is large."""

    def __init__(self) -> None:
        super().__init__()
        self.location = nn.Linear(2, 6)

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return torch.where(z[..., :1] > 1.0, torch.nan, self.location(z)), None


def test_points_that_the_model_cannot_draw_are_missing_and_the_others_are_kept() -> None:
    model = LatentVariableModel(2, Decoder(Ragged(), Bernoulli()))
    found = BDMC(num_points=60, num_steps=5, num_chains=2).estimate(model, torch.zeros(1, 6), seeds.generator("ragged"))
    assert 0 < found.num_failed < 60
    assert torch.isfinite(found.log_likelihoods[found.finite]).all()
    assert f"{found.num_failed} of 60 datapoints have no finite estimate" in found.warnings[0]
    nowhere = LatentVariableModel(2, Decoder(Ragged().requires_grad_(False), Bernoulli()))
    nowhere.decoder.network.location.weight.fill_(torch.nan)  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="gives no finite E"):
        BDMC(num_points=5).estimate(nowhere, torch.zeros(1, 6), seeds.generator("ragged"))


def test_auto_doubles_the_steps_until_both_bounds_agree(linear_gaussian: Any) -> None:
    known = linear_gaussian(5, 10, encoder=False)
    options: dict[str, Any] = {"num_steps": "auto", "start": "prior", "num_leapfrog": 1, "num_chains": 64}
    found = {}
    for tolerance in (1.0, 0.2):
        estimator = AIS(**options, tolerance=tolerance)
        found[tolerance] = estimator.estimate(known.model, known.x, seeds.generator("test-auto", tolerance))
        off = found[tolerance].mean - float(known.log_likelihood.mean())
        assert abs(off) < tolerance + THRESHOLD * found[tolerance].standard_error
        assert found[tolerance].summary["simulated_gap"] <= tolerance
        assert not any("stopped at" in text for text in found[tolerance].warnings)
    assert found[0.2].summary["num_steps"] > found[1.0].summary["num_steps"]
    both = BDMC(**options, tolerance=0.2, num_points=20).estimate(
        known.model, known.x, seeds.generator("test-auto-both")
    )
    assert both.summary["gap"] <= 0.2


@pytest.mark.parametrize("estimator", [AIS, BDMC])
def test_auto_says_if_its_limit_is_too_low(linear_gaussian: Any, estimator: type[Estimator]) -> None:
    known = linear_gaussian(10, 5, encoder=False)
    options: dict[str, Any] = {
        "start": "prior",
        "num_leapfrog": 1,
        "num_chains": 8,
        "tolerance": 0.01,
        "most_steps": 120,
    }
    found = estimator(num_steps="auto", **options).estimate(known.model, known.x, seeds.generator("test-limit"))
    assert found.summary["num_steps"] == 100
    assert any("num_steps=auto stopped at 100 steps" in text and "Raise most_steps" in text for text in found.warnings)


@pytest.mark.parametrize("estimator", [AIS, BDMC])
def test_all_model_evaluations_of_auto_are_counted(linear_gaussian: Any, estimator: type[Estimator]) -> None:
    known, rows = linear_gaussian(2, 5, encoder=False), 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    known.model.decoder.network.register_forward_pre_hook(count)
    options: dict[str, Any] = {
        "num_steps": "auto",
        "num_chains": 2,
        "num_leapfrog": 1,
        "tolerance": 1e-9,
        "most_steps": 100,
    }
    found = estimator(**options).estimate(known.model, known.x, seeds.generator("test-cost"))
    drawing = 2 * (20 if estimator is AIS else 100)  # means and draws of x are no evaluations of p(x, z)
    assert found.model_evaluations == rows - drawing


class Pair(nn.Module):
    """z -> (a z_1, a |z_2 - c|): the second dimension has two modes, far apart, of unequal mass unless c = 0."""

    def __init__(self, scale: float = 30.0, centre: float = 0.0) -> None:
        super().__init__()
        self.scale, self.centre = nn.Parameter(torch.tensor(scale)), centre

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return self.scale * torch.stack([z[..., 0], (z[..., 1] - self.centre).abs()], -1), None


@pytest.mark.parametrize(("searches", "offered"), [(True, True), (True, False), (False, True)])
def test_both_bounds_take_in_all_modes(monkeypatch: pytest.MonkeyPatch, searches: bool, offered: bool) -> None:
    """A mode has a fifth to a half of the mass: without it, a bound is 0.2 to 0.7 nats off, and its chains agree.

    Chains of the lower bound are in both if both were found for their start; those of the upper bound, if prior draws
    were offered to them.
    """
    if not searches:
        monkeypatch.setattr(fit, "LARGEST_LATENT_SIZE", 0)
    if not offered:
        monkeypatch.setattr(bidirectional, "PRIOR_DRAWS", 1)
    known = LatentVariableModel(2, Decoder(Pair(scale=10.0, centre=0.4), UnitGaussian()))
    found = BDMC(num_points=300, num_steps=50).estimate(known, torch.zeros(1, 2), seeds.generator("test-modes"))
    x = bidirectional.simulate(known, 300, torch.Generator().manual_seed(found.seed))[1]
    truth = Quadrature().estimate(known, x, seeds.generator("truth")).log_likelihoods
    lower, upper = (
        float(((bound - truth) / error).square().mean().sqrt())
        for bound, error in (
            (found.log_likelihoods, found.standard_errors),
            (found.diagnostics["upper"], found.diagnostics["upper_standard_error"]),
        )
    )
    assert lower < 1.3 if searches else lower > 3
    assert searches or float((found.log_likelihoods - truth).mean()) < -0.1
    assert upper < 1.3 if offered else upper > 2


@pytest.mark.parametrize(("share", "deviation"), [(0.3, 0.4), (0.1, 0.2)])
@pytest.mark.parametrize("is_low", [True, False])
def test_chains_start_in_a_wide_mode_beside_a_narrow_one(
    monkeypatch: pytest.MonkeyPatch, share: float, deviation: float, is_low: bool
) -> None:
    """p(x) = 1.  By the threshold of `importance` the wide mode is left to the chains from the prior."""
    if not is_low:
        monkeypatch.setattr(bridge, "START_WEIGHTS", fit.LARGE_WEIGHTS)
    model = two_modes(share, (0.02, deviation))
    found = AIS(num_steps=50).estimate(model, torch.zeros(100, 1), seeds.generator("test-wide-mode", share))
    rms = float((found.log_likelihoods / found.standard_errors).square().mean().sqrt())
    assert (rms < 1.2) == is_low


@pytest.mark.parametrize("few", [fit.FEW_DIMENSIONS, 20])
def test_posteriors_of_different_scales_in_many_dimensions(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Chains explore them badly, and a start that is fitted to a single one costs precision."""
    monkeypatch.setattr(fit, "FEW_DIMENSIONS", few)
    size, generator = 15, seeds.generator("test-scales")
    network = nn.Linear(size, 40, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.randn(40, size, generator=generator) * torch.logspace(-1, 0.7, size))
    model = LatentVariableModel(size, Decoder(WithoutScale(network), UnitGaussian()))
    with torch.no_grad():
        x = model.decoder.sample(model.sample_prior(60, generator), generator)
    weight = network.weight.detach().double()
    exact = torch.distributions.MultivariateNormal(torch.zeros(40).double(), torch.eye(40).double() + weight @ weight.T)
    found = AIS().estimate(model, x, generator)
    rms = float((found.log_likelihoods - exact.log_prob(x.double())).square().mean().sqrt())
    assert rms < 0.05 if few < size else rms > 0.1


class WithoutScale(nn.Module):
    """The location alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return self.network(z), None


@pytest.mark.parametrize("widths", [wide_prior.WIDTHS, (1.0,)])
def test_chains_start_in_modes_in_the_tails_of_the_prior(
    monkeypatch: pytest.MonkeyPatch, widths: tuple[float, ...]
) -> None:
    """At 3.7 and 4.3 standard deviations; the nearer has 0.9 of the mass.  Draws of the prior alone miss one."""
    monkeypatch.setattr(wide_prior, "WIDTHS", widths)
    model = LatentVariableModel(2, Decoder(Pair(centre=4.0), UnitGaussian()))
    found = AIS(num_steps=20).estimate(model, torch.tensor([[0.0, 9.0]]).repeat(20, 1), seeds.generator("test-tails"))
    at = torch.tensor([3.7, 4.3], dtype=torch.float64)  # N(x; 30 |z - 4|, 1) = N(z; m, 1 / 30^2) / 30 around each m
    spread = torch.distributions.Normal(0.0, math.sqrt(1 + 1 / 30**2))
    truth = float((spread.log_prob(at).logsumexp(0) + spread.log_prob(torch.zeros(()))) - 2 * math.log(30))
    off = (found.log_likelihoods - truth) / found.standard_errors
    assert (float(off.square().mean().sqrt()) < 1.5) == (len(widths) > 1)


def test_no_point_is_far_off_without_a_warning() -> None:
    known = LatentVariableModel(2, Decoder(Pair(), UnitGaussian()))
    found = BDMC(num_points=60, num_steps=5, num_leapfrog=1, start="prior").estimate(
        known, torch.zeros(1, 2), seeds.generator("test-far")
    )
    drawn = torch.Generator().manual_seed(found.seed)
    x = known.decoder.sample(known.sample_prior(60, drawn), drawn)
    truth = Quadrature().estimate(known, x, seeds.generator("truth")).log_likelihoods
    off = truth - found.log_likelihoods
    wide = (off > 0.3) & (off > 3 * found.standard_errors)
    assert wide.any()
    assert any("datapoints may be farther apart than 0.3 nats" in text for text in found.warnings)


@pytest.mark.parametrize(("tolerance", "remedy"), [(0.3, "Raise most_steps."), (2.5, "Lower tolerance.")])
def test_auto_names_simulated_points_that_are_far_off_though_the_mean_gap_is_small(
    tolerance: float, remedy: str
) -> None:
    """Chains that stay in one of two modes are off by a factor for each datapoint, up or down, which averages out."""
    known = LatentVariableModel(2, Decoder(Pair(), UnitGaussian()))
    options: dict[str, Any] = {"start": "prior", "num_leapfrog": 1, "most_steps": 400, "tolerance": tolerance}
    found = AIS(num_steps="auto", **options).estimate(known, torch.zeros(2, 2), seeds.generator("test-far-auto"))
    assert abs(found.summary["simulated_gap"]) < tolerance
    assert found.summary["looseness"] < tolerance
    drawn = bidirectional.simulate(known, 200, seeds.generator("test-far-drawn"))[1]
    truth = Quadrature().estimate(known, drawn, seeds.generator("truth")).log_likelihoods
    steps = int(found.summary["num_steps"])
    again = AIS(num_steps=steps, start="prior", num_leapfrog=1).estimate(known, drawn, seeds.generator("again"))
    off = truth - again.log_likelihoods
    assert ((off > 0.3) & (off > 3 * again.standard_errors)).any()
    (far,) = (text for text in found.warnings if "simulated datapoints may be farther apart than 0.3 nats" in text)
    assert far.endswith(remedy)
    assert any("stopped at 400 steps" in text for text in found.warnings) == (tolerance == 0.3)


def test_a_warning_of_far_bounds_states_what_is_beyond_the_limit() -> None:
    """A gap of 0.23 nats whose upper bound has an error of 0.1: together 0.33, beyond 0.3."""
    zeros = torch.zeros(2, dtype=torch.float64)
    lower, upper = (
        Weighed(mean, error, effective=zeros + 8, pareto_k=zeros, num_samples=16)
        for mean, error in ((zeros, zeros + 0.01), (-torch.tensor([0.23, 0.0]).double(), zeros + 0.1))
    )
    (warning,) = bidirectional.Sandwich(lower, upper, (), 1).warnings("Raise num_steps.")
    assert warning.startswith(
        "The bounds of 1 of 2 simulated datapoints may be farther apart than 0.3 nats and 3 standard errors (by up to "
        "0.33 nats, with the error of the upper bound)"
    )


def test_bounds_that_agree_give_no_warning(linear_gaussian: Any) -> None:
    found = BDMC(num_points=20, num_steps=50).estimate(
        linear_gaussian(2, 1, encoder=False).model, torch.zeros(1, 5), seeds.generator("test-near")
    )
    assert found.warnings == ()
    assert found.summary["gap"] < 0.1


def test_the_forward_divergence_of_a_known_encoder(linear_gaussian: Any) -> None:
    """KL(p(z|x) || q(z|x)) by the formula for Gaussians, whose means differ by x."""
    known = linear_gaussian(3, 1, encoder=True)
    estimator = BDMC(num_points=200, num_steps=10, num_chains=8, num_leapfrog=2)
    found = estimator.estimate(known.model, known.x, seeds.generator("forward"))
    drawn = torch.Generator().manual_seed(found.seed)
    x = known.model.decoder.sample(known.model.sample_prior(200, drawn), drawn)
    linear = known.model.linear_gaussian()
    mean = (x - linear.bias) @ linear.weights @ known.posterior_covariance.double() / linear.variance
    with torch.no_grad():
        q = known.model.encode(x)
    exact = torch.distributions.MultivariateNormal(mean, known.posterior_covariance.double())
    encoded = torch.distributions.MultivariateNormal(q.mean.double(), q.log_variance.double().exp().diag_embed())
    expected = float(torch.distributions.kl_divergence(exact, encoded).mean().detach())
    assert expected > 0.05
    assert found.summary["forward_kl"] == pytest.approx(expected, abs=THRESHOLD * found.summary["forward_kl_se"])
    assert found.summary["eubo"] > found.mean
