"""One trial: load the data, train, evaluate at every mark, estimate the log-likelihood, keep everything."""

from __future__ import annotations

import contextlib
import platform
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.errors import BenchError, DataError, Diverged, WriteFailed
from bench.execution import interruption, loaded, setup
from bench.execution.estimates import complete
from bench.execution.evaluation import Evaluation
from bench.execution.following import follow
from bench.execution.provenance import provenance
from bench.execution.settings import Settings
from bench.execution.shortage import failure_in_words
from bench.process import state as process_state
from bench.store.codec import from_plain, to_plain
from bench.store.records import Provenance, Status, TraceRow, TrialRecord
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import TrialSpec
from bench.training.candidates import AUTO
from bench.training.clocks import Clocks
from bench.training.session import Session

HEARTBEAT_SECONDS = 1.0
ASKED_FOR = ("budget", "estimators", "eval_points", "likelihood_points", "likelihood_marks")  # what makes it complete

OTHER_DATA = "Its data on {} are not those that the command has read: make them the same, and repeat the command."
INTERRUPTED = "Interrupted; the same command resumes it from its last checkpoint."


class TimedOut(BenchError):
    """The trial exceeded its time limit."""


class Interrupted(BenchError):
    """The trial was asked to stop."""


def execute(folder: TrialFolder, spec: TrialSpec, settings: Settings) -> Status:
    """Run a trial in this process and return its status; any failure is recorded in its row and never raised.

    A trial that has ended is left unchanged, since it may be assigned again after the death of a worker.  Only Ctrl-C
    is passed on, if the process handles it, because it applies to the whole run.
    """
    interruption.forget()
    trial = Trial(folder, settings)
    try:
        with process_state.standard(settings.threads):
            return trial.run(spec)
    except Diverged as error:
        return trial.end(Status.DIVERGED, str(error))
    except TimedOut as error:
        return trial.end(Status.TIMEOUT, str(error))
    except Interrupted:
        return trial.end(Status.INTERRUPTED, INTERRUPTED)
    except WriteFailed as error:  # a fault of the machine: the same command continues from the last checkpoint
        return trial.end(Status.CRASHED, str(error))
    except BaseException as error:  # any exception of a plugin is recorded in its trial's row
        if interruption.is_by_user(error):
            raise
        reason = failure_in_words(error, settings.device, settings.per_device)
        return trial.end(Status.FAILED, reason, traceback.format_exc())


