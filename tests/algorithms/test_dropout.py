"""Training with dropout: repeatable bit for bit, and disabled in evaluations, estimators and Markov chains."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.algorithm import Algorithm
from bench.algorithms.aevb import AEVB
from bench.algorithms.mcem import MCEM
from bench.models.frozen import frozen
from bench.store.trial_folder import TrialFolder
from bench.training.beginning import begin
from bench.training.clocks import Clocks
from bench.training.loop import train
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

NAMES = list(plugins.find("algorithm"))
DROPS, KEEPS = "deep[hidden=8,keep=0.5]", "deep[hidden=8,keep=1]"


def pixels() -> Tensor:
    """60 binary rows of 12 pixels."""
    return torch.bernoulli(torch.full((60, 12), 0.3), generator=seeds.generator("dropout", "pixels"))


def begun(name: str, model: str = DROPS) -> tuple[Algorithm, Minibatches]:
    """An algorithm as `fit` begins it, with its minibatches."""
    cls = plugins.find("algorithm")[name].load()
    algorithm: Algorithm = cls(2, model=model, device="cpu", learning_rate=0.01)
    minibatches = Minibatches(pixels(), algorithm.batch_size, 0)
    problem = Problem(pixels(), 2, algorithm.architecture, "bernoulli", seed=0)
    begin(algorithm, problem, minibatches, seeds.derive("noise", cls.__name__, 0))
    return algorithm, minibatches


def weights(algorithm: Algorithm) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in algorithm.model.parameters()])


@pytest.mark.parametrize("name", NAMES)
def test_looking_does_not_change_a_training(name: str) -> None:
    """`fit` evaluates at every mark; training without evaluations ends with the same weights."""
    looked_at, _ = begun(name)
    looked_at.fit(pixels(), budget=1000)
    unseen, minibatches = begun(name)
    for _ in train(unseen, minibatches, Clocks(), budget=1000):
        pass
    assert torch.equal(weights(looked_at), weights(unseen))
    without, minibatches = begun(name, KEEPS)
    assert not torch.equal(weights(unseen), weights(without))  # as the starts are equal, dropout is what differs
    assert unseen.model.training
    assert not looked_at.model.training  # what is used afterwards is the network without dropout


@pytest.mark.parametrize("name", NAMES)
def test_saved_state_continues_bit_equal(name: str, tmp_path: Path) -> None:
    algorithm, batches = begun(name)
    for update in range(4):
        algorithm.step(batches[update])
    folder = TrialFolder(tmp_path)
    folder.write_checkpoint(algorithm.state_dict())
    restored, _ = begun(name)
    restored.load_state_dict(folder.read_checkpoint() or {})
    for update in range(4, 8):
        algorithm.step(batches[update])
        restored.step(batches[update])
    assert torch.equal(weights(algorithm), weights(restored))


def test_estimates_are_of_the_networks_without_dropout() -> None:
    algorithm, batches = begun("aevb")
    algorithm.step(batches[0])
    state = algorithm.generator.get_state()
    assert algorithm.model.training
    drops = [algorithm.estimate_log_likelihood(pixels(), "importance[num_samples=20]") for _ in range(2)]
    assert algorithm.model.training
    assert torch.equal(algorithm.generator.get_state(), state)
    keeps, _ = begun("aevb", KEEPS)
    keeps.model.load_state_dict(algorithm.model.state_dict())
    expected = keeps.estimate_log_likelihood(pixels(), "importance[num_samples=20]")
    for found in drops:
        assert torch.equal(found.log_likelihoods, expected.log_likelihoods)


def test_chains_move_in_a_density_without_dropout() -> None:
    """Otherwise every leapfrog step would use another density, and the energy error would be unbounded."""
    (drops, batches), (keeps, _) = begun("mcem"), begun("mcem", KEEPS)
    assert isinstance(drops, MCEM)
    assert isinstance(keeps, MCEM)
    for update in range(3):
        one, info = drops.move_chains(batches[update])
        two, expected = keeps.move_chains(batches[update])
        assert torch.equal(one.z, two.z)
        assert torch.equal(info.energy_error, expected.energy_error)
    assert drops.model.training
    assert all(parameter.requires_grad for parameter in drops.model.parameters())


def test_frozen_leaves_every_part_as_it_was() -> None:
    """A part in evaluation mode within a model in training mode stays in evaluation mode."""
    algorithm, _ = begun("aevb")
    algorithm.model.decoder.eval().requires_grad_(False)
    with frozen(algorithm.model):
        assert not any(part.training for part in algorithm.model.modules())
    assert algorithm.model.encoder is not None
    assert algorithm.model.encoder.training
    assert not algorithm.model.decoder.training
    assert not any(parameter.requires_grad for parameter in algorithm.model.decoder.parameters())


def independent_pixels(x: Tensor, likelihood: str) -> float:
    """Mean log-likelihood of x [N, D] under the best model without a latent variable, its pixels independent, in nats.

    In closed form; fitted on x itself.
    """
    mean, variance = x.double().mean(0), x.double().var(0, correction=0)
    if likelihood == "bernoulli":
        return float((torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean)).sum())
    if likelihood == "gaussian":
        return float(-0.5 * (1 + math.log(2 * math.pi) + variance.log()).sum())
    return float(-0.5 * (math.log(2 * math.pi) + variance).sum())


@pytest.mark.parametrize(("likelihood", "scale"), [("bernoulli", 1), ("gaussian", 1), ("unit_gaussian", 4)])
def test_each_structure_learns_more_than_pixels_on_their_own_can_tell(likelihood: str, scale: int) -> None:
    """By at least 1 nat, in a lower bound on log p(x) of digits; before training this does not hold.

    With noise of variance 1, pixels in [0, 1] have no direction worth a latent variable, so their range is widened.
    """
    data = plugins.find("dataset")["digits"].load()().load(seeds.generator("digits"))
    x = scale * data.x_train[:, data.x_train.std(0) > 0.1]  # a constant pixel has no largest Gaussian density
    asked: dict[str, Any] = {"optimiser": "adam", "learning_rate": 0.003, "batch_size": 32}
    learner = AEVB(5, model="deep[hidden=60]", decoder=likelihood, device="cpu", **asked).fit(x, 20_000)
    bar = independent_pixels(x, likelihood) + 1
    assert learner.history[0]["elbo_train"] < bar
    assert max(row["elbo_train"] for row in learner.history) > bar  # in the end a Gaussian density may chase one pixel
