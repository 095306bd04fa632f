"""Every architecture satisfies the contract."""

from __future__ import annotations

import pytest
import torch

from bench import plugins, seeds
from bench.architecture import Architecture, Shape
from bench.models.affine import is_affine
from bench.models.observation import observation_model
from bench.plugins import PluginRef

ROWS, COLUMNS = 4, 6
N, D, Z = 7, ROWS * COLUMNS, 2

every = pytest.mark.parametrize("plugin", plugins.find("model").values(), ids=lambda plugin: plugin.name)
observed = pytest.mark.parametrize("observed", plugins.find("decoder"))


def architecture(plugin: PluginRef) -> Architecture:
    made: Architecture = plugin.load()()
    return made


def shape(observed: str, *, bounded: bool = True) -> Shape:
    observed_by, images = observation_model(observed), (ROWS, COLUMNS)
    return Shape(latent_size=Z, num_pixels=D, observation_model=observed_by, bounded=bounded, image_shape=images)


@observed
@every
def test_networks_have_the_promised_outputs(plugin: PluginRef, observed: str) -> None:
    made, stream = architecture(plugin), seeds.generator("weights")
    z, x = torch.randn(3, N, Z, generator=stream), torch.rand(N, D, generator=stream)
    location, log_variance = made.decoder_network(shape(observed), stream).eval()(z)
    assert location.shape == (3, N, D)
    assert (log_variance is not None) == shape(observed).observation_model.has_log_variance
    assert log_variance is None or log_variance.shape == (3, N, D)
    mean, log_variance = made.encoder_network(shape(observed), stream).eval()(x)
    assert mean.shape == log_variance.shape == (N, Z)


@every
def test_means_of_data_in_0_to_1_pass_a_sigmoid_and_others_do_not(plugin: PluginRef) -> None:
    made, z = architecture(plugin), 1e3 * torch.randn(50, Z, generator=seeds.generator("z"))
    squashing, plain = (
        made.decoder_network(shape("unit_gaussian", bounded=bounded), seeds.generator("weights")).eval()
        for bounded in (True, False)
    )
    if is_affine(squashing):
        pytest.skip("its means are affine by definition")
    bounded, unbounded = squashing(z)[0], plain(z)[0]
    assert bounded.min() >= 0
    assert bounded.max() <= 1
    torch.testing.assert_close(torch.sigmoid(unbounded), bounded)


@every
def test_log_variances_are_bounded(plugin: PluginRef) -> None:
    networks = architecture(plugin)
    z, x = 1e6 * torch.ones(1, Z), 1e6 * torch.ones(1, D)
    with torch.no_grad():
        for network, inputs in (
            (networks.decoder_network(shape("gaussian"), seeds.generator("weights")), z),
            (networks.encoder_network(shape("gaussian"), seeds.generator("weights")), x),
        ):
            for parameter in network.parameters():
                parameter.mul_(1e3)
            assert torch.isfinite(network.eval()(inputs)[1].exp()).all()


@every
def test_weights_come_from_the_generator_alone(plugin: PluginRef) -> None:
    one, two, other = (
        torch.cat([p.flatten() for p in architecture(plugin).decoder(shape("gaussian"), stream).parameters()])
        for stream in (seeds.generator("weights", 0), seeds.generator("weights", 0), seeds.generator("weights", 1))
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@every
def test_documents_itself(plugin: PluginRef) -> None:
    assert len(plugin.summary()) > 10
