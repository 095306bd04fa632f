"""Every estimator satisfies the contract, with an encoder and without, on models that it can evaluate."""

from __future__ import annotations

import math

import pytest
import torch

from bench import plugins, seeds
from bench.architectures.linear import Linear
from bench.architectures.mlp import MLP
from bench.conformance import suite
from bench.conformance.check import Verdict
from bench.conformance.subject import Subject
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


@every
def test_keeps_the_contract(plugin: PluginRef) -> None:
    """With the checks of `bench check`; each model is evaluated once for all of them."""
    results = [*suite.run(Subject("estimator", plugin.load(), QUICK.get(plugin.name, {})))]
    assert [each.lesson for each in results if each.verdict is Verdict.FAILED] == []


@both
@every
def test_an_estimate_says_what_it_is(plugin: PluginRef, encoder: bool) -> None:
    estimate = estimated(plugin, encoder=encoder)
    assert estimate.log_likelihoods.shape == estimate.standard_errors.shape == (7,)
    assert (estimate.standard_errors > 0).all() or plugin.name in DETERMINISTIC
    assert (estimate.log_likelihoods < 0).all()
    assert estimate.seconds > 0
    assert estimate.seed == seeds.generator("draws", 0).initial_seed()
    assert set(QUICK.get(plugin.name, {}).items()) <= set(estimate.settings.items())
    if plugin.name not in ("exact", "quadrature"):  # whose values do not depend on random numbers
        assert not torch.equal(estimate.log_likelihoods, estimated(plugin, encoder=encoder, seed=1).log_likelihoods)


@both
@every
def test_a_datapoint_without_an_estimate_is_reported(plugin: PluginRef, encoder: bool) -> None:
    if estimator(plugin).simulates:
        pytest.skip("draws its data from the model")
    ill = pixels()
    ill[2, 5] = math.nan
    found = estimated(plugin, encoder=encoder, x=ill)
    others = [0, 1, 3, 4, 5, 6]
    assert found.num_failed == 1
    assert "1 of 7 datapoints have no finite estimate" in found.warnings[0]
    assert found.mean == pytest.approx(float(found.log_likelihoods[others].mean()))
    assert math.isfinite(found.standard_error)


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
