"""Models that were trained elsewhere: wrapped, they give the known truth; what does not fit is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import estimate_log_likelihood, seeds, wrap_model
from bench.errors import OptionError
from bench.likelihood.diagnosis import diagnose
from bench.models.latent import LatentVariableModel

D, Z = 12, 2
NOISE = 0.6


class Line(nn.Module):
    """x = W z + b + s e, as images [N, 1, 3, 4]; with a constant scale of the requested kind."""

    is_affine = True

    def __init__(self, scale: str = "log_variance", dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        stream = seeds.generator("wrapped line")
        self.weight = nn.Parameter(torch.randn(D, Z, generator=stream).to(dtype))
        self.bias = nn.Parameter(torch.randn(D, generator=stream).to(dtype))
        self.scale = {"log_variance": 2 * math.log(NOISE), "log_deviation": math.log(NOISE), "deviation": NOISE}[scale]

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        assert z.ndim == 2
        mean = (z @ self.weight.T + self.bias).reshape(-1, 1, 3, 4)
        return mean, mean.new_tensor(self.scale)


class Posterior(nn.Module):
    """The exact posterior mean of `Line`, and a variance half as large again; takes images only."""

    def __init__(self, line: Line, scale: str = "log_variance") -> None:
        super().__init__()
        precision = torch.eye(Z).to(line.weight) + line.weight.T @ line.weight / NOISE**2
        covariance = torch.linalg.inv(precision.detach())
        self.register_buffer("weight", covariance @ line.weight.detach().T / NOISE**2)
        self.register_buffer("bias", line.bias.detach().clone())
        variance = 1.5 * covariance.diagonal()
        kinds = {"log_variance": variance.log(), "log_deviation": 0.5 * variance.log(), "deviation": variance.sqrt()}
        self.register_buffer("scale", kinds[scale])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        assert x.shape[1:] == (1, 3, 4)
        return (x.flatten(1) - self.bias) @ self.weight.T, self.scale


def data(line: Line, count: int = 40) -> tuple[Tensor, Tensor]:
    """Samples from the model, with their exact log p(x) in float64."""
    stream = seeds.generator("wrapped data")
    z, noise = torch.randn(count, Z, generator=stream), torch.randn(count, D, generator=stream)
    weight, bias = line.weight.detach().double(), line.bias.detach().double()
    x = (z.double() @ weight.T + bias + NOISE * noise.double()).to(line.weight)
    covariance = weight @ weight.T + NOISE**2 * torch.eye(D, dtype=torch.float64)
    return x, torch.distributions.MultivariateNormal(bias, covariance).log_prob(x.double())


def wrapped(line: Line, *, encoder: bool = True, **settings: Any) -> LatentVariableModel:
    network = Posterior(line) if encoder else None
    return wrap_model(line, network, latent_size=Z, observation_model="gaussian", image_shape=(1, 3, 4), **settings)


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize(
    ("estimator", "tolerance"),
    [
        ("exact", 1e-4),
        ("importance[num_samples=500]", 0.01),
        ("importance[proposal=variational]", 0.02),
        ("ais[num_steps=40]", 0.02),
        ("quadrature", 1e-3),
        ("hmc[num_samples=200]", 0.1),
    ],
)
def test_estimators_agree_with_the_closed_form(estimator: str, tolerance: float, encoder: bool) -> None:
    line = Line()
    x, truth = data(line)
    found = estimate_log_likelihood(wrapped(line, encoder=encoder), x.reshape(-1, 3, 4), estimator)
    assert found.mean == pytest.approx(float(truth.mean()), abs=tolerance)
    assert ((found.log_likelihoods - truth).abs() < (6 * found.standard_errors).clamp_min(25 * tolerance)).all()


def test_bdmc_brackets_the_truth() -> None:
    """It draws its own data: the gap is between bounds on their log p(x)."""
    line = Line()
    found = estimate_log_likelihood(wrapped(line), data(line)[0], "bdmc[num_steps=40,num_points=30]")
    assert abs(found.summary["gap"]) < 0.05


def test_the_encoder_is_used() -> None:
    line = Line()
    x, truth = data(line)
    model = wrapped(line)
    found = estimate_log_likelihood(model, x, "importance[proposal=encoder,num_samples=2000]")
    assert found.mean == pytest.approx(float(truth.mean()), abs=0.01)
    diagnosis = diagnose(model, x, found.log_likelihoods, found.standard_errors, seeds.generator("wrapped diagnosis"))
    precision = torch.eye(Z) + line.weight.T @ line.weight / NOISE**2  # of the posterior; the best q has its diagonal
    ratio = precision.diagonal() * model.encode(x).log_variance[0].exp()
    assert diagnosis.amortisation_gap == pytest.approx((0.5 * (ratio - 1 - ratio.log()).sum()).item(), abs=0.05)
    assert diagnosis.latents.num_active == Z


@pytest.mark.parametrize("scale", ["log_variance", "log_deviation", "deviation"])
def test_scales_of_either_network(scale: Any) -> None:
    line = Line(scale)
    x, truth = data(line)
    model = wrap_model(
        line,
        Posterior(line, scale),
        latent_size=Z,
        observation_model="gaussian",
        image_shape=(1, 3, 4),
        decoder_scale=scale,
        encoder_scale=scale,
    )
    assert estimate_log_likelihood(model, x, "exact").mean == pytest.approx(float(truth.mean()), abs=1e-4)
    torch.testing.assert_close(model.encode(x).log_variance, wrapped(Line()).encode(x).log_variance)


def test_double_precision_is_kept() -> None:
    line = Line(dtype=torch.float64)
    x, truth = data(line)
    model = wrapped(line)
    assert model.dtype == torch.float64
    found = estimate_log_likelihood(model, x.numpy(), "exact").log_likelihoods
    torch.testing.assert_close(found, truth, rtol=1e-10, atol=1e-10)
    assert model.sample_prior(3, seeds.generator("wrapped prior")).dtype == torch.float64


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_is_the_networks_own() -> None:
    line = Line().cuda()
    x, truth = data(Line())
    found = estimate_log_likelihood(wrapped(line), x, "importance[num_samples=200]")
    assert found.log_likelihoods.device.type == "cuda"
    assert found.mean == pytest.approx(float(truth.mean()), abs=0.05)


def test_a_convolutional_decoder_is_what_its_pixels_say() -> None:
    """log p(x|z) by hand, gradients, and unchanged batch statistics and modes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = [nn.Linear(3, 8), nn.Unflatten(1, (2, 2, 2)), nn.BatchNorm2d(2), nn.ELU(), nn.Dropout2d(0.5)]
        decoder = nn.Sequential(*body, nn.ConvTranspose2d(2, 1, 2, stride=2))
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    model = wrap_model(decoder, latent_size=3)
    x = torch.bernoulli(torch.full((5, 4, 4), 0.4), generator=seeds.generator("wrapped images"))
    found = estimate_log_likelihood(model, x, "importance[num_samples=400]")
    closer = estimate_log_likelihood(model, x, "quadrature")
    torch.testing.assert_close(found.log_likelihoods, closer.log_likelihoods, rtol=0, atol=0.2)
    assert decoder.training
    assert all(torch.equal(before[name], value) for name, value in decoder.state_dict().items())
    decoder.eval()
    z = torch.randn(7, 5, 3, generator=seeds.generator("wrapped z"))
    logits = torch.stack([decoder(row) for row in z]).flatten(2)
    expected = -nn.functional.binary_cross_entropy_with_logits(logits, x.flatten(1).expand_as(logits), reduction="none")
    torch.testing.assert_close(model.decoder.log_prob(x.flatten(1), z), expected.sum(-1))


