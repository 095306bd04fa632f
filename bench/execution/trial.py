"""One trial: load the data, train, evaluate at every mark, estimate the log-likelihood, write everything down."""

from __future__ import annotations

import dataclasses
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench import seeds
from bench.algorithm import Algorithm
from bench.dataset import Data
from bench.errors import BenchError, Diverged
from bench.execution.evaluation import Judge, follow
from bench.execution.provenance import provenance
from bench.execution.setup import build
from bench.models.frozen import frozen
from bench.store.run_folder import Store
from bench.store.trial_folder import ENDED, TrialFolder
from bench.studies.spec import Choice, TrialSpec, load_data
from bench.training.clocks import Clocks
from bench.training.divergence import divergence
from bench.training.loop import Pause, train
from bench.training.minibatches import Minibatches
from bench.training.optimiser import warm_up
from bench.training.problem import Problem
from bench.training.tuning import Tuning

HEARTBEAT_SECONDS = 1.0
CHECKPOINT_SECONDS = 15.0


@dataclass(frozen=True)
class Settings:
    """How to run a trial: nothing in here changes its mathematics."""

    budget: int
    estimators: tuple[Choice, ...]
    eval_points: int = 1000
    likelihood_points: int = 300
    likelihood_marks: tuple[int, ...] = ()
    timeout: float | None = None  # seconds
    device: str = "cpu"
    threads: int = 1
    jobs: int = 1


class TimedOut(BenchError):
    """The trial took longer than it was given."""


