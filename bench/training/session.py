"""A training session, from its beginning or from a saved state; `fit` and trials share it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from bench.devices import synchronised_clock
from bench.errors import Diverged
from bench.models.frozen import frozen
from bench.training.beginning import begin
from bench.training.candidates import TUNING_SAMPLES
from bench.training.clocks import Clocks, Tried, Tuning
from bench.training.divergence import divergence
from bench.training.loop import Pause, train
from bench.training.means import RunningMeans
from bench.training.minibatches import Minibatches
from bench.training.optimiser import warm_up
from bench.training.problem import Problem, Trainable


@dataclass(frozen=True)
class Followed:
    """Datapoints ``x`` [N, D] on which the bound is tracked; ``noise`` seeds its draws, the same at every mark."""

    x: Tensor
    noise: int


@dataclass(frozen=True)
class Look(Pause):
    """A pause; at an evaluation mark also the lower bound on the tracked datapoints, in nats per datapoint, by name."""

    bounds: Mapping[str, float] = field(default_factory=dict)  # empty between marks, and without an encoder
    previous: int = 0  # samples at the previous mark, 0 if there is none


class Session:
    """A training run in progress: its learner, problem and minibatches, its clocks, its step size and its bounds.

    Divergence is detected from the bound on the datapoints called ``train`` or, without an encoder, from the objective.
    """

    def __init__(
        self,
        learner: Trainable,
        problem: Problem,
        minibatches: Minibatches,
        noise: int,
        followed: Mapping[str, Followed],
    ) -> None:
        """``noise`` seeds the learner's random stream.  Nothing is computed yet."""
        self.learner = learner
        self.problem = problem
        self.minibatches = minibatches
        self.noise = noise
        self.followed = followed
        self.clocks = Clocks()
        self.tuning: Tuning | None = None
        self._now = synchronised_clock(problem.x.device)
        self._means = RunningMeans()
        self._levels: dict[int, float] = {}  # by samples: the values from which divergence is detected
        self._tried: dict[str, Tried] = {}  # candidates, until one is chosen
        self._has_begun = False

    def begin(
        self,
        saved: Mapping[str, Any] | None = None,
        keep: Callable[[], object] = lambda: None,
        try_samples: int = TUNING_SAMPLES,
    ) -> None:
        """Set up the learner and choose its open hyperparameters, or restore it from ``saved``, a `state_dict`.

        ``keep`` is called whenever part of the choice has been made, and may save the `state_dict`.  Each candidate
        is tried on ``try_samples`` training samples.
        """
        warm_up(self.problem.x.device, is_foreign=not type(self.learner).__module__.startswith("bench."))
        if saved is not None and saved["learner"] is not None:
            self._resume(saved)
        else:
            self._tried = {name: Tried(**each) for name, each in (saved or {"tried": {}})["tried"].items()}
            self.tuning = begin(
                self.learner,
                self.problem,
                self.minibatches,
                self.noise,
                now=self._now,
                tried=self._tried,
                keep=keep,
                num_samples=try_samples,
            )
            if self.tuning is not None:
                self.clocks.model_evaluations = self.tuning.model_evaluations
                self.clocks.train_seconds = self.tuning.seconds
        self._has_begun = True

    def _resume(self, saved: Mapping[str, Any]) -> None:
        self.clocks, self._means = Clocks(**saved["clocks"]), RunningMeans(saved["means"])
        self.tuning, self._levels = Tuning(**saved["tuning"]) if saved["tuning"] else None, saved["levels"]
        begin(self.learner, self.problem, self.minibatches, self.noise, self.tuning.chosen if self.tuning else None)
        self.learner.load_state_dict(saved["learner"])

    def state_dict(self) -> dict[str, object]:
        """Return a copy of everything needed to continue: nested dicts of tensors, numbers and texts."""
        return {
            "learner": self.learner.state_dict() if self._has_begun else None,
            "tried": {} if self._has_begun else {name: dataclasses.asdict(each) for name, each in self._tried.items()},
            "clocks": dataclasses.asdict(self.clocks),
            "tuning": dataclasses.asdict(self.tuning) if self.tuning else None,
            "means": dict(self._means.sums),
            "levels": dict(self._levels),
        }

    def run(self, budget: int, patience: float = math.inf) -> Iterator[Look]:
        """Train until ``budget`` samples have been seen; pauses as `train` does, with the bounds at each mark.

        Raises Diverged after a mark at which the training has diverged, or at the end.
        """
        levels = self._levels
        for pause in train(self.learner, self.minibatches, self.clocks, budget, patience, self._means, self._now):
            bounds = self._bounds() if pause.at_mark else {}
            look = Look(**vars(pause), bounds=bounds, previous=max(self._levels, default=0))
            levels = dict(self._levels)
            if bounds or (pause.at_mark and self.clocks.updates):
                levels[self.clocks.samples] = bounds.get("train", pause.objective)
            if not pause.is_provisional:
                self._levels = levels
            yield look
            _check_divergence(levels)
            if pause.at_mark and self.clocks.updates and math.isnan(pause.objective):
                raise Diverged(f"The objective is nan after {self.clocks.samples} training samples.")
        _check_divergence(levels, ended=True)

    def _bounds(self) -> dict[str, float]:
        """Return the lower bound on the tracked datapoints, if there is an encoder; its seconds are counted."""
        model = self.learner.model
        if model.encoder is None:
            return {}
        started = self._now()
        bounds = {}
        for name, followed in self.followed.items():
            stream = torch.Generator(followed.x.device).manual_seed(followed.noise)
            with frozen(model), torch.no_grad():
                bounds[name] = float(model.elbo(followed.x.to(model.dtype), stream).cpu().double().mean())
        self.clocks.eval_seconds += self._now() - started
        return bounds


def _check_divergence(levels: Mapping[int, float], *, ended: bool = False) -> None:
    reason = divergence(list(levels), list(levels.values()), ended=ended)
    if reason:
        raise Diverged(reason)
