"""The trace of a training: one row per evaluation mark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from bench import seeds
from bench.devices import synchronised_time
from bench.execution.evaluation import Evaluation, estimate
from bench.store.records import EstimateRecord, TraceRow
from bench.training.session import Look, Session


def follow(look: Look, session: Session, evaluation: Evaluation) -> TraceRow | None:
    """Return the row of an evaluation mark, with estimates of log p(x) at likelihood marks; their seconds are counted.

    None before the first update of an algorithm without an encoder: there is nothing to record yet.
    """
    started = synchronised_time(session.problem.x.device)
    is_due = any(look.previous < mark <= session.clocks.samples for mark in evaluation.marks)
    estimates = tuple(_estimates(session, evaluation)) if is_due else ()
    session.clocks.eval_seconds += synchronised_time(session.problem.x.device) - started
    if not session.clocks.updates and not look.bounds:
        return None
    train, test = (next((e for e in estimates if e.split == split), None) for split in ("train", "test"))
    return TraceRow(
        **asdict(session.clocks),
        objective=look.objective,
        elbo_train=look.bounds.get("train"),
        elbo_test=look.bounds.get("test"),
        log_likelihood_train=train.log_likelihood if train else None,
        log_likelihood_train_se=train.log_likelihood_se if train else None,
        log_likelihood_test=test.log_likelihood if test else None,
        log_likelihood_test_se=test.log_likelihood_se if test else None,
        diagnostics=look.diagnostics,
        estimates=estimates,
    )


def _estimates(session: Session, evaluation: Evaluation) -> Iterator[EstimateRecord]:
    """Apply each estimator to each split; estimators that draw their data from the model are left out.

    The noise is the same at every mark and for every algorithm.
    """
    for choice in evaluation.estimators:
        for split, x in evaluation.points.items() if not choice.plugin.load().simulates else ():
            noise = seeds.derive("likelihood on the way", choice.identity, evaluation.task, split)
            yield estimate(choice, session.learner.model, x, split, session.clocks.samples, noise).record