class Trial:
    """A running trial: its record so far, and the folder that it writes to."""

    def __init__(self, folder: TrialFolder, settings: Settings) -> None:
        """Nothing is read yet."""
        self.folder = folder
        self.settings = settings
        self.session: Session | None = None
        self.updates_before = 0
        self.rows: list[TraceRow] = []  # of the trace; a larger budget begins with the same rows
        self.record = TrialRecord(
            budget=settings.budget,
            clocks=Clocks(),
            host=platform.node(),
            device=settings.device,
            threads=settings.threads,
            jobs=settings.jobs,
            estimators=tuple(choice.name for choice in settings.estimators),
            eval_points=settings.eval_points,
            likelihood_points=settings.likelihood_points,
            likelihood_marks=settings.likelihood_marks,
        )
        self.started = self.checkpointed = time.monotonic()
        self.cpu_started = time.process_time()

    def run(self, spec: TrialSpec) -> Status:
        """Run from loading the data to the estimates; continues from a checkpoint if there is one."""
        earlier, checkpoint = self.folder.read_status(), self.folder.read_checkpoint()
        if earlier.status.has_ended and all(getattr(earlier, each) == getattr(self.record, each) for each in ASKED_FOR):
            return earlier.status
        rate = self.learning_rate(spec)
        self.record = replace(self.record, tuning=self.settings.tuning, learning_rate=rate)
        self.record = replace(self.record, scores=earlier.scores, score_costs=earlier.score_costs)
        made_by = from_plain(Provenance, checkpoint["made_by"]) if checkpoint is not None else None  # so it stays stale
        self.record = replace(self.record, labels=spec.labels(), provenance=made_by)
        self.report(Status.RUNNING)
        dataset, version = loaded.load(
            spec, self.settings.estimators, self.settings.data_version, has_neighbours=self.settings.jobs != 1
        )
        data = spec.selected(dataset)
        fingerprint = version if data is dataset else data.fingerprint()
        if made_by is not None and made_by.data != fingerprint:
            raise DataError("The data have changed since this trial began: run the same command again to restart it.")
        made_by = made_by or provenance(spec, fingerprint, version)
        if self.settings.data_version not in ("", made_by.data_version):
            raise DataError(OTHER_DATA.format(platform.node()))
        self.record = replace(self.record, pixels=data.pixels, provenance=made_by)
        session, evaluation = setup.prepare(spec, data, self.settings)
        self.train(session, evaluation, checkpoint)
        return self.report(Status.DONE)

    def train(self, session: Session, evaluation: Evaluation, checkpoint: Mapping[str, Any] | None) -> None:
        """Run from the first update or from the checkpoint to the estimates."""
        self.session = session
        session.begin(
            checkpoint["session"] if checkpoint is not None else None,
            keep=lambda: self.write_checkpoint(session),
            try_samples=self.settings.try_samples,
        )
        if self.settings.try_samples:
            return
        self.updates_before = session.clocks.updates
        if checkpoint is not None:
            self.rows = [from_plain(TraceRow, row) for row in checkpoint["trace"]]
            self.folder.write_trace(self.rows)
        for look in session.run(self.settings.budget, patience=HEARTBEAT_SECONDS):
            if look.at_mark:
                row = follow(look, session, evaluation)
                if row is not None:
                    self.folder.write_trace([*self.rows, row])
                    self.rows += [] if look.is_provisional else [row]
                shown = {"bound": look.bounds["test"]} if look.bounds else {"objective": look.objective}
                self.record = replace(self.record, shown=shown)
            self.keep(session)
        self.write_checkpoint(session)
        self.folder.write_model(session.learner.model.state_dict())
        complete(self.folder, session, evaluation, diagnose=self.settings.diagnose)

    def learning_rate(self, spec: TrialSpec) -> float | None:
        """Return the step size, given or chosen; None for an algorithm without one."""
        chosen = self.settings.tuning.chosen if self.settings.tuning else {}
        rate = chosen.get("learning_rate", dict(spec.algorithm.settings).get("learning_rate"))
        return None if rate is None or rate == AUTO else float(rate)

    def keep(self, session: Session) -> None:
        """Between two updates, enforce the time limit, save a checkpoint if one is due, and report progress.

        At least one update is made before the time limit applies, so that a trial eventually ends if it is repeated.
        """
        now = time.monotonic()
        has_begun = session.clocks.updates > self.updates_before
        is_over = self.settings.timeout is not None and now - self.started > self.settings.timeout and has_begun
        is_asked = interruption.is_requested()
        if has_begun and (is_over or is_asked or now - self.checkpointed > self.settings.checkpoint):
            self.write_checkpoint(session)
            self.checkpointed = time.monotonic()
        if is_asked:
            raise Interrupted
        if is_over:
            raise TimedOut(
                f"Stopped after {now - self.started:.0f} s with {session.clocks.samples} training samples seen."
            )
        self.report(Status.RUNNING)

    def write_checkpoint(self, session: Session) -> None:
        """Write everything needed to continue: the state of the session, the trace so far, and their provenance."""
        trace = [to_plain(row) for row in self.rows]
        made_by = to_plain(self.record.provenance)
        self.folder.write_checkpoint({"session": session.state_dict(), "trace": trace, "made_by": made_by})

    def end(self, status: Status, reason: str, traceback: str = "") -> Status:
        """Write why the trial has ended early, if writing is still possible; returns ``status``."""
        with contextlib.suppress(WriteFailed):
            self.report(status, reason, traceback)
        return status

    def report(self, status: Status, reason: str = "", traceback: str = "") -> Status:
        """Write the current state of the trial; returns ``status``."""
        now = replace(self.record, status=status, reason=reason, traceback=traceback, cpu_share=self.cpu_share())
        if self.session is not None:
            now = replace(now, clocks=self.session.clocks, tuning=self.session.tuning or now.tuning)
        if status.has_ended:
            now = replace(now, files=self.folder.checksums())
        self.folder.write_status(now)
        return status

    def cpu_share(self) -> float:
        """Return processor seconds per second and thread: below 1 if others use the same cores."""
        elapsed = (time.monotonic() - self.started) * self.settings.threads
        return round((time.process_time() - self.cpu_started) / elapsed, 3) if elapsed > 0 else 1.0