def execute(run_path: Path, spec: TrialSpec, settings: Settings) -> str:
    """Run a trial in this process and return its status; whatever goes wrong becomes its row, never an exception.

    A trial that has ended is left as it is: after a worker's death a back end may hand it out again.  Only
    KeyboardInterrupt passes through (it belongs to the whole run).
    """
    torch.set_num_threads(settings.threads)
    folder = Store(run_path).trial(spec.id)
    if folder.read_status().get("status") in ENDED:
        return str(folder.read_status()["status"])
    trial = Trial(spec, settings, folder)
    try:
        trial.run()
        trial.report("done")
    except Diverged as error:
        trial.report("diverged", str(error))
    except TimedOut as error:
        trial.report("timeout", str(error))
    except Exception as error:  # noqa: BLE001  # whatever a plugin raises is its trial's row
        trial.report("failed", f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
    return str(folder.read_status()["status"])


class Trial:
    """A trial under way: what is being trained, how far it has come, and where that is written."""

    def __init__(self, spec: TrialSpec, settings: Settings, folder: TrialFolder) -> None:
        """Nothing is loaded yet."""
        self.spec = spec
        self.settings = settings
        self.folder = folder
        self.clocks = Clocks()
        self.tuning: Tuning | None = None
        self.started = self._last_checkpoint = time.monotonic()
        self._cpu_started = time.process_time()
        self._earlier = folder.read_status()
        self._facts: dict[str, Any] = {}
        self._levels: dict[int, float] = {}  # by samples: what divergence is judged by

    def run(self) -> None:
        """From the data to the estimates; goes on from a checkpoint where there is one."""
        self.report("running")
        device = torch.device(self.settings.device)
        data = load_data(self.spec.dataset, self.spec.seed)
        self._facts = {"pixels": data.pixels, "provenance": self._provenance(data)}
        algorithm, problem, minibatches = build(self.spec, data, device)
        watched = self.watched(data, device, self.settings.eval_points)
        judged = self.watched(data, device, self.settings.likelihood_points) if self.settings.likelihood_marks else {}
        warm_up(device)
        self.begin(algorithm, problem, minibatches)
        for pause in train(algorithm, minibatches, self.clocks, self.settings.budget, patience=HEARTBEAT_SECONDS):
            if pause.at_mark:
                self.evaluate(algorithm, watched, judged, pause)
            self.keep(algorithm, pause)
        self.check_divergence(ended=True)
        self.checkpoint(algorithm)
        self.folder.write_model(algorithm.model.state_dict())
        self.judge(algorithm, data.x_test[: self.settings.likelihood_points].to(device))

    def _provenance(self, data: Data) -> dict[str, Any]:
        """What makes the numbers; of a trial that is gone on with, what made its beginning, so that it stays stale."""
        earlier: dict[str, Any] = self._earlier.get("provenance", {})
        return earlier if earlier and self.folder.read_checkpoint() is not None else provenance(self.spec, data)

    def watched(self, data: Data, device: torch.device, count: int) -> dict[str, Tensor]:
        """The first ``count`` points of each split, on which training is followed.

        Where pixels are drawn anew for every minibatch, these are drawn once.
        """
        points = {"train": data.x_train[: self.spec.n_train][:count], "test": data.x_test[:count]}
        if data.resample:
            stream = seeds.generator("watched pixels", self.spec.dataset.identity, self.spec.seed)
            points["train"] = torch.bernoulli(points["train"], generator=stream)
        return {split: x.to(device) for split, x in points.items()}

    def begin(self, algorithm: Algorithm, problem: Problem, minibatches: Minibatches) -> None:
        """Set the algorithm up, from the checkpoint where there is one, and cut the trace to fit."""
        noise = seeds.derive("noise", self.spec.identity)
        saved = self.folder.read_checkpoint()
        if saved is None:
            self.folder.trim_trace(-1)
            self.tuning = algorithm.begin(problem, minibatches, noise)
            if self.tuning is not None:
                self.clocks.model_evaluations = self.tuning.model_evaluations
                self.clocks.train_seconds = self.tuning.seconds
            return
        self.tuning = Tuning(**saved["tuning"]) if saved["tuning"] else None
        algorithm.begin(problem, minibatches, noise, self.tuning.learning_rate if self.tuning else None)
        algorithm.load_state_dict(saved["algorithm"])
        self.clocks = Clocks(**saved["clocks"])
        self.folder.trim_trace(self.clocks.samples)
        self._levels = {row["samples"]: _level(row) for row in self.folder.read_trace()}

    def evaluate(
        self, algorithm: Algorithm, watched: dict[str, Tensor], judged: dict[str, Tensor], pause: Pause
    ) -> None:
        """Write a row of the trace: the clocks, and the lower bound on both splits where there is an encoder.

        Where a likelihood mark has been reached, log p(x) of the ``judged`` points too.  The noise is the same at every
        mark and for every algorithm.
        """
        started = time.perf_counter()
        row: dict[str, Any] = {"objective": pause.objective}
        if pause.diagnostics:
            row["diagnostics"] = pause.diagnostics
        if algorithm.model.encoder is not None:
            for split, x in watched.items():
                stream = seeds.generator("evaluation", self.spec.task, split, device=x.device)
                with frozen(algorithm.model), torch.no_grad():
                    row[f"elbo_{split}"] = float(algorithm.model.elbo(x, stream).cpu().double().mean())
        if self._reached_likelihood_mark():
            row |= follow(self.settings.estimators, algorithm.model, judged, self.spec.task)
        self.clocks.eval_seconds += time.perf_counter() - started
        self._facts["shown"] = {"bound": row["elbo_test"]} if "elbo_test" in row else {"objective": pause.objective}
        fields = ("samples", "updates", "model_evaluations", "train_seconds", "eval_seconds")
        row = {**{name: getattr(self.clocks, name) for name in fields}, **row}
        if self.clocks.updates or row.get("elbo_train") is not None:
            self.folder.append_trace(row)
            self._levels[self.clocks.samples] = _level(row)
            self.check_divergence()

    def _reached_likelihood_mark(self) -> bool:
        """Whether a likelihood mark lies between the last evaluation and this one."""
        before = max(self._levels, default=0)
        return any(before < mark <= self.clocks.samples for mark in self.settings.likelihood_marks)

    def check_divergence(self, *, ended: bool = False) -> None:
        """Raises Diverged where the bound is not finite or the run has blown up."""
        reason = divergence(list(self._levels), list(self._levels.values()), ended=ended)
        if reason:
            raise Diverged(reason)

    def keep(self, algorithm: Algorithm, pause: Pause) -> None:
        """Between two updates: notice a time-out, save now and then, show a sign of life."""
        now = time.monotonic()
        over = self.settings.timeout is not None and now - self.started > self.settings.timeout
        if self.clocks.updates and (over or now - self._last_checkpoint > CHECKPOINT_SECONDS):
            self.checkpoint(algorithm)
        if over:
            raise TimedOut(
                f"Stopped after {now - self.started:.0f} s with {self.clocks.samples} training samples seen."
            )
        self.report("running")

    def checkpoint(self, algorithm: Algorithm) -> None:
        """Save all that going on needs."""
        state = {
            "algorithm": algorithm.state_dict(),
            "clocks": dataclasses.asdict(self.clocks),
            "tuning": dataclasses.asdict(self.tuning) if self.tuning else None,
        }
        self.folder.write_checkpoint(state)
        self._last_checkpoint = time.monotonic()

    def judge(self, algorithm: Algorithm, x: Tensor) -> None:
        """log p(x) of the test points by each estimator asked for that has not judged this model yet; the diagnosis."""
        started = time.perf_counter()
        judge = Judge(self.spec, self.folder, algorithm.model, self.clocks.samples)
        for choice in self.settings.estimators:
            if not judge.knows(choice):
                judge.estimate(choice, x)
        judge.order([choice.name for choice in self.settings.estimators])
        judge.diagnose_once(x)
        self.clocks.eval_seconds += time.perf_counter() - started

    def report(self, status: str, reason: str = "", **more: Any) -> None:
        """Write how the trial stands."""
        tuning = dataclasses.asdict(self.tuning) if self.tuning else {}
        self.folder.write_status(
            {
                "status": status,
                "reason": reason,
                "budget": self.settings.budget,
                "clocks": dataclasses.asdict(self.clocks),
                "learning_rate": self._learning_rate(),
                "tuning": tuning,
                "device": self.settings.device,
                "threads": self.settings.threads,
                "jobs": self.settings.jobs,
                "cpu_share": self._cpu_share(),
                **self._facts,
                **more,
            }
        )

    def _cpu_share(self) -> float:
        """Processor seconds for each second of each thread: below 1 where others want the same cores."""
        elapsed = (time.monotonic() - self.started) * self.settings.threads
        return round((time.process_time() - self._cpu_started) / elapsed, 3) if elapsed > 0 else 1.0

    def _learning_rate(self) -> float | None:
        if self.tuning is not None:
            return self.tuning.learning_rate
        given = dict(self.spec.algorithm.settings).get("learning_rate")
        return given if isinstance(given, float) else None


def _level(row: dict[str, Any]) -> float:
    """What divergence is judged by: the training bound, or the objective where there is no encoder."""
    return float(row["elbo_train"] if row.get("elbo_train") is not None else row["objective"])
