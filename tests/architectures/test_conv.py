"""Convolutional networks: shapes of any image, which pixel is where, initial weights, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench import seeds
from bench.algorithms.aevb import AEVB
from bench.architecture import Shape
from bench.architectures.conv import Conv, ConvDecoder, ConvEncoder
from bench.errors import OptionError
from bench.models.initialisation import draw_he_weights
from bench.models.observation import observation_model
from bench.training.problem import Problem

SIZES = [(4, 4), (5, 4), (7, 9), (8, 8), (28, 20), (28, 28), (33, 6)]


def shape(size: tuple[int, int], observed: str = "gaussian", *, bounded: bool = True) -> Shape:
    return Shape(3, size[0] * size[1], observation_model(observed), bounded, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("observed", ["gaussian", "bernoulli"])
def test_images_of_any_size(size: tuple[int, int], observed: str) -> None:
    stream = seeds.generator("conv")
    conv, num_pixels = Conv(hidden=6, channels=2), size[0] * size[1]
    location, log_variance = conv.decoder_network(shape(size, observed), stream)(torch.randn(2, 5, 3))
    assert location.shape == (2, 5, num_pixels)
    assert (log_variance is not None) == (observed == "gaussian")
    mean, log_variance = conv.encoder_network(shape(size, observed), stream)(torch.rand(2, 5, num_pixels))
    assert mean.shape == log_variance.shape == (2, 5, 3)


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (28, 20)], ids=str)
def test_every_pixel_is_seen_and_drawn(size: tuple[int, int]) -> None:
    """The gradient of each input, and the influence of z on each output, are not zero."""
    stream = seeds.generator("conv")
    built = Problem(torch.rand(4, size[0] * size[1]), 3, Conv(hidden=20, channels=3), "bernoulli", image_shape=size)
    model = built.model(encoder=True)
    x = torch.rand(4, size[0] * size[1], generator=stream).requires_grad_()
    model.encode(x).mean.square().sum().backward()
    assert x.grad is not None
    seen = (x.grad != 0).any(0).reshape(size)
    assert seen[: size[0] // 4 * 4, : size[1] // 4 * 4].all()  # a rest that no whole kernel fits is left out
    z = torch.randn(200, 3, generator=stream)
    assert (model.decoder.mean(z).std(0) > 0).all()


@pytest.mark.parametrize("size", [(8, 12), (9, 7)], ids=str)
def test_neighbouring_pixels_have_neighbouring_causes(size: tuple[int, int]) -> None:
    """A pixel in a corner reaches only that corner of the first layers: rows and columns are not mixed up."""
    encoder = Conv(hidden=6, channels=2).encoder_network(shape(size), seeds.generator("conv"))
    assert isinstance(encoder, ConvEncoder)
    first = encoder.layers[:2]
    x = torch.zeros(1, *size)
    blank = first(x.flatten(1))
    x[0, 1, size[1] - 2] = 1  # top right
    rows, columns = (first(x.flatten(1)) != blank).any(1)[0].nonzero(as_tuple=True)
    assert rows.max() <= 1
    assert columns.min() >= (size[1] - 2) // 2 - 1


def test_weights_start_with_hes_variance() -> None:
    """Of an output's inputs: 4 x 4 x channels for a convolution, a quarter of that for a transposed one of stride 2."""
    stream = seeds.generator("conv")
    conv = Conv(hidden=300, channels=32)
    decoder, encoder = (build(shape((28, 28)), stream) for build in (conv.decoder_network, conv.encoder_network))
    assert isinstance(decoder, ConvDecoder)
    assert isinstance(encoder, ConvEncoder)
    inputs = {"1": 16, "3": 16 * 32, "6": 64 * 49}
    for name, count in inputs.items():
        weight = dict(encoder.layers.named_parameters())[f"{name}.weight"].double()
        assert weight.var().item() == pytest.approx(2 / count, rel=6 * (2 / weight.numel()) ** 0.5)
    for name, count in {"0": 3, "2": 300, "5": 64 * 4, "7": 32 * 4}.items():
        weight = dict(decoder.layers.named_parameters())[f"{name}.weight"].double()
        assert weight.var().item() == pytest.approx(2 / count, rel=6 * (2 / weight.numel()) ** 0.5)
    assert all((p == 0).all() for name, p in decoder.named_parameters() if name.endswith("bias"))


def test_activations_keep_their_scale_through_a_transposed_convolution() -> None:
    """As He's initialisation promises for rectified inputs: each output has variance 1."""
    means = []
    for seed in range(20):
        layer = nn.ConvTranspose2d(64, 64, 4, 2, padding=1)
        draw_he_weights(layer, seeds.generator("conv", seed))
        inputs = torch.randn(20, 64, 6, 6, generator=seeds.generator("x", seed)).relu()
        means.append(layer(inputs)[:, :, 2:-2, 2:-2].detach().square().mean().item())
    assert np.mean(means) == pytest.approx(1, abs=5 * np.std(means) / 20**0.5)
    assert np.std(means) / 20**0.5 < 0.05


def squares(count: int) -> Tensor:
    """Images of 8 x 8 with a bright square of 3 x 3 at a random place: what convolutions are good at."""
    x = np.zeros((count, 8, 8), np.float32)
    for image, (row, column) in zip(x, np.random.default_rng(0).integers(0, 6, (count, 2)), strict=True):
        image[row : row + 3, column : column + 3] = 1
    return torch.from_numpy(x)


def test_it_learns_images_given_with_rows_and_columns() -> None:
    """From far below what a model without z could reach: the entropy of the average pixel."""
    x = squares(300)
    p = x.flatten(1).mean(0).clamp(1e-3, 1 - 1e-3)
    without_z = float((p * p.log() + (1 - p) * (1 - p).log()).sum())
    algorithm = AEVB(
        latent_size=4, model="conv[hidden=40,channels=8]", optimiser="adam", learning_rate=3e-3, device="cpu"
    )
    algorithm.fit(x, budget=12_000)
    assert algorithm.history[0]["elbo_train"] < without_z
    assert algorithm.history[-1]["elbo_train"] > without_z + 5


def test_what_are_no_images_is_refused_by_fit() -> None:
    algorithm = AEVB(latent_size=2, model="conv[hidden=5]", learning_rate=0.01, device="cpu")
    with pytest.raises(OptionError, match=r"conv does not suit the data, .* give x as \[N, rows, columns\]"):
        algorithm.fit(torch.rand(20, 64), budget=10)
    with pytest.raises(OptionError, match=r"needs images of at least 4 x 4 pixels \(got 1 x 64 values per datapoint\)"):
        algorithm.fit(torch.rand(20, 1, 64), budget=10)
    with pytest.raises(OptionError, match="divides z between two layers and needs more than 1 latent dimensions"):
        AEVB(latent_size=1, model="hierarchical", learning_rate=0.01, device="cpu").fit(torch.rand(20, 8), budget=10)
    assert algorithm.fit(np.random.default_rng(0).random((20, 1, 6, 7)), budget=10).history


def test_conv_without_a_shape_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="The model conv needs images"):
        Conv().encoder_network(Shape(2, 16, observation_model("bernoulli"), bounded=True), seeds.generator("conv"))
