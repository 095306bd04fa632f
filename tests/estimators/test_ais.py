"""Annealed importance sampling and bidirectional Monte Carlo against the exact likelihood."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from bench import seeds
from bench.errors import OptionError
from bench.estimators.ais import AIS
from bench.estimators.bdmc import BDMC
from bench.estimators.exact import Exact
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.bernoulli import Bernoulli

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
    x = known.x.repeat(300, 1)
    found = AIS(start=start, num_steps=4, num_chains=2).estimate(known.model, x, seeds.generator("test-ais-few"))
    off = found.log_likelihoods - known.log_likelihood.repeat(300)
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
