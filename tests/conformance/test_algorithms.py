"""Every algorithm, shipped or in a user's file, satisfies the contract, and what shipped ones promise beyond it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import plugins
from bench.algorithm import Algorithm
from bench.api.checks import plugin_checks
from bench.conformance.subject import Subject
from bench.conformance.suite import BoundCheck
from bench.conformance.tiny import Training, images, training
from bench.plugins import PluginRef
from bench.training.beginning import begin
from bench.training.candidates import candidates
from bench.training.minibatches import Minibatches
from bench.training.problem import Batch, Problem

USERS_FILE = str(Path(__file__).parent.parent / "plugins" / "mine.py")
NAMES = [*plugins.find("algorithm"), USERS_FILE]
EVERY = [plugins.resolve("algorithm", name)[0] for name in NAMES]

every = pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)


@pytest.mark.parametrize("check", [check for name in NAMES for check in plugin_checks(name, "algorithm")], ids=str)
def test_keeps_the_contract(check: BoundCheck) -> None:
    check()


def begun(plugin: PluginRef, noise: int = 0, **settings: object) -> Training:
    """An algorithm after `setup`."""
    return training(Subject("algorithm", plugin.load(), settings), noise=noise)


@every
def test_documents_itself(plugin: PluginRef) -> None:
    cls = plugin.load()
    assert cls.__doc__
    assert "Source:" in cls.__doc__
    assert plugin.summary().endswith((".", ")"))


@every
def test_other_seed_differs(plugin: PluginRef) -> None:
    few = {"num_codes": 3} if plugin.name == "vqvae" else {}  # so that it matters which images they start from
    assert begun(plugin, noise=0, **few).steps(3) != begun(plugin, noise=1, **few).steps(3)


@every
def test_estimates_are_finite_with_errors(plugin: PluginRef) -> None:
    made, x = begun(plugin), images()[:60]
    made.steps(3)
    estimate = made.algorithm.estimate_log_likelihood(x, "importance[num_samples=100]")
    exact = estimate.bias == "consistent"  # a sum over all codes
    assert ((estimate.standard_errors == 0) if exact else (estimate.standard_errors > 0)).all()
    assert estimate.model_evaluations >= 100 * len(x)


@every
def test_counts_at_least_one_pass_forward_and_back(plugin: PluginRef) -> None:
    made = begun(plugin)
    assert made.step().model_evaluations >= 2 * made.minibatches.size


@every
def test_creates_nothing_on_a_default_device(plugin: PluginRef) -> None:
    """The default device holds no values, so anything that is not created on the inputs' device fails."""
    x = images()[:60]
    algorithm: Algorithm = plugin.load()(2, model="mlp[hidden=8]", device="cpu")
    batch = Batch(x[:20], torch.arange(20)) if algorithm.batch_size else Batch(x, torch.arange(len(x)))
    stream = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        problem = Problem(x, 2, algorithm.architecture, "bernoulli")
        begin(algorithm, problem, Minibatches(x, 20, 0), noise=0, chosen=candidates(algorithm.hyperparameters)[-1])
        algorithm.setup(problem, stream)
        for _ in range(3):
            info = algorithm.step(batch)
    assert torch.isfinite(info.objective)
    assert all(parameter.device == x.device for parameter in algorithm.model.parameters())
