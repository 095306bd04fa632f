"""Importance sampling against the exact likelihood, a hand computation, and its own standard errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from bench import seeds
from bench.errors import OptionError
from bench.estimators.importance import Importance
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.unit_gaussian import UnitGaussian

FALSE_ALARM = 1e-4  # false-alarm rate of each statistical test here, if its seed were not fixed
THRESHOLD = float(stats.norm.isf(FALSE_ALARM / 2))  # in standard errors

BOTH = pytest.mark.parametrize("encoder", [True, False], ids=["encoder", "no encoder"])
PROPOSALS = pytest.mark.parametrize("proposal", ["encoder", "hmc", "variational"])
SIZES = pytest.mark.parametrize("latent_size", [2, 5])


class Folded(nn.Module):
    """z -> |z|: the posterior has two modes, of which a chain visits one."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return self.scale * z.abs(), None


@SIZES
@PROPOSALS
def test_agrees_with_the_exact_likelihood(linear_gaussian: Any, latent_size: int, proposal: str) -> None:
    known = linear_gaussian(latent_size, 100, encoder=proposal == "encoder")
    found = Importance(proposal=proposal).estimate(known.model, known.x, seeds.generator("test-is", latent_size))
    bias = float(found.standard_errors.square().mean()) / 2  # of a logarithm of a mean, downward
    exact = float(known.log_likelihood.mean())
    assert abs(found.mean + bias - exact) < THRESHOLD * found.standard_error
    scores = (found.log_likelihoods - known.log_likelihood) / found.standard_errors
    assert 0.6 < float(scores.square().mean()) < 1.6
    assert found.bias == "lower"
    if proposal != "variational":  # whose diagonal covariance leaves heavy tails, which a warning states
        assert found.warnings == ()


@PROPOSALS
def test_standard_errors_are_what_repeated_runs_vary_by(linear_gaussian: Any, proposal: str) -> None:
    known = linear_gaussian(2, 10, encoder=proposal == "encoder")
    runs = 100
    found = Importance(num_samples=200, proposal=proposal).estimate(
        known.model, known.x.repeat(runs, 1), seeds.generator("test-honest")
    )
    estimates, errors = (v.view(runs, 10).double() for v in (found.log_likelihoods, found.standard_errors))
    ratio = estimates.var(0).mean().sqrt() / errors.square().mean().sqrt()
    assert 0.9 < float(ratio) < 1.1
    ratio_of_means = estimates.mean(1).std() / (errors.square().sum(1).sqrt() / 10).square().mean().sqrt()
    assert 0.8 < float(ratio_of_means) < 1.2


@PROPOSALS
def test_the_likelihood_is_unbiased_and_its_logarithm_low(linear_gaussian: Any, proposal: str) -> None:
    known = linear_gaussian(2, 10, encoder=proposal == "encoder")
    found = Importance(num_samples=3, proposal=proposal).estimate(
        known.model, known.x.repeat(800, 1), seeds.generator("test-unbiased")
    )
    off = found.log_likelihoods - known.log_likelihood.repeat(800)
    ratio = off.exp()
    assert abs(float(ratio.mean()) - 1) < THRESHOLD * float(ratio.std()) / math.sqrt(len(ratio))
    assert float(off.mean()) < -THRESHOLD * float(off.std()) / math.sqrt(len(off))


def test_two_samples_by_hand(linear_gaussian: Any) -> None:
    known = linear_gaussian(2, 5, encoder=True)
    found = Importance(num_samples=2, proposal="encoder").estimate(
        known.model, known.x, seeds.generator("test-by-hand")
    )
    with torch.no_grad():
        network = known.model.encoder.network
        mean, deviation = network.mean(known.x), (0.5 * network.log_variance).exp()
        generator = seeds.generator("test-by-hand")
        z = mean + deviation * torch.randn(2, 5, 2, generator=generator)
        pixels = known.model.decoder.network.mean(z)
        noise = (0.5 * known.model.decoder.network.log_variance).exp()
        normal = torch.distributions.Normal
        expected = normal(pixels, noise).log_prob(known.x).sum(-1)
        expected = expected + normal(0.0, 1.0).log_prob(z).sum(-1) - normal(mean, deviation).log_prob(z).sum(-1)
    weights = expected.double().exp()
    torch.testing.assert_close(found.log_likelihoods, weights.mean(0).log(), rtol=1e-5, atol=1e-5)
    error = weights.std(0, correction=0) / weights.mean(0)  # sd of the mean of two, relative to it
    torch.testing.assert_close(found.standard_errors, error, rtol=1e-4, atol=1e-5)
    effective = weights.sum(0).square() / weights.square().sum(0)
    torch.testing.assert_close(found.diagnostics["effective_sample_size"], effective, rtol=1e-5, atol=1e-5)


