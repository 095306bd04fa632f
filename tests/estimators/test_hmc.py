"""The paper's estimator against the exact likelihood and against its own standard errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from bench import seeds
from bench.estimators.hmc import HMC
from bench.likelihood.estimate import inflation
from bench.mcmc import posterior
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.unit_gaussian import UnitGaussian

FALSE_ALARM = 1e-4  # false-alarm rate of each statistical test here, if its seed were not fixed
THRESHOLD = float(stats.norm.isf(FALSE_ALARM / 2))  # in standard errors

BOTH = pytest.mark.parametrize("encoder", [True, False], ids=["encoder", "no encoder"])


@BOTH
@pytest.mark.parametrize(("latent_size", "bias"), [(2, 0.02), (5, 0.06)])
def test_agrees_with_the_exact_likelihood(linear_gaussian: Any, latent_size: int, bias: float, encoder: bool) -> None:
    known = linear_gaussian(latent_size, 200, encoder=encoder)
    found = HMC().estimate(known.model, known.x, seeds.generator("test-hmc-estimate", latent_size))
    off = found.mean - float(known.log_likelihood.mean())
    assert -THRESHOLD * found.standard_error < off < bias + THRESHOLD * found.standard_error
    assert found.standard_error < 0.05
    assert found.bias == "upward"
    assert found.warnings == ()
    assert float(found.diagnostics["acceptance"].mean()) == pytest.approx(0.9, abs=0.03)
    assert found.diagnostics["divergences"].shape == (200,)


@pytest.mark.parametrize(("num_samples", "lowest", "highest"), [(50, 0.9, 1.2), (150, 0.9, 1.15)])
def test_standard_errors_are_what_repeated_runs_vary_by(
    linear_gaussian: Any, num_samples: int, lowest: float, highest: float
) -> None:
    known, runs = linear_gaussian(2, 10, encoder=False), 100
    estimator = HMC(num_samples=num_samples)
    found = estimator.estimate(known.model, known.x.repeat(runs, 1), seeds.generator("test-hmc-honest"))
    estimates, errors = (v.view(runs, 10) for v in (found.log_likelihoods, found.standard_errors))
    ratio = estimates.var(0).mean().sqrt() / errors.square().mean().sqrt() * inflation(found.degrees)
    assert lowest < float(ratio) < highest


def test_biased_upward_where_draws_are_few_for_the_dimensions(linear_gaussian: Any) -> None:
    known = linear_gaussian(10, 300, encoder=False)
    found = HMC(num_samples=20, num_chains=1).estimate(known.model, known.x, seeds.generator("test-hmc-bias"))
    off = found.log_likelihoods - known.log_likelihood
    assert float(off.mean()) > THRESHOLD * float(off.std()) / math.sqrt(len(off))
    assert "upward" in found.warnings[0]


@pytest.mark.parametrize(("latent_size", "warned"), [(5, False), (6, True)])
def test_warns_above_five_dimensions(linear_gaussian: Any, latent_size: int, warned: bool) -> None:
    known = linear_gaussian(latent_size, 3, encoder=True)
    found = HMC(num_samples=10).estimate(known.model, known.x, seeds.generator("test-hmc-warned"))
    assert any("good below about 5 latent dimensions" in text for text in found.warnings) == warned


@BOTH
def test_model_evaluations_are_counted(linear_gaussian: Any, encoder: bool) -> None:
    known, rows = linear_gaussian(2, 7, encoder=encoder), 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    known.model.decoder.network.register_forward_pre_hook(count)
    found = HMC(num_samples=10, num_warmup=3, num_leapfrog=2).estimate(known.model, known.x, seeds.generator("test"))
    assert found.model_evaluations == rows == 4 * 7 * (2 + 2 * 2 * 23 + (0 if encoder else posterior.NUM_CANDIDATES))


@BOTH
def test_a_datapoint_without_an_estimate_leaves_the_others_alone(linear_gaussian: Any, encoder: bool) -> None:
    known = linear_gaussian(2, 6, encoder=encoder)
    ill = known.x.clone()
    ill[2] = math.nan
    estimator, others = HMC(num_samples=10), [0, 1, 3, 4, 5]
    sound, found = (estimator.estimate(known.model, x, seeds.generator("test-hmc-nan")) for x in (known.x, ill))
    torch.testing.assert_close(sound.log_likelihoods[others], found.log_likelihoods[others])
    assert not torch.isfinite(found.log_likelihoods[2])
    assert "1 of 6 datapoints have no finite estimate" in found.warnings[0]
    assert "1 of 6 datapoints had fewer than 10% of their transitions accepted" in found.warnings[-1]
    assert found.num_failed == 1
    assert found.mean == pytest.approx(float(found.log_likelihoods[others].mean()))


def test_the_generator_alone_decides(linear_gaussian: Any) -> None:
    known, before = linear_gaussian(2, 4, encoder=False), torch.get_rng_state()

    def run(seed: int) -> Tensor:
        return HMC(num_samples=10).estimate(known.model, known.x, seeds.generator("test", seed)).log_likelihoods

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None for p in known.model.parameters())


def test_too_few_draws_say_so_and_so_does_a_mean_that_is_too_high(linear_gaussian: Any) -> None:
    known = linear_gaussian(5, 100, encoder=False)
    found = HMC(num_samples=10, num_chains=1).estimate(known.model, known.x, seeds.generator("test-hmc-few"))
    assert found.mean > float(known.log_likelihood.mean()) + 0.1
    assert any("10 draws are too few to fit a density in 5 dimensions" in text for text in found.warnings)
    assert any("nats too high" in text for text in found.warnings)


class Folded(nn.Module):
    """z -> |z| in the first dimension: two modes, far apart."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return self.scale * z.abs(), None


def test_chains_in_different_modes_are_told_of() -> None:
    model = LatentVariableModel(2, Decoder(Folded(), UnitGaussian()))
    found = HMC().estimate(model, torch.full((10, 2), 8.0), seeds.generator("test-hmc-modes"))
    assert any("stay in different places (R-hat above 1.2)" in text for text in found.warnings)
    assert float(found.diagnostics["r_hat"].max()) > 1.2
