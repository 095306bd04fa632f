"""Every estimator that is found keeps the contract, with an encoder and without."""

from __future__ import annotations

import pytest
import torch

from bench import plugins, seeds
from bench.likelihood.estimator import Estimate
from bench.models.latent import LatentVariableModel
from bench.models.mlp import MLP
from bench.plugins import PluginRef
from bench.problem import Problem

EVERY = list(plugins.find("estimator").values())


def model(*, encoder: bool) -> LatentVariableModel:
    """A small untrained model of 12 pixels."""
    return Problem(pixels(), 2, MLP(hidden=8, init_scale=0.3), "bernoulli").model(encoder=encoder)


def pixels() -> torch.Tensor:
    """7 rows of 12 binary pixels."""
    return torch.bernoulli(torch.full((7, 12), 0.4), generator=seeds.generator("pixels"))


def estimated(plugin: PluginRef, *, encoder: bool, seed: int = 0) -> Estimate:
    """An estimate for each of the 7 rows."""
    estimate: Estimate = plugin.load()().estimate(model(encoder=encoder), pixels(), seeds.generator("draws", seed))
    return estimate


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)
def test_one_value_and_one_error_a_datapoint(plugin: PluginRef, encoder: bool) -> None:
    estimate = estimated(plugin, encoder=encoder)
    assert estimate.log_likelihoods.shape == estimate.standard_errors.shape == (7,)
    assert torch.isfinite(estimate.log_likelihoods).all()
    assert (estimate.standard_errors > 0).all()
    assert (estimate.log_likelihoods < 0).all()  # probabilities of binary vectors
    assert estimate.bias in ("lower", "upper", "consistent", "upward")
    assert estimate.model_evaluations > 0
    assert estimate.seconds > 0
    assert all(value.ndim == 0 or value.shape == (7,) for value in estimate.diagnostics.values())


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)
def test_draws_come_from_the_generator_alone(plugin: PluginRef, encoder: bool) -> None:
    before = torch.get_rng_state()
    one, two, other = (estimated(plugin, encoder=encoder, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.log_likelihoods, two.log_likelihoods)
    assert not torch.equal(one.log_likelihoods, other.log_likelihoods)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)
def test_leaves_the_model_as_it_was(plugin: PluginRef) -> None:
    judged = model(encoder=True)
    before = {name: value.clone() for name, value in judged.state_dict().items()}
    plugin.load()().estimate(judged, pixels(), seeds.generator("draws"))
    assert all(torch.equal(before[name], value) for name, value in judged.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in judged.parameters())
