"""Every estimator satisfies the contract, with an encoder and without, on models that it can evaluate."""

from __future__ import annotations

import math

import pytest
import torch

from bench import plugins, seeds
from bench.architectures.linear import Linear
from bench.architectures.mlp import MLP
from bench.errors import OptionError
from bench.estimator import Estimator
from bench.likelihood.estimate import Estimate
from bench.models.latent import LatentVariableModel
from bench.plugins import PluginRef
from bench.training.problem import Problem

EVERY = list(plugins.find("estimator").values())
QUICK = {
    "ais": {"num_steps": 5, "num_chains": 4},
    "bdmc": {"num_steps": 5, "num_chains": 4, "num_points": 7},
    "hmc": {"num_samples": 20, "num_warmup": 10},
}
DETERMINISTIC = ("exact",)  # others use random numbers, if only for the initial state

both = pytest.mark.parametrize("encoder", [True, False], ids=["encoder", "no encoder"])
every = pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)


def estimator(plugin: PluginRef) -> Estimator:
    """An instance with settings that do not take long."""
    made: Estimator = plugin.load()(**QUICK.get(plugin.name, {}))
    return made


def model(plugin: PluginRef, *, encoder: bool) -> LatentVariableModel:
    """A small untrained model of 12 pixels; skips the test if the estimator needs an encoder and there is none."""
    linear = plugin.name == "exact"
    architecture = Linear(init_scale=0.3) if linear else MLP(hidden=8, init_scale=0.3)
    built = Problem(pixels(), 2, architecture, "gaussian" if linear else "bernoulli").model(encoder=encoder)
    refusal = estimator(plugin).refusal(built)
    if refusal and not encoder:
        pytest.skip(refusal)
    return built


def pixels() -> torch.Tensor:
    """7 rows of 12 binary pixels."""
    return torch.bernoulli(torch.full((7, 12), 0.4), generator=seeds.generator("pixels"))


def estimated(plugin: PluginRef, *, encoder: bool, seed: int = 0, x: torch.Tensor | None = None) -> Estimate:
    """An estimate for each of the 7 rows."""
    values = pixels() if x is None else x
    return estimator(plugin).estimate(model(plugin, encoder=encoder), values, seeds.generator("draws", seed))


@both
@every
def test_one_value_and_one_error_a_datapoint(plugin: PluginRef, encoder: bool) -> None:
    estimate = estimated(plugin, encoder=encoder)
    assert estimate.log_likelihoods.shape == estimate.standard_errors.shape == (7,)
    assert torch.isfinite(estimate.log_likelihoods).all()
    assert (estimate.standard_errors >= 0).all()
    assert (estimate.standard_errors > 0).all() or plugin.name in DETERMINISTIC
    assert (estimate.log_likelihoods < 0).all()
    assert estimate.bias in ("lower", "upper", "consistent", "upward")
    assert estimate.seconds > 0
    assert estimate.seed == seeds.generator("draws", 0).initial_seed()
    assert set(QUICK.get(plugin.name, {}).items()) <= set(estimate.settings.items())
    assert all(value.shape == (7,) for value in estimate.diagnostics.values())
    assert all(isinstance(value, float) for value in estimate.summary.values())


@both
@every
def test_draws_come_from_the_generator_alone(plugin: PluginRef, encoder: bool) -> None:
    before = torch.get_rng_state()
    one, two, other = (estimated(plugin, encoder=encoder, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.log_likelihoods, two.log_likelihoods)
    if plugin.name not in ("exact", "quadrature"):  # whose values do not depend on random numbers
        assert not torch.equal(one.log_likelihoods, other.log_likelihoods)
    assert torch.equal(before, torch.get_rng_state())


@both
@every
def test_a_datapoint_without_an_estimate_leaves_the_others_alone(plugin: PluginRef, encoder: bool) -> None:
    if estimator(plugin).simulates:
        pytest.skip("draws its data from the model")
    ill = pixels()
    ill[2, 5] = math.nan
    sound, found = estimated(plugin, encoder=encoder), estimated(plugin, encoder=encoder, x=ill)
    others = [0, 1, 3, 4, 5, 6]
    torch.testing.assert_close(found.log_likelihoods[others], sound.log_likelihoods[others], rtol=1e-5, atol=1e-5)
    assert not torch.isfinite(found.log_likelihoods[2])
    assert found.num_failed == 1
    assert "1 of 7 datapoints have no finite estimate" in found.warnings[0]
    assert found.mean == pytest.approx(float(found.log_likelihoods[others].mean()))
    assert math.isfinite(found.standard_error)


@every
def test_leaves_the_model_as_it_was(plugin: PluginRef) -> None:
    built = model(plugin, encoder=True)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    estimator(plugin).estimate(built, pixels(), seeds.generator("draws"))
    assert all(torch.equal(before[name], value) for name, value in built.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in built.parameters())
    assert built.training


@both
@every
def test_model_evaluations_are_counted(plugin: PluginRef, encoder: bool) -> None:
    built, rows = model(plugin, encoder=encoder), 0

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    built.decoder.network.register_forward_pre_hook(count)
    found = estimator(plugin).estimate(built, pixels(), seeds.generator("draws"))
    drawn = (
        14 if estimator(plugin).simulates else 0
    )  # E[x|z] is inspected, then x is drawn: not evaluations of log p(x|z)
    assert found.model_evaluations == rows - drawn or plugin.name == "exact"


@pytest.mark.parametrize(
    ("name", "settings", "latent_size", "words"),
    [
        ("exact", {}, 2, "needs a linear-Gaussian model"),
        ("quadrature", {}, 4, "up to 3 latent dimensions (got 4): use ais or importance"),
        ("importance", {"proposal": "encoder"}, 2, "cannot be 'encoder' for a model without an encoder"),
        ("ais", {"start": "encoder"}, 2, "cannot be 'encoder' for a model without an encoder"),
        ("bdmc", {"start": "encoder"}, 2, "cannot be 'encoder' for a model without an encoder"),
    ],
)
def test_models_that_cannot_be_evaluated_are_refused(
    name: str, settings: dict[str, str], latent_size: int, words: str
) -> None:
    built = Problem(pixels(), latent_size, MLP(hidden=8), "bernoulli").model(encoder=False)
    made: Estimator = plugins.find("estimator")[name].load()(**settings)
    with pytest.raises(OptionError) as caught:
        made.estimate(built, pixels(), seeds.generator("draws"))
    assert words in str(caught.value)
