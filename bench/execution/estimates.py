"""The estimates of a trained model, kept in its trial's folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from torch import Tensor

from bench import seeds
from bench.execution.diagnosing import diagnosed
from bench.execution.evaluation import Evaluated, Evaluation, estimate
from bench.models.latent import LatentVariableModel
from bench.store.records import EstimateRecord
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Choice
from bench.training.session import Session


class Estimates:
    """The estimates of a model that has been trained on ``samples`` samples; those of earlier states are dropped."""

    def __init__(self, folder: TrialFolder, samples: int) -> None:
        """Reads what the folder holds."""
        self.folder = folder
        self.samples = samples
        self.records = {_key(record): record for record in folder.read_estimates() if record.samples == samples}
        self.values = {
            name: value for name, value in folder.read_estimate_values().items() if _key_of(name) in self.records
        }

    def has(self, choice: Choice) -> bool:
        """Whether there is an estimate by this estimator."""
        return any(name == choice.name for name, _ in self.records)

    def make(
        self, choice: Choice, model: LatentVariableModel, x: Tensor, split: str, task: Mapping[str, object]
    ) -> EstimateRecord:
        """Estimate log p(x) of x [N, D] from ``split`` and write it at once, in place of an earlier one of that name.

        The noise depends on the estimator and the ``task`` alone.
        """
        noise = seeds.derive("likelihood", choice.identity, task)
        evaluated = estimate(choice, model, x, split, self.samples, noise)
        key = _key(evaluated.record)
        self.records[key] = evaluated.record
        self.values = {name: value for name, value in self.values.items() if _key_of(name) != key}
        self.values |= {"/".join((*key, quantity)): value for quantity, value in evaluated.values.items()}
        self.folder.write_estimates(list(self.records.values()), self.values)
        return evaluated.record

    def order(self, names: Sequence[str]) -> None:
        """Put the estimates by these estimators first, in this order."""
        place = {name: i for i, name in enumerate(names)}
        records = sorted(self.records.values(), key=lambda record: place.get(record.estimator, len(place)))
        self.records = {_key(record): record for record in records}
        self.folder.write_estimates(records, self.values)

    def first(self, split: str) -> Evaluated | None:
        """The first estimate on a split that has a number; None if there is none."""
        for key, record in self.records.items():
            if record.split == split and record.num_failed < record.num_points:
                prefix = "/".join((*key, ""))
                values = {name.removeprefix(prefix): v for name, v in self.values.items() if _key_of(name) == key}
                return Evaluated(record, values)
        return None


def complete(folder: TrialFolder, session: Session, evaluation: Evaluation) -> None:
    """Write the missing estimates of log p(x) of test data, and the diagnosis; their seconds count as evaluation."""
    started = time.perf_counter()
    model, samples, x = session.learner.model, session.clocks.samples, evaluation.points["test"]
    estimates = Estimates(folder, samples)
    for choice in evaluation.estimators:
        if not estimates.has(choice):
            estimates.make(choice, model, x, "test", evaluation.task)
    estimates.order([choice.name for choice in evaluation.estimators])
    first, earlier = estimates.first("test"), folder.read_diagnosis()
    if first is not None and (earlier is None or earlier.samples != samples):
        diagnosis = diagnosed(model, x, first, seeds.derive("diagnosis", evaluation.task))
        folder.write_diagnosis(diagnosis)
    session.clocks.eval_seconds += time.perf_counter() - started


def _key(record: EstimateRecord) -> tuple[str, str]:
    return record.estimator, record.split


def _key_of(name: str) -> tuple[str, str]:
    """Estimator and split of ``ESTIMATOR/SPLIT/QUANTITY``; an estimator's options may hold slashes."""
    estimator, split, _ = name.rsplit("/", 2)
    return estimator, split
