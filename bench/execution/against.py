"""Whether a run can be compared with a reference: everything but the algorithm has to be the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench import seeds
from bench.errors import DataError, OptionError, StoreError
from bench.execution.sources import HARNESS, code_changes
from bench.store.references import Reference
from bench.store.run_folder import StoredTrial
from bench.studies import fields
from bench.studies.spec import TrialSpec
from bench.studies.study import Study
from bench.values.texts import quoted

EVALUATION = ("eval_points", "likelihood", "likelihood_points", "likelihood_marks")

SETTINGS: dict[str, Callable[[TrialSpec], object]] = {
    "dataset": lambda spec: spec.dataset.name,
    "resample_train": lambda spec: spec.resample_train,
    "n_train": lambda spec: spec.n_train,
    "z": lambda spec: spec.z,
    "model": lambda spec: spec.model.name,
    "decoder": lambda spec: spec.decoder.name,
    "seeds": lambda spec: spec.seed,
}


def check(reference: Reference, study: Study, specs: Sequence[TrialSpec], version: str) -> None:
    """Check that these trials of a study are comparable with those of the reference.

    Raises OptionError if they differ in more than their algorithms, and DataError if the present data, whose
    ``version`` is given, are not those of the reference.
    """
    _check_evaluation(reference, study)
    if not reference.trials:
        raise StoreError(f"No trial of {reference.name} has ended well enough to be compared with: run it first.")
    known = {_task(trial.contents.spec): trial.contents.spec for trial in reference.trials if trial.contents.spec}
    for spec in specs:
        if _task(spec) not in known:
            raise OptionError(_mismatch(reference, spec, list(known.values())))
    pairs = counterparts(reference, specs)
    missing = len({_task(spec) for spec in specs}) * len(reference.study.algos) - len(pairs)
    if missing:
        raise StoreError(
            f"{missing} trials of {reference.name} have not ended or are damaged: bench run ends them, or choose "
            "--seeds that have."
        )
    for trial in pairs:
        made_by = trial.contents.record.provenance
        if made_by is not None and made_by.data_version != version:
            raise DataError(
                f"The data of {specs[0].dataset.name} are not those of {reference.name}: the fingerprint is "
                f"{version[:12]} here and {made_by.data_version[:12]} there. Results on different data cannot be "
                "compared: bring these data here, or run the reference's study here and give its folder to --against."
            )


def counterparts(reference: Reference, specs: Sequence[TrialSpec]) -> list[StoredTrial]:
    """Return the trials of the reference that differ from one of ``specs`` only in their algorithms."""
    tasks = {_task(spec) for spec in specs}
    return [each for each in reference.trials if each.contents.spec and _task(each.contents.spec) in tasks]


def changes(trials: Sequence[StoredTrial]) -> dict[TrialSpec, list[str]]:
    """Return plugins and estimators that were edited since trials of a reference ran; the harness is not compared."""
    changed = {
        trial.contents.spec: code_changes(
            trial.contents.spec, trial.contents.record.provenance, trial.contents.estimates
        )
        for trial in trials
        if trial.contents.spec is not None
    }
    of_plugins = {spec: [name for name in each if name != HARNESS] for spec, each in changed.items()}
    return {spec: each for spec, each in of_plugins.items() if each}


def _check_evaluation(reference: Reference, study: Study) -> None:
    """Raise OptionError if models would be evaluated differently from those of the reference."""
    for name in EVALUATION:
        here, there = getattr(study, name), getattr(reference.study, name)
        if here != there:
            raise OptionError(
                f"`{name}` must be that of {reference.name}, {fields.in_words(name, there)}, so that results can be "
                f"compared (got {fields.in_words(name, here)}): leave it out."
            )


def _task(spec: TrialSpec) -> str:
    return seeds.encode(spec.task)


def _mismatch(reference: Reference, spec: TrialSpec, others: Sequence[TrialSpec]) -> str:
    """Return the first setting in which a trial differs from all counterparts that match it up to that setting."""
    for name, value in SETTINGS.items():
        fitting = [other for other in others if value(other) == value(spec)]
        if not fitting:
            allowed = ", ".join(str(each) for each in dict.fromkeys(map(value, others)))
            return (
                f"`{name}` of {reference.name} is {allowed} (got {quoted(value(spec))}): leave it out, or choose among "
                "these, so that results can be compared."
            )
        others = fitting
    return (
        f"{spec} has other options than the trials of {reference.name}, whose defaults have changed since: run the "
        "reference's study here, and give its folder to --against."
    )
