"""The deep networks: moments of the initial weights, structure, and densities near the limits of floating point."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn import functional

from bench import seeds
from bench.architectures.deep import Deep
from bench.models.dropout import attach_generator
from bench.models.latent import LatentVariableModel
from bench.training.problem import Problem

LIKELIHOODS = ("bernoulli", "gaussian", "unit_gaussian")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeds.generator("deep", seed), dtype=torch.float64)


def model(likelihood: str, *, dtype: torch.dtype = torch.float64, bounded: bool = True) -> LatentVariableModel:
    """A model of 3 pixels with 2 latent dimensions, in evaluation mode."""
    x = torch.zeros(5, 3, dtype=dtype)
    return Problem(x, 2, Deep(hidden=6, keep=0.9), likelihood, bounded).model(encoder=True).eval()


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_weights_start_with_hes_variance_and_biases_at_zero(likelihood: str) -> None:
    wide = Problem(torch.zeros(5, 784), 20, Deep(), likelihood, seed=3).model(encoder=True)
    layers = linear_layers(wide)
    gaussian = 2 if likelihood == "gaussian" else 1
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        *((20, 500), (500, 500), (500, 784 * gaussian)),
        *((784, 500), (500, 500), (500, 40)),
    ]
    for layer in layers:
        assert (layer.bias == 0).all()
        scaled = layer.weight.double().flatten() * (layer.in_features / 2) ** 0.5
        # four standard errors of the mean, variance and kurtosis of a standard normal sample
        assert abs(scaled.mean()) < 4 / len(scaled) ** 0.5
        assert abs(scaled.var() - 1) < 4 * (2 / len(scaled)) ** 0.5
        assert abs(scaled.pow(4).mean() - 3) < 4 * (96 / len(scaled)) ** 0.5


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two, other = (
        Problem(torch.zeros(5, 9), 2, Deep(hidden=5), "bernoulli", seed=seed).model(encoder=True) for seed in (1, 1, 2)
    )
    for mine, same, different in zip(one.parameters(), two.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, same)
        assert mine.ndim == 1 or not torch.equal(mine, different)


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_networks_are_the_written_out_ones(likelihood: str, bounded: bool) -> None:
    """Encoder elu then tanh, decoder tanh then elu, standard deviation 1e-6 + softplus."""
    built, x, z = model(likelihood, bounded=bounded), normal(7, 3), normal(7, 2, seed=1)

    def run(network: nn.Module, inputs: Tensor, *activations: object) -> Tensor:
        first, second, last = linear_layers(network)
        return last(activations[1](second(activations[0](first(inputs)))))  # type: ignore[operator]  # functions

    assert built.encoder is not None
    mean, spread = run(built.encoder, x, functional.elu, torch.tanh).chunk(2, -1)
    posterior = built.encode(x)
    torch.testing.assert_close(posterior.mean, mean)
    torch.testing.assert_close((posterior.log_variance / 2).exp(), 1e-6 + functional.softplus(spread))

    out = run(built.decoder, z, torch.tanh, functional.elu)
    location, log_variance = built.decoder.outputs(z)
    if likelihood == "gaussian":
        out, spread = out.chunk(2, -1)
        assert log_variance is not None
        torch.testing.assert_close((log_variance / 2).exp(), 1e-6 + functional.softplus(spread))
    else:
        assert log_variance is None
    torch.testing.assert_close(location, torch.sigmoid(out) if bounded and likelihood != "bernoulli" else out)


def test_the_log_probability_of_a_softplus_scale_is_scipys() -> None:
    decoder, z, x = model("gaussian").decoder, normal(7, 2), normal(7, 3, seed=1)
    hidden = decoder.network[:-1](z)  # type: ignore[index]  # a Sequential
    mean, spread = decoder.network[-1].affine(hidden).detach().chunk(2, -1)  # type: ignore[index]
    deviation = 1e-6 + np.logaddexp(0, spread.numpy())
    expected = stats.norm.logpdf(x, torch.sigmoid(mean), deviation).sum(-1)
    np.testing.assert_allclose(decoder.log_prob(x, z).detach(), expected, rtol=1e-12)


def test_the_smallest_deviation_is_finite_with_finite_gradients_in_float32() -> None:
    built = model("gaussian", dtype=torch.float32)
    with torch.no_grad():
        linear_layers(built.decoder)[-1].bias[3:] = -200.0
    z = normal(4, 2).float()
    _, log_variance = built.decoder.outputs(z)
    assert log_variance is not None
    torch.testing.assert_close(log_variance, torch.full((4, 3), 2 * math.log(1e-6)))
    log_prob = built.decoder.log_prob(torch.zeros(4, 3), z)
    log_prob.sum().backward()
    assert torch.isfinite(log_prob).all()
    assert all(torch.isfinite(p.grad).all() for p in built.decoder.parameters() if p.grad is not None)


def test_the_least_deviation_is_of_pixels_alone() -> None:
    x = torch.zeros(5, 3, dtype=torch.float64)
    built = Problem(x, 2, Deep(hidden=6, min_deviation=0.5), "gaussian").model(encoder=True).eval()
    assert built.encoder is not None
    with torch.no_grad():
        for network in (built.encoder, built.decoder):
            last = linear_layers(network)[-1]
            last.bias[last.out_features // 2 :] = -50.0
    _, log_variance = built.decoder.outputs(normal(4, 2))
    assert log_variance is not None
    torch.testing.assert_close((log_variance / 2).exp(), torch.full_like(log_variance, 0.5))
    deviation = (built.encode(normal(4, 3)).log_variance / 2).exp()
    torch.testing.assert_close(deviation, torch.full_like(deviation, 1e-6))


@pytest.mark.parametrize("spread", [-4.0, -8.0, -12.0])
def test_an_encoder_thrown_to_tiny_deviations_is_led_back(spread: float) -> None:
    """The divergence's gradient in the spread v is (s^2 - 1) sigmoid(v) / s, also where s is 1e-5.

    A first update of Adagrad or Adam may move s that far; a latent dimension without a gradient would stay there.
    """
    built = model("bernoulli")
    assert built.encoder is not None
    head = linear_layers(built.encoder)[-1]
    with torch.no_grad():
        head.weight.zero_()
        head.bias[2:] = spread
    built.encode(normal(1, 3)).kl_to_standard_normal().sum().backward()
    deviation = 1e-6 + math.log1p(math.exp(spread))
    expected = (deviation - 1 / deviation) / (1 + math.exp(-spread))
    assert head.bias.grad is not None
    torch.testing.assert_close(head.bias.grad[2:], torch.full((2,), expected, dtype=torch.float64))
    assert expected < -0.8  # descent raises the spread


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilities_are_clipped_also_where_floats_cannot_say_so(dtype: torch.dtype) -> None:
    """A certain pixel that is wrong costs log 1e8 nats, not infinitely many, and one that is right 1e-8."""
    built = model("bernoulli", dtype=dtype)
    with torch.no_grad():
        for parameter in built.decoder.parameters():
            parameter.mul_(1e4)
    z = normal(20, 2).to(dtype)
    logits, _ = built.decoder.outputs(z)
    assert (logits.abs() > 18).sum() > 50
    probability = torch.sigmoid(logits.double())
    assert probability.min() > 0.999e-8
    assert probability.max() <= 1 - 0.999e-8
    certain = logits.abs().min(-1).values > 18
    x = (logits > 0).to(dtype)
    wrong, right = built.decoder.log_prob(1 - x, z)[certain], built.decoder.log_prob(x, z)[certain]
    torch.testing.assert_close(wrong, torch.full_like(wrong, -3 * math.log(1e8)), rtol=1e-6, atol=0)
    assert (right > -1e-5).all()


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_gradient_of_the_joint_is_its_finite_difference(likelihood: str, bounded: bool) -> None:
    built, x, z = model(likelihood, bounded=bounded), normal(5, 3).sigmoid(), normal(4, 5, 2, seed=1)
    steps = 1e-6 * torch.eye(2, dtype=torch.float64)
    ahead, behind = (torch.stack([built.log_joint(x, z + sign * step) for step in steps], -1) for sign in (1, -1))
    expected = ((ahead - behind) / 2e-6).detach()
    torch.testing.assert_close(built.log_joint_gradient(x, z), expected, rtol=1e-6, atol=1e-6)


def test_dropout_stands_after_each_hidden_layer_and_is_scaled() -> None:
    """In training mode outputs vary, and each hidden layer of encoder and decoder has its own mask."""
    built, stream = model("bernoulli").train(), seeds.generator("masks")
    attach_generator(built, stream)
    x, z = normal(1, 3).expand(500, 3), normal(1, 2).expand(500, 2)
    assert built.encoder is not None
    for network, inputs in ((built.encoder.network, x), (built.decoder.network, z)):
        values = inputs
        masked = 0
        for number, layer in enumerate(network.children()):
            before, values = values, layer(values)
            if number in (2, 5):
                masked += 1
                kept = values != 0
                torch.testing.assert_close(values[kept], before[kept] / 0.9)
                assert 0.85 < kept.double().mean() < 0.95
        assert masked == 2


@pytest.mark.parametrize("share", [0, 1.1])
def test_shares_outside_their_range_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="`keep` of deep must be a number above 0 and at most 1"):
        Deep(keep=share)
