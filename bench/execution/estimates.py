"""The estimates of a trained model, kept in its trial's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from bench import seeds
from bench.devices import synchronised_time
from bench.execution.diagnosing import diagnosed
from bench.execution.evaluation import Evaluated, Evaluation, estimate
from bench.models.latent import LatentVariableModel
from bench.store.records import EstimateRecord
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Choice
from bench.training.session import Session


class Estimates:
    """The estimates of a model trained on ``samples`` samples; estimates of other training states are ignored."""

    def __init__(self, folder: TrialFolder, samples: int) -> None:
        """Read the estimates in the folder."""
        self.folder = folder
        self.samples = samples
        self.records = {_key(record): record for record in folder.read_estimates() if record.samples == samples}

    def has(self, choice: Choice) -> bool:
        """Whether there is an estimate by this estimator."""
        return any(name == choice.name for name, _ in self.records)

    def make(
        self, choice: Choice, model: LatentVariableModel, x: Tensor, split: str, task: Mapping[str, object]
    ) -> EstimateRecord:
        """Estimate log p(x) of x [N, D] from ``split`` and write it at once, replacing an earlier one of that name.

        The noise depends only on the estimator and the ``task``.
        """
        noise = seeds.derive("likelihood", choice.identity, task)
        evaluated = estimate(choice, model, x, split, self.samples, noise)
        self.records[_key(evaluated.record)] = evaluated.record
        self.folder.write_estimate(evaluated.record, evaluated.values)
        return evaluated.record

    def first(self, split: str, names: Sequence[str]) -> Evaluated | None:
        """Return the first estimate on a split, in the order of these estimators, that has a value; else None."""
        for name in names:
            record = self.records.get((name, split))
            if record is not None and record.num_failed < record.num_points:
                return Evaluated(record, self.folder.read_estimate_values(name, split))
        return None


def complete(folder: TrialFolder, session: Session, evaluation: Evaluation, *, diagnose: bool) -> None:
    """Write the missing estimates of log p(x) of test data, and a diagnosis; their seconds count as evaluation."""
    started = synchronised_time(session.problem.x.device)
    model, samples, x = session.learner.model, session.clocks.samples, evaluation.points["test"]
    folder.forget_estimates(samples)  # of a shorter training
    estimates = Estimates(folder, samples)
    for choice in evaluation.estimators:
        if not estimates.has(choice):
            estimates.make(choice, model, x, "test", evaluation.task)
    names = [choice.name for choice in evaluation.estimators]
    first, earlier = estimates.first("test", names), folder.read_diagnosis()
    if diagnose and first is not None and (earlier is None or earlier.samples != samples):
        diagnosis = diagnosed(model, x, first, seeds.derive("diagnosis", evaluation.task))
        folder.write_diagnosis(diagnosis)
    session.clocks.eval_seconds += synchronised_time(session.problem.x.device) - started


def _key(record: EstimateRecord) -> tuple[str, str]:
    return record.estimator, record.split
