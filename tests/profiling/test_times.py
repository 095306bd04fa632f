"""The time of a step falls to the part that takes it, and the parts add up to the step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import Problem, StepInfo, plugins
from bench.algorithm import Algorithm
from bench.architectures.mlp import MLP
from bench.models.posterior import Posterior
from bench.profiling import times
from bench.profiling.times import PARTS, StepTimes
from bench.training.beginning import set_up
from bench.training.minibatches import Minibatches
from bench.training.problem import Batch

PAUSE = 0.02  # seconds: much longer than anything else in a step


def slow(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **keywords: Any) -> Any:
        time.sleep(PAUSE)
        return function(*arguments, **keywords)

    return call


class Pausing(Algorithm):
    """AEVB by hand, whose ``place`` pauses."""

    place = ""

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.01)
        slowed: dict[str, tuple[Any, str]] = {
            "encoder": (self.model, "encode"),
            "encoder's network": (getattr(self.model.encoder, "network"), "forward"),  # noqa: B009  # of a module
            "decoder": (self.model.decoder, "log_prob"),
            "optimiser": (self.optimiser, "step"),
            "rest": (self, "own"),
        }
        if self.place in slowed:
            owner, name = slowed[self.place]
            vars(owner)[name] = slow(getattr(owner, name))

    def own(self, posterior: Posterior) -> Tensor:
        return posterior.kl_to_standard_normal()

    def step(self, batch: Batch) -> StepInfo:
        self.optimiser.zero_grad()
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator)
        bound = (self.model.decoder.log_prob(batch.x, z) - self.own(posterior)).mean()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))


def measured(cls: type[Algorithm], model: nn.Module | None = None, **settings: object) -> StepTimes:
    x = torch.rand(60, 9)
    algorithm = set_up(cls(2, device="cpu", **settings), Problem(x, 2, MLP(hidden=8), "bernoulli"), 0)
    return times.measure(algorithm, Minibatches(x, 20, 0), repeats=20)


@pytest.mark.parametrize("place", ["encoder", "encoder's network", "decoder", "optimiser", "rest"])
def test_a_pause_is_found_in_its_part_alone(place: str) -> None:
    found = measured(type("Pausing", (Pausing,), {"place": place, "__module__": __name__}), learning_rate=0.1)
    means = found.means()
    part = place.partition("'")[0]
    assert PAUSE <= means[part] < 2 * PAUSE, means
    assert sum(means.values()) - means[part] < PAUSE / 2, means
    whole = statistics.median(found.undisturbed)
    assert sum(means.values()) == pytest.approx(whole, rel=0.25)  # of another clock, around steps without stopwatches


def test_gradients_written_by_hand_are_not_left_to_autograd() -> None:
    """Both ways of AEVB have all parts; watching does not change which one is taken."""
    cls = plugins.find("algorithm")["aevb"].load()
    for estimator in ("A", "B"):  # by autograd, by hand
        means = measured(cls, learning_rate=0.01, estimator=estimator).means()
        assert set(means) == set(PARTS)
        assert all(means[part] > 0 for part in PARTS), (estimator, means)


def test_everything_is_put_back() -> None:
    before = {
        "randn": torch.randn,
        "backward": torch.Tensor.backward,
        "layers": vars(times.TwoLayers)["forward"],
        "normal_": torch.Tensor.normal_,
    }
    measured(Pausing, learning_rate=0.1)
    assert before == {
        "randn": torch.randn,
        "backward": torch.Tensor.backward,
        "layers": vars(times.TwoLayers)["forward"],
        "normal_": torch.Tensor.normal_,
    }
    assert "normal_" not in vars(torch.Tensor) or vars(torch.Tensor)["normal_"] is before["normal_"]
