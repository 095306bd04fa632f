"""Every algorithm, shipped or in a user's file, satisfies the contract."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import options, plugins, seeds
from bench.algorithm import Algorithm
from bench.plugins import PluginRef
from bench.store.trial_folder import TrialFolder
from bench.training.beginning import begin
from bench.training.candidates import candidates
from bench.training.clocks import Clocks
from bench.training.loop import train
from bench.training.minibatches import Minibatches
from bench.training.problem import Batch, Problem

USERS_FILE = str(Path(__file__).parent.parent / "plugins" / "mine.py")
EVERY = [*plugins.find("algorithm").values(), plugins.resolve("algorithm", USERS_FILE)[0]]
N, D, Z = 60, 12, 2


@pytest.fixture(params=EVERY, ids=lambda plugin: plugin.name)
def plugin(request: pytest.FixtureRequest) -> PluginRef:
    """Each algorithm in turn."""
    reference: PluginRef = request.param
    return reference


def blobs() -> Tensor:
    """60 binary rows around two prototypes: there is something to learn, and it is learned quickly."""
    stream = seeds.generator("conformance")
    prototypes = torch.bernoulli(torch.full((2, D), 0.5), generator=stream) * 0.9 + 0.05
    which = torch.randint(2, (N,), generator=stream)
    return torch.bernoulli(prototypes[which], generator=stream)


def begun(
    plugin: PluginRef, seed: int = 0, x: Tensor | None = None, **settings: object
) -> tuple[Algorithm, Minibatches]:
    """An algorithm after `setup`, with its minibatches; ``settings`` are options of the algorithm."""
    x = blobs() if x is None else x
    algorithm: Algorithm = plugin.load()(Z, model="mlp[hidden=8]", device="cpu", **settings)
    minibatches = Minibatches(x, 20 if algorithm.batch_size else None, seed)
    problem = Problem(x, Z, algorithm.architecture, "bernoulli", seed=seed)
    begin(algorithm, problem, minibatches, noise=seed, chosen=candidates(algorithm.hyperparameters)[-1])
    return algorithm, minibatches


def steps(algorithm: Algorithm, minibatches: Minibatches, first: int, count: int) -> list[float]:
    """The objectives of some updates."""
    return [float(algorithm.step(minibatches[update]).objective) for update in range(first, first + count)]


def weights(algorithm: Algorithm) -> Tensor:
    """All parameters of the model, flat."""
    return torch.cat([parameter.detach().flatten() for parameter in algorithm.model.parameters()])


def test_documents_itself(plugin: PluginRef) -> None:
    cls = plugin.load()
    assert cls.__doc__
    assert "Source:" in cls.__doc__
    assert plugin.summary().endswith((".", ")"))


def test_same_seed_is_bit_equal(plugin: PluginRef) -> None:
    (one, batches), (two, _) = begun(plugin), begun(plugin)
    assert steps(one, batches, 0, 6) == steps(two, batches, 0, 6)
    assert torch.equal(weights(one), weights(two))


def test_other_seed_differs(plugin: PluginRef) -> None:
    (one, batches), (two, others) = begun(plugin, seed=0), begun(plugin, seed=1)
    assert steps(one, batches, 0, 3) != steps(two, others, 0, 3)


def test_every_algorithm_starts_from_the_same_decoder(plugin: PluginRef) -> None:
    reference, _ = begun(EVERY[0])
    algorithm, _ = begun(plugin)
    for mine, theirs in zip(algorithm.model.decoder.parameters(), reference.model.decoder.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_optimiser_asked_for_is_used(plugin: PluginRef) -> None:
    """Adagrad's first two updates differ from Adam's if the two gradients differ."""
    if "optimiser" not in options.names(plugin.load().Options):
        pytest.skip("it has no such option")
    one, two = (begun(plugin, optimiser=name) for name in ("adagrad", "adam"))
    assert torch.equal(weights(one[0]), weights(two[0]))
    steps(*one, 0, 2), steps(*two, 0, 2)
    assert not torch.allclose(weights(one[0]), weights(two[0]))


def test_saved_state_continues_bit_equal(plugin: PluginRef, tmp_path: Path) -> None:
    algorithm, batches = begun(plugin)
    steps(algorithm, batches, 0, 5)
    folder = TrialFolder(tmp_path)
    folder.write_checkpoint(algorithm.state_dict())
    expected = steps(algorithm, batches, 5, 5)

    restored, _ = begun(plugin)
    saved = folder.read_checkpoint()
    assert saved is not None
    restored.load_state_dict(saved)
    assert steps(restored, batches, 5, 5) == expected
    assert torch.equal(weights(restored), weights(algorithm))


def test_state_dict_is_a_copy(plugin: PluginRef) -> None:
    algorithm, batches = begun(plugin)
    steps(algorithm, batches, 0, 2)
    saved = algorithm.state_dict()
    expected = steps(algorithm, batches, 2, 3)
    algorithm.load_state_dict(saved)
    assert steps(algorithm, batches, 2, 3) == expected


def test_learning_beats_the_starting_point(plugin: PluginRef) -> None:
    """By at least 1 nat per datapoint and ten Monte Carlo standard errors, in log p(x) and not in a bound."""
    algorithm, batches = begun(plugin)
    x = blobs()
    before = algorithm.estimate_log_likelihood(x, "importance[num_samples=200]")
    for _ in train(algorithm, batches, Clocks(), budget=10_000):
        pass
    after = algorithm.estimate_log_likelihood(x, "importance[num_samples=200]")
    assert after.mean > before.mean + 1 + 10 * (before.standard_error + after.standard_error)


def test_estimates_are_finite_with_errors(plugin: PluginRef) -> None:
    algorithm, batches = begun(plugin)
    steps(algorithm, batches, 0, 3)
    estimate = algorithm.estimate_log_likelihood(blobs(), "importance[num_samples=100]")
    assert estimate.log_likelihoods.shape == (N,)
    assert torch.isfinite(estimate.log_likelihoods).all()
    assert torch.isfinite(estimate.standard_errors).all()
    exact = estimate.bias == "consistent"  # a sum over all codes
    assert ((estimate.standard_errors == 0) if exact else (estimate.standard_errors > 0)).all()
    assert estimate.model_evaluations >= 100 * N


def test_info_counts_model_evaluations(plugin: PluginRef) -> None:
    """At least one forward and one backward pass per datapoint; the objective carries no graph."""
    algorithm, batches = begun(plugin)
    info = algorithm.step(batches[0])
    assert info.model_evaluations >= 2 * batches.size
    assert info.objective.ndim == 0
    assert not info.objective.requires_grad


def test_no_global_random_state(plugin: PluginRef) -> None:
    def states() -> tuple[object, ...]:
        return (torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002  # the global state is what is watched

    before = states()
    algorithm, batches = begun(plugin)
    steps(algorithm, batches, 0, 3)
    algorithm.estimate_log_likelihood(blobs(), "importance[num_samples=10]")
    assert states() == before


def test_creates_nothing_on_a_default_device(plugin: PluginRef) -> None:
    """The default device holds no values, so anything that is not created on the inputs' device fails."""
    x = blobs()
    algorithm: Algorithm = plugin.load()(Z, model="mlp[hidden=8]", device="cpu")
    batch = Batch(x[:20], torch.arange(20)) if algorithm.batch_size else Batch(x, torch.arange(N))
    stream = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        problem = Problem(x, Z, algorithm.architecture, "bernoulli")
        begin(algorithm, problem, Minibatches(x, 20, 0), noise=0, chosen=candidates(algorithm.hyperparameters)[-1])
        algorithm.setup(problem, stream)
        for _ in range(3):
            info = algorithm.step(batch)
    assert torch.isfinite(info.objective)
    assert all(parameter.device == x.device for parameter in algorithm.model.parameters())


def test_initial_objective_is_that_of_the_initial_model(plugin: PluginRef) -> None:
    """About -D log 2 with small weights, minus the cost of z."""
    algorithm, batches = begun(plugin)
    objective = float(algorithm.step(batches[0]).objective)
    assert -D * np.log(2) - 5 * Z < objective < -D * np.log(2) + 1
