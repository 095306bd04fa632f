"""The training loop: minibatches, clocks, evaluation marks, and the choice of a step size.

There is one loop, a generator: it trains, stops its clock and yields whenever somebody may want to look.  The harness
and `Algorithm.fit` both iterate over it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from bench import seeds
from bench.problem import Batch, StepInfo

MARKS_PER_DECADE = 5
TUNING_SAMPLES = 5_000  # training samples that each candidate step size is tried on


class Learner(Protocol):
    """What the loop needs of an algorithm."""

    def step(self, batch: Batch) -> StepInfo:
        """One update."""


class Minibatches:
    """Minibatch number u as a pure function of u, so that resuming needs no position and no random state.

    Each epoch is a new permutation of the N datapoints, cut into batches of M; a remainder smaller than M is left out
    of that epoch.  Where ``resample`` holds, x are probabilities and each batch is drawn anew from Bernoulli(x).
    """

    def __init__(self, x: Tensor, batch_size: int | None, seed: int, *, resample: bool = False) -> None:
        """``x`` [N, D]; ``batch_size`` M, None for all N at once; ``seed`` names the stream."""
        self.x = x
        self.size = min(batch_size or x.shape[0], x.shape[0])
        self.per_epoch = x.shape[0] // self.size
        self._seed = seed
        self._resample = resample
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)

    def __getitem__(self, update: int) -> Batch:
        """The batch of update number ``update`` = 0, 1, ...: x [M, D] and index [M], on the device of x."""
        epoch, position = divmod(update, self.per_epoch)
        if self.size == self.x.shape[0]:
            index = torch.arange(self.size, device=self.x.device)
            x = self.x
        else:
            if epoch != self._epoch:
                stream = seeds.generator("minibatches", self._seed, epoch)
                self._epoch = epoch
                self._order = torch.randperm(self.x.shape[0], generator=stream).to(self.x.device)
            index = self._order[position * self.size : (position + 1) * self.size]
            x = self.x[index]
        if self._resample:
            x = torch.bernoulli(x, generator=seeds.generator("pixels", self._seed, update, device=x.device))
        return Batch(x, index)


@dataclass
class Clocks:
    """How far a training has come, on every clock, and what the updates since the last mark have told."""

    samples: int = 0
    updates: int = 0
    model_evaluations: int = 0
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    told: dict[str, tuple[float, int]] = field(default_factory=dict)  # sum and count, by name

    def tell(self, updates: list[StepInfo]) -> dict[str, float]:
        """Add what updates tell; the means since the last mark, that of the ``objective`` among them."""
        values: dict[str, list[Tensor | float]] = {}
        for info in updates:
            for name, value in {**info.diagnostics, "objective": info.objective}.items():
                values.setdefault(name, []).append(value)
        for name, column in values.items():
            total, count = self.told.get(name, (0.0, 0))
            for value in _numbers(column):  # one by one: pauses must not change the rounding
                total += value
            self.told[name] = (total, count + len(column))
        return {name: total / count for name, (total, count) in self.told.items()}


@dataclass(frozen=True)
class Pause:
    """The loop's clock stands still: at an evaluation mark, or because its patience ran out."""

    at_mark: bool
    objective: float  # mean over the updates since the last mark, nats a datapoint; NaN before the first update
    diagnostics: Mapping[str, float] = field(default_factory=dict)  # means likewise, of those updates that tell them


def next_mark(samples: int) -> int:
    """The first evaluation mark beyond ``samples``, on a logarithmic grid that does not depend on the budget.

    100, 158, 251, 398, 631, 1000, ...: five a decade.
    """
    step = max(2 * MARKS_PER_DECADE, math.floor(MARKS_PER_DECADE * math.log10(max(samples, 1))))
    while round(10 ** (step / MARKS_PER_DECADE)) <= samples:
        step += 1
    return round(10 ** (step / MARKS_PER_DECADE))


def train(
    learner: Learner, minibatches: Minibatches, clocks: Clocks, budget: int, patience: float = math.inf
) -> Iterator[Pause]:
    """Update until ``budget`` training samples are seen; ``clocks`` moves along.

    Yields at the start, at each mark, at the end, and every ``patience`` seconds in between, always between two updates
    and with the clocks stopped.  A mark is met by the first update that reaches it.
    """
    if clocks.samples == 0:
        yield Pause(at_mark=True, objective=math.nan)
    mark = next_mark(clocks.samples)
    recent: list[StepInfo] = []
    started = synchronised_time(minibatches.x.device)
    while clocks.samples < budget:
        info = learner.step(minibatches[clocks.updates])
        recent.append(info)
        clocks.updates += 1
        clocks.samples += minibatches.size
        clocks.model_evaluations += info.model_evaluations
        at_mark = clocks.samples >= min(mark, budget)
        if at_mark or time.perf_counter() - started > patience:
            clocks.train_seconds += synchronised_time(minibatches.x.device) - started
            diagnostics = clocks.tell(recent)
            objective = diagnostics.pop("objective")
            recent.clear()
            if at_mark:
                clocks.told = {}
                mark = next_mark(clocks.samples)
            yield Pause(at_mark, objective, diagnostics)
            started = synchronised_time(minibatches.x.device)


def _numbers(values: list[Tensor | float]) -> list[float]:
    """Scalars as numbers, fetched from their device all at once."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    fetched = iter(
        torch.stack([value.detach().reshape(()) for value in tensors]).cpu().double().tolist() if tensors else []
    )
    return [next(fetched) if isinstance(value, Tensor) else float(value) for value in values]


def synchronised_time(device: torch.device) -> float:
    """Wall-clock seconds, read when the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


@dataclass(frozen=True)
class Tuning:
    """The step size that was chosen, and what choosing cost (it counts on the clocks, not as training samples)."""

    learning_rate: float
    objectives: dict[str, float] = field(default_factory=dict)  # nats a datapoint, by candidate
    samples: int = 0
    model_evaluations: int = 0
    seconds: float = 0.0


def choose_learning_rate(
    candidates: tuple[float, ...],
    start: Callable[[float], Learner],
    minibatches: Minibatches,
    num_samples: int = TUNING_SAMPLES,
) -> Tuning:
    """Try each candidate from the same start on the same first minibatches of the training set; take the best.

    The best has the highest mean objective over the second half of the trial; one whose objective is not finite has
    lost (Adagrad's first update moves every parameter by the whole step, so a large one may blow up at once).  The
    chosen run then starts afresh.  Source: AEVB, section 5.  Cost: ``num_samples`` training samples for each candidate.
    """
    updates = max(2, math.ceil(num_samples / minibatches.size))
    objectives: dict[str, float] = {}
    evaluations = 0
    started = synchronised_time(minibatches.x.device)
    for candidate in candidates:
        learner = start(candidate)
        seen = []
        for update in range(updates):
            info = learner.step(minibatches[update])
            seen.append(info.objective)
            evaluations += info.model_evaluations
        value = float(torch.stack(seen[updates // 2 :]).cpu().double().mean())
        objectives[f"{candidate:g}"] = value if math.isfinite(value) else -math.inf
    return Tuning(
        learning_rate=max(candidates, key=lambda candidate: objectives[f"{candidate:g}"]),
        objectives=objectives,
        samples=updates * minibatches.size * len(candidates),
        model_evaluations=evaluations,
        seconds=synchronised_time(minibatches.x.device) - started,
    )
