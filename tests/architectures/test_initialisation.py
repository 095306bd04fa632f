"""How parameters begin: drawn, as in the paper, or with biases of 0."""

from __future__ import annotations

import pytest
import torch

import bench
from bench import seeds
from bench.architecture import Architecture, Shape
from bench.architectures.linear import Linear
from bench.architectures.mlp import MLP
from bench.models.observation import observation_model


def networks(architecture: Architecture, decoder: str) -> dict[str, torch.Tensor]:
    """The initial parameters of both networks, by name, from the same generator every time."""
    shape = Shape(latent_size=30, num_pixels=400, observation_model=observation_model(decoder), bounded=True)
    generator = seeds.generator("weights")
    made = {
        "decoder": architecture.decoder_network(shape, generator),
        "encoder": architecture.encoder_network(shape, generator),
    }
    return {
        f"{who} {name}": each.detach() for who, network in made.items() for name, each in network.named_parameters()
    }


@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("kind", [MLP, Linear])
def test_biases_are_drawn_as_weights_are_or_zero_and_weights_are_the_same(kind: type, decoder: str) -> None:
    drawn, zero = networks(kind(init_scale=0.1), decoder), networks(kind(init_scale=0.1, biases="zero"), decoder)
    assert drawn.keys() == zero.keys()
    for name, parameter in drawn.items():
        if name.endswith("bias"):
            assert float(parameter.std()) == pytest.approx(0.1, rel=0.4)
            assert not zero[name].any()
        else:
            assert torch.equal(zero[name], parameter)


def test_glorot_weights_are_uniform_within_their_limit() -> None:
    made = networks(MLP(hidden=200, layers=2, init_scale="glorot"), "bernoulli")
    sizes = {"decoder 0": (30, 200), "decoder 2.hidden": (200, 200), "decoder 2.head": (200, 400)}
    sizes |= {"encoder 0": (400, 200), "encoder 2.hidden": (200, 200), "encoder 2.head": (200, 60)}
    assert made.keys() == {f"{layer}.{kind}" for layer in sizes for kind in ("weight", "bias")}
    for layer, (inputs, outputs) in sizes.items():
        weight, limit = made[f"{layer}.weight"], (6 / (inputs + outputs)) ** 0.5
        assert weight.shape == (outputs, inputs)
        assert 0.98 * limit < float(weight.abs().max()) <= limit
        assert float(weight.std()) == pytest.approx(limit / 3**0.5, rel=0.02)
        assert not made[f"{layer}.bias"].any()


def test_an_option_that_came_later_leaves_ids_as_they_were() -> None:
    """The id is that of the shipped reference, whose trials were made when there was no such option."""
    study = bench.load("reference-digits").study

    def ids(model: str) -> list[str]:
        fields = {"model": model, "seeds": (0,), "z": (3,), "algos": ("aevb",), "tune": "paper"}
        asked = bench.Study(**{**vars(study), **fields})
        return [spec.id for spec in asked.expand(asked.load_data())]

    (spelt_out,), (left_out,), (other,) = (ids(model) for model in ("mlp[biases=drawn]", "mlp", "mlp[biases=zero]"))
    assert spelt_out == left_out == "992b3af430e079b4"
    assert other != left_out
