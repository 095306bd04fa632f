"""The rows that several records of a trial make together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from bench import options
from bench.results.columns import LIKELIHOOD_TRACE_COLUMNS, TRIAL_COLUMNS, values
from bench.store.contents import Contents
from bench.store.records import EstimateRecord, TraceRow
from bench.studies.spec import Labels
from bench.training.candidates import name
from bench.training.clocks import Tuning
from bench.values import calls


def labels_of(labels: Labels, run: str) -> Labels:
    """The labels of a trial, with the name of its ``run`` if another run has the same algorithm at the same place."""
    if not run:
        return labels
    return dataclasses.replace(labels, trial=f"{run}/{labels.trial}", algorithm=f"{labels.algorithm} ({run})")


def likelihood_trace_row(labels: Labels, row: TraceRow, estimate: EstimateRecord) -> dict[str, object]:
    """An estimate that was made during training, with the training's clocks."""
    clocks = {clock: getattr(row, clock) for clock in ("samples", "model_evaluations", "train_seconds")}
    known = {**vars(labels), **values(estimate), **clocks}
    return {column: known[column] for column in LIKELIHOOD_TRACE_COLUMNS}


def tuning_rows(labels: Labels, contents: Contents) -> Iterator[dict[str, object]]:
    """The candidates for the open hyperparameters of a trial, scored after each round; none if all were given."""
    spec, tuning = contents.spec, contents.record.tuning
    if spec is None or spec.search is None or tuning is None:
        return
    best = name(tuning.chosen)
    for candidate, samples, score in _scores(tuning):
        yield {
            **vars(labels),
            "tune": spec.search.protocol,
            "candidate": candidate,
            "score": score,
            "score_samples": samples,
            "last_round": samples == tuning.seen.get(candidate),
            "chosen": candidate == best,
            "tuning_samples": tuning.samples,
            "tuning_model_evaluations": tuning.model_evaluations,
            "tuning_seconds": tuning.seconds,
            "scoring_model_evaluations": tuning.scoring_model_evaluations,
            "scoring_seconds": tuning.scoring_seconds,
        }


def hyperparameter_rows(labels: Labels, contents: Contents) -> Iterator[dict[str, object]]:
    """The hyperparameters that a trial was trained with, and the name of its algorithm without each of them."""
    spec, tuning = contents.spec, contents.record.tuning
    if spec is None:
        return
    keyword, named = calls.parse_call(spec.algorithm.name)
    rest = labels.algorithm.removeprefix(spec.algorithm.name)  # such as the name of a reference run
    chosen = tuning.chosen if tuning else {}
    for hyperparameter, value in spec.algorithm.settings:
        others = {key: text for key, text in named.items() if key != hyperparameter}
        yield {
            **vars(labels),
            "hyperparameter": hyperparameter,
            "setting": chosen.get(hyperparameter, options.text(value)),
            "family": calls.call(keyword, others) + rest,
            "chosen": hyperparameter in chosen,
        }


def _scores(tuning: Tuning) -> Iterator[tuple[str, int | None, float]]:
    """Each candidate with the samples and score of each of its rounds, or of the last one if others are unknown."""
    for candidate, score in tuning.objectives.items():
        seen = tuning.seen.get(candidate)
        rounds = {int(at): scores[candidate] for at, scores in tuning.rounds.items() if candidate in scores}
        if not rounds:
            yield candidate, seen, score
        for samples in sorted(rounds):
            yield candidate, samples, rounds[samples]


def trial_row(labels: Labels, contents: Contents) -> dict[str, object]:
    """The row of a trial: from its record, the last row of its trace, and the first estimate on test data."""
    record, trace, spec = contents.record, contents.trace, contents.spec
    last = trace[-1] if trace else None
    seconds = record.clocks.train_seconds if record.clocks else 0.0
    known = {
        **vars(labels),
        **{key: value for part in (record, record.clocks, record.provenance) for key, value in values(part).items()},
        **_first_estimate(contents.estimates),
        "elbo_train": last.elbo_train if last else None,
        "elbo_test": last.elbo_test if last else None,
        "samples_per_second": record.clocks.samples / seconds if record.clocks and seconds > 0 else None,
        "tune": spec.search.protocol if spec and spec.search else "given",
        "chosen": name(record.tuning.chosen) if record.tuning else "",
        "tuning_samples": record.tuning.samples if record.tuning else 0,
        "model": spec.model.name if spec else None,
        "decoder": spec.decoder.name if spec else None,
        "status": record.status.value,
    }
    return {column: known.get(column) for column in TRIAL_COLUMNS}


def _first_estimate(estimates: Sequence[EstimateRecord]) -> dict[str, object]:
    """The columns of the first estimate on test data; its mean is left out if it covers only some of the points."""
    first = next((estimate for estimate in estimates if estimate.split == "test"), None)
    if first is None:
        return {}
    columns: dict[str, object] = {"estimator": first.estimator}
    if first.num_failed:
        return columns
    return columns | {
        "log_likelihood_test": first.log_likelihood,
        "log_likelihood_test_se": first.log_likelihood_se,
    }
