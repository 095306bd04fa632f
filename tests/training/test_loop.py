"""The loop: minibatches, marks, clocks and the choice of a step size."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field

import pytest
import torch

from bench.training.clocks import Clocks
from bench.training.loop import next_mark, train
from bench.training.minibatches import Minibatches
from bench.training.problem import Batch, StepInfo
from bench.training.tuning import try_candidates


@dataclass
class Recorder:
    """A learner that learns nothing and records the batches."""

    value: float = 0.0
    pause: float = 0.0
    seen: list[list[int]] = field(default_factory=list)

    def step(self, batch: Batch) -> StepInfo:
        """Record the index."""
        self.seen.append(batch.index.tolist())
        time.sleep(self.pause)
        return StepInfo(torch.tensor(self.value + len(self.seen)), model_evaluations=2 * len(batch.x))


def rows(count: int = 10) -> torch.Tensor:
    return torch.arange(count, dtype=torch.float32).unsqueeze(1) / count


def test_an_epoch_meets_every_point_once_and_epochs_differ() -> None:
    batches = Minibatches(rows(), 5, seed=0)
    epochs = [batches[2 * e].index.tolist() + batches[2 * e + 1].index.tolist() for e in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_minibatch_is_a_function_of_its_number() -> None:
    one, two = Minibatches(rows(), 3, seed=0), Minibatches(rows(), 3, seed=0)
    forward = [one[u].index.tolist() for u in range(9)]
    assert [two[u].index.tolist() for u in reversed(range(9))] == forward[::-1]
    assert [Minibatches(rows(), 3, seed=1)[u].index.tolist() for u in range(9)] != forward
    assert torch.equal(one[4].x, rows()[one[4].index])


def test_all_the_data_at_once_come_in_their_own_order() -> None:
    for size in (None, 10, 99):
        batch = Minibatches(rows(), size, seed=0)[7]
        assert batch.index.tolist() == list(range(10))
        assert torch.equal(batch.x, rows())


def test_pixels_drawn_anew_are_binary_with_the_right_mean() -> None:
    grey = torch.full((50, 40), 0.3)
    batches = Minibatches(grey, 50, seed=0, resample=True)
    draws = torch.stack([batches[u].x for u in range(50)])
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert draws.mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / draws.numel()))
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(Minibatches(grey, 50, seed=0, resample=True)[3].x, draws[3])


def test_marks_lie_on_a_grid_that_does_not_depend_on_where_one_stands() -> None:
    marks, at = [], 0
    while at < 10**6:
        at = next_mark(at)
        marks.append(at)
    assert marks[:6] == [100, 158, 251, 398, 631, 1000]
    assert len(marks) == 21
    for start in (0, 99, 100, 101, 999, 1000, 12345):
        assert next_mark(start) == min(mark for mark in marks if mark > start)


def visited(budget: int, clocks: Clocks | None = None) -> list[int]:
    clocks = clocks or Clocks()
    return [clocks.samples for _ in train(Recorder(), Minibatches(rows(1000), 50, 0), clocks, budget)]


def test_marks_do_not_depend_on_the_budget() -> None:
    assert visited(1000) == [0, 100, 200, 300, 400, 650, 1000]
    assert visited(2000)[:7] == visited(1000)


def test_a_larger_budget_goes_on_where_the_smaller_one_stopped() -> None:
    clocks = Clocks()
    assert visited(700, clocks)[-1] == 700
    assert visited(2000, clocks) == [1000, 1600, 2000]
    assert clocks.updates == 40
    assert clocks.model_evaluations == 2 * 2000


def test_nothing_is_done_when_the_budget_is_spent() -> None:
    assert visited(100, Clocks(samples=100, updates=2)) == []


def test_the_objective_is_the_mean_since_the_last_mark_whatever_the_pauses() -> None:
    """Impatience adds pauses between marks, and must not change the rows at the marks."""
    runs = []
    for patience in (math.inf, 0.0):
        pauses = train(Recorder(), Minibatches(rows(1000), 50, 0), Clocks(), 1000, patience)
        runs.append([pause.objective for pause in pauses if pause.at_mark])
    assert runs[0][1:4] == [1.5, 3.5, 5.5]  # updates 1-2, 3-4, 5-6
    assert math.isnan(runs[0][0])
    assert runs[0][1:] == runs[1][1:]


class Talker(Recorder):
    """Reports the number of each update, and a second diagnostic at every third: as a tensor and as a number."""

    def step(self, batch: Batch) -> StepInfo:
        """Report it."""
        info = super().step(batch)
        told = {"number": torch.tensor([len(self.seen)]), "objective": 7.0} | (
            {"third": len(self.seen) / 2} if len(self.seen) % 3 == 0 else {}
        )
        return dataclasses.replace(info, diagnostics=told)


@pytest.mark.parametrize("patience", [math.inf, 0.0])
def test_diagnostics_are_means_since_the_last_mark_of_the_updates_that_tell_them(patience: float) -> None:
    pauses = train(Talker(), Minibatches(rows(1000), 50, 0), Clocks(), 1000, patience)
    marks = [pause for pause in pauses if pause.at_mark]
    assert [pause.objective for pause in marks[1:4]] == [1.5, 3.5, 5.5]  # a diagnostic of that name does not replace it
    told = [pause.diagnostics for pause in marks]
    assert told[:4] == [{}, {"number": 1.5}, {"number": 3.5, "third": 1.5}, {"number": 5.5, "third": 3.0}]


@pytest.mark.timing
def test_the_clock_stands_still_while_somebody_looks() -> None:
    clocks = Clocks()
    for _ in train(Recorder(pause=0.001), Minibatches(rows(1000), 50, 0), clocks, 1000):
        time.sleep(0.1)
    assert 0.02 <= clocks.train_seconds < 0.3  # 20 updates of 1 ms, without the 7 pauses of 100 ms


@pytest.mark.timing
def test_pauses_come_in_between_when_patience_ends() -> None:
    pauses = list(train(Recorder(pause=0.01), Minibatches(rows(1000), 10, 0), Clocks(), 400, patience=0.05))
    between = [pause for pause in pauses if not pause.at_mark]
    assert 2 <= len(between) <= 12


@pytest.mark.parametrize("broken", [math.nan, math.inf, -1e9])
def test_a_step_size_that_blows_up_is_not_chosen(broken: float) -> None:
    values = {0.01: -100.0, 0.02: -90.0, 0.1: broken}
    tuning = try_candidates(
        [{"learning_rate": rate} for rate in values],
        lambda candidate: Recorder(values[candidate["learning_rate"]]),
        Minibatches(rows(1000), 100, 0),
        num_samples=1000,
    )
    assert tuning.chosen == {"learning_rate": "0.02"}
    assert tuning.samples == 3000
    assert tuning.model_evaluations == 6000
    assert tuning.objectives["learning_rate=0.02"] == pytest.approx(-90 + 8)  # mean of updates 6 to 10
    assert tuning.seconds > 0
