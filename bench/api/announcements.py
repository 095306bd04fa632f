"""Messages printed before trials and estimates start: what will run, what is kept, and what cannot be done."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape

from bench.execution import against
from bench.execution.staleness import in_words
from bench.reporting.captions.scope import at_mark
from bench.reporting.tables.formatting import quantity
from bench.results.references import compared_at, row_at
from bench.values.texts import printable

if TYPE_CHECKING:
    from rich.console import Console

    from bench.execution.estimation import Estimated, EstimationPlan
    from bench.execution.execution import Execution
    from bench.execution.planning import Plan
    from bench.execution.tuning.chooser import Chosen


def announce(plan: Plan, execution: Execution, console: Console) -> None:
    """Print what will run, and where; what will not run, and why."""
    study, todo = plan.study, len(plan.todo)
    grid = f"{quantity(len(study.algos), 'algorithm')} x z = {_listed(study.z)} x {quantity(len(study.seeds), 'seed')}"
    _say(console, f"[bold]{escape(study.dataset)}[/]: {escape(grid)} = {quantity(len(plan.specs), 'trial')}")
    _say(
        console,
        f"{_at_once(execution, todo)}, {quantity(execution.threads, 'thread')} each, "
        f"{study.budget:,} training samples per trial; results go to {escape(str(plan.store.path))}",
    )
    if any(spec.search for spec in plan.todo):
        _say(console, f"Open hyperparameters are chosen by {escape(study.tune)} (--tune).")
    if plan.understood:
        _say(console, escape(plan.understood))
    _announce_reference(plan, console)
    if not plan.todo:
        _say(console, "Nothing to do: every trial is finished.")
    elif todo < len(plan.specs):
        _say(console, f"{quantity(len(plan.specs) - todo, 'finished trial')} kept, {todo} to do.")
    _warn(console, plan.damage)
    _warn(console, plan.estimators.notes)
    due = {*plan.todo}
    again = {spec: changed for spec, changed in plan.stale.items() if spec in due}
    kept = {spec: changed for spec, changed in plan.stale.items() if spec not in again}
    if kept:
        how = "kept as they are, apart from newer ones in every table; --on-stale rerun runs them again"
        _warn(console, [f"{in_words(kept)}: {how}."])
    if again:
        _warn(console, [f"{in_words(again)}: run again from the beginning."])


def _at_once(execution: Execution, todo: int) -> str:
    if execution.is_remote:
        most = f", at most {execution.jobs}" if execution.jobs else ""
        return f"As many at once as {escape(execution.backend)} has room for{most}"
    return f"{min(execution.workers.count, max(1, todo))} at once"


def _announce_reference(plan: Plan, console: Console) -> None:
    """Print the reference, which of its trials are stale, and where results are cut if budgets differ."""
    if plan.reference is None:
        return
    name, trials = plan.reference.name, plan.counterparts
    algorithms = ", ".join(dict.fromkeys(trial.labels.algorithm for trial in trials))
    _say(console, escape(f"Compared with {name}: {quantity(len(trials), 'trial')} of {algorithms}, not run here."))
    changed = against.changes(trials)
    if changed:
        _warn(console, [f"Of {name}, {in_words(changed)}; its stored results are used for the comparison."])
    mark = compared_at(plan.study, [plan.reference.study])
    if mark is not None:
        there, here = plan.reference.study.budget, plan.study.budget
        budgets = f"{name} was trained on {there:,} samples, and the budget here is {here:,}"
        rows = [row_at(trial.contents.trace, mark) for trial in trials]
        seen = at_mark(mark, [row.samples for row in rows if row is not None])
        _warn(console, [f"{budgets}: results after {seen} are compared."])


@contextlib.contextmanager
def tuning(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Yield a progress callback for tuning, called with the number of trials that have ended and their total."""
    with console.status("") as status:

        def tried(ended: int, count: int) -> None:
            status.update(f"Choosing hyperparameters: {ended} of {quantity(count, 'trial')}")

        yield tried


def announce_choices(chosen: Chosen, console: Console) -> None:
    """Print a line for each cell whose hyperparameters have just been chosen."""
    for cell, choice in chosen.new:
        best = ",".join(f"{key}={value}" for key, value in choice.chosen.items())
        others = ", ".join(f"{name} {score:.2f}" for name, score in choice.objectives.items() if name != best)
        by, score = cell.protocol.name, f"{cell.protocol.score} {choice.objectives[best]:.2f} nats"
        text = f"{cell}: {best} by {by} ({score}; {others})"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def announce_estimates(plan: EstimationPlan, console: Console) -> None:
    """Print which estimators are not used, and which trials have no model."""
    _warn(console, plan.notes)
    for failure, group in groupby(plan.left_out, key=lambda each: each.failure):
        first, *others = (str(each.spec) for each in group)
        who = f"{first} and {quantity(len(others), 'other trial')} are" if others else f"{first} is"
        _warn(console, [f"{who} left out: {failure}"])
    if plan.untrained:
        _warn(console, [f"{quantity(len(plan.untrained), 'trial')} without weights cannot be evaluated."])


def show_estimates(result: Estimated, place: str, console: Console) -> None:
    """Print a line for each new estimate of a model, or why there is none; ``place`` is the model's position."""
    lines = [
        f"{each.estimator} {each.log_likelihood:.3f} ± {each.log_likelihood_se:.3f} ({each.bias}, {each.split})"
        if each.num_failed < each.num_points
        else f"{each.estimator} ({each.split}): {printable(each.warnings)}"
        for each in result.estimates
    ]
    for line in lines or [f"failed: {printable(result.failure)}"]:
        console.print(f"{place} {result.spec}: {line}", markup=False, highlight=False, soft_wrap=True)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def _warn(console: Console, texts: list[str]) -> None:
    for text in texts:
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