def test_probabilities_become_logits() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        logits = nn.Linear(Z, D)
    x = torch.bernoulli(torch.full((6, D), 0.4), generator=seeds.generator("wrapped pixels"))
    by_logits = wrap_model(logits, latent_size=Z)
    by_probabilities = wrap_model(nn.Sequential(logits, nn.Sigmoid()), latent_size=Z, probabilities=True)
    z = torch.randn(6, Z, generator=seeds.generator("wrapped z"))
    torch.testing.assert_close(by_probabilities.log_joint(x, z), by_logits.log_joint(x, z))
    certain = wrap_model(nn.Sequential(nn.Linear(Z, D), nn.Threshold(1e9, 0.0)), latent_size=Z, probabilities=True)
    assert torch.isfinite(certain.log_joint(x, z)).all()  # p = 0, and x = 1


class Returns(nn.Module):
    """A network whose output is made from its input."""

    def __init__(self, output: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.output = output
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor) -> object:
        return self.output(inputs)


def pixels(z: Tensor) -> Tensor:
    return z.sum(-1, keepdim=True).expand(-1, D)


@pytest.mark.parametrize(
    ("output", "settings", "words"),
    [
        (pixels, {"latent_size": 0}, "`latent_size` must be an integer of at least 1 (got 0)"),
        (pixels, {"observation_model": "bernouli"}, "Did you mean 'bernoulli'"),
        (pixels, {"decoder_scale": "sigma"}, "`decoder_scale` must be one of log_variance"),
        (pixels, {"encoder_scale": "sigma"}, "`encoder_scale` must be one of log_variance"),
        (pixels, {"observation_model": "gaussian"}, "`decoder` must return a tuple (location, scale) for gaussian"),
        (lambda z: (pixels(z), pixels(z)), {}, "`decoder` must return one tensor for bernoulli"),
        (lambda z: (pixels(z), z.new_zeros(5)), {"observation_model": "gaussian"}, "Tensor [2, 12], Tensor [5]"),
        (lambda z: {"x": z}, {}, "(got dict)"),
        (lambda z: pixels(z)[:1], {}, "`decoder` must return [N, ...] (got shape (1, 12) for N = 2)"),
        (lambda z: pixels(z).detach(), {}, "`decoder` must be differentiable in z"),
        (lambda z: z @ torch.zeros(7, D), {}, "`decoder` fails on an input of shape (2, 2) (RuntimeError"),
        (lambda z: pixels(z) - 3, {"probabilities": True}, "`decoder` must return values in [0, 1]"),
        (pixels, {"probabilities": True, "observation_model": "unit_gaussian"}, "`probabilities` is for"),
    ],
)
def test_decoders_that_do_not_fit_are_refused(output: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"\.$") as caught:
        wrap_model(Returns(output), **{"latent_size": Z, **settings})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("output", "settings", "words"),
    [
        (lambda x: x[:, :Z], {}, "`encoder` must return a tuple (mean, scale) of tensors"),
        (lambda x: (x[:, :3], x[:, :3]), {}, "`encoder` must return a mean [N, 2], with `latent_size` columns (got"),
        (lambda x: (x[:, :Z], x[:, :3]), {}, "of the same shape (got a tuple of (Tensor [2, 2], Tensor [2, 3]))"),
        (nn.Conv2d(1, 1, 3), {}, "`encoder` fails on an input of shape (2, 12)"),
        (lambda x: x, {"image_shape": (1, 5, 5)}, "`image_shape` must have 12 values, as many as `decoder` outputs"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(output: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        wrap_model(Returns(pixels), Returns(output), latent_size=Z, **settings)
    assert words in str(caught.value)
    assert "image_shape" in str(caught.value) or "fails" not in words


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(OptionError, match=r"`decoder` must be a torch.nn.Module \(got function\)"):
        wrap_model(pixels, latent_size=Z)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(3, 7), r"`x` must have 12 values per row.*\(got shape \(3, 7\)\)"),
        (torch.zeros(12), r"`x` must be \[N, D\]"),
        (torch.full((2, 12), math.nan), "`x` must be finite"),
        (torch.full((2, 12), 2.0), r"bernoulli, which needs data in \[0, 1\] \(got 2 to 2\): rescale"),
    ],
)
def test_data_that_do_not_fit_are_refused(x: Tensor, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        estimate_log_likelihood(wrap_model(Returns(pixels), latent_size=Z), x)