@BOTH
def test_chunks_change_nothing(linear_gaussian: Any, encoder: bool) -> None:
    known = linear_gaussian(3, 20, encoder=encoder)
    whole, cut = (
        Importance(num_samples=37, chunk_megabytes=size).estimate(known.model, known.x, seeds.generator("test-chunks"))
        for size in (1e3, 5 * 20 * 12 * 4 / 1e6)  # all at once, and five at a time
    )
    torch.testing.assert_close(whole.log_likelihoods, cut.log_likelihoods, rtol=0, atol=1e-5)
    torch.testing.assert_close(whole.standard_errors, cut.standard_errors, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("encoder", "proposal"),
    [(True, "encoder"), (True, "hmc"), (False, "hmc"), (True, "variational"), (False, "variational")],
)
def test_model_evaluations_are_counted(linear_gaussian: Any, encoder: bool, proposal: str) -> None:
    known, rows = linear_gaussian(2, 7, encoder=encoder), 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    known.model.decoder.network.register_forward_pre_hook(count)
    estimator = Importance(num_samples=33, proposal=proposal)
    assert estimator.estimate(known.model, known.x, seeds.generator("test-count")).model_evaluations == rows


def test_a_datapoint_without_an_estimate_leaves_the_others_alone(linear_gaussian: Any) -> None:
    for encoder in (True, False):
        known = linear_gaussian(2, 6, encoder=encoder)
        ill = known.x.clone()
        ill[2] = math.nan
        sound, found = (
            Importance(num_samples=50).estimate(known.model, x, seeds.generator("test-nan")) for x in (known.x, ill)
        )
        others = [0, 1, 3, 4, 5]
        torch.testing.assert_close(sound.log_likelihoods[others], found.log_likelihoods[others])
        assert found.log_likelihoods[2].isnan()
        assert "1 of 6 datapoints have no finite estimate" in found.warnings[0]


def test_a_bad_encoder_is_told_of(linear_gaussian: Any) -> None:
    known = linear_gaussian(5, 50, encoder=True)
    with torch.no_grad():
        known.model.encoder.network.mean.bias.add_(2.0)
    found = Importance(num_samples=100, proposal="encoder").estimate(known.model, known.x, seeds.generator("test-bad"))
    assert "effective sample size below 10" in found.warnings[0]
    assert (found.diagnostics["effective_sample_size"] < 10).float().mean() > 0.5
    rescued = Importance(num_samples=100, proposal="hmc").estimate(known.model, known.x, seeds.generator("test-bad"))
    assert rescued.warnings == ()
    assert abs(rescued.mean - float(known.log_likelihood.mean())) < 0.02 < abs(found.mean - rescued.mean)


def test_finds_a_mode_that_the_chain_did_not_visit() -> None:
    model, x = LatentVariableModel(1, Decoder(Folded(), UnitGaussian())), torch.linspace(0.5, 8, 30).unsqueeze(-1)
    found = Importance(num_samples=3000).estimate(model, x, seeds.generator("test-modes"))
    grid = torch.linspace(-8, 8, 20_001, dtype=torch.float64)
    with torch.no_grad():
        log_joint = model.log_joint(x, grid.float()[:, None, None].expand(-1, 30, 1))  # [G, N]
    exact = log_joint.double().logsumexp(0) + math.log(16 / 20_000)
    scores = (found.log_likelihoods - exact) / found.standard_errors
    assert float(scores.abs().max()) < THRESHOLD
    assert found.mean == pytest.approx(float(exact.mean()), abs=0.02)


def test_options_and_requests_that_cannot_be_met(linear_gaussian: Any) -> None:
    with pytest.raises(OptionError, match="`num_samples` of importance must be an integer of at least 2"):
        Importance(num_samples=1)
    known = linear_gaussian(2, 3, encoder=False)
    with pytest.raises(OptionError, match="`proposal` of importance cannot be 'encoder'"):
        Importance(proposal="encoder").estimate(known.model, known.x, seeds.generator("test-refused"))


def test_the_generator_alone_decides_and_parameters_gather_nothing(linear_gaussian: Any) -> None:
    known, before = linear_gaussian(2, 4, encoder=False), torch.get_rng_state()

    def run(seed: int) -> Tensor:
        return Importance(num_samples=9).estimate(known.model, known.x, seeds.generator("test", seed)).log_likelihoods

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert not run(0).requires_grad
    assert all(p.grad is None for p in known.model.parameters())
