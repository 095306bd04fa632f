"""Estimating log p(x) for the models of a run."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Literal

from bench.api import arguments
from bench.errors import OptionError
from bench.execution.execution import Execution
from bench.process.state import preserved
from bench.store import study_folder
from bench.studies.fields import ALL
from bench.values.numerals import whole_number
from bench.values.paths import user_path
from bench.values.texts import quoted

if TYPE_CHECKING:
    from rich.console import Console

    from bench.execution.backend import Backend
    from bench.execution.estimation import Estimated, EstimationPlan


def estimate(
    run: str | PathLike[str],
    likelihood: str | Sequence[str] = (),
    *,
    points: int | Literal["all"] | None = None,
    split: Literal["test", "train"] = "test",
    execution: Execution | None = None,
    quiet: bool = False,
    trust: bool = False,
) -> list[Estimated]:
    """Estimate log p(x) of the models that a run has trained, with other estimators or on more datapoints.

    ``likelihood`` names estimators (``"ais,importance[num_samples=5000]"``), by default those of the run.  ``points``
    is the number of datapoints of the ``split`` to use, or ``"all"``; by default, the same number as in the run.  A
    larger number includes the datapoints of a smaller one.  The new estimates appear in
    ``bench.load(run).likelihoods`` beside the others; only an estimate of the same name is replaced.  Existing
    estimates are not repeated.  Models and estimators that need a plugin's file are left out, unless you name the
    estimator here or ``trust`` the files that the folder names.  Unless ``quiet``, each new estimate is printed to the
    standard error stream.

    Returns the outcome for each model that still needed an estimate: its new estimates, or the reason for its failure.
    Raises UsageError if the request is wrong.

    >>> import bench, tempfile
    >>> execution = bench.Execution(backend="sequential")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = bench.run(
    ...         algos="aevb[learning_rate=0.02]", z=2, seeds=1, n_train=100, budget=200, hidden=8,
    ...         likelihood="importance[num_samples=10]", likelihood_points=10,
    ...         out=f"{folder}/run", execution=execution, quiet=True,
    ...     )
    ...     estimated = bench.estimate(f"{folder}/run", "importance[num_samples=20]", execution=execution, quiet=True)
    ...     bench.load(f"{folder}/run").likelihoods["estimator"].tolist()
    ['importance[num_samples=10]', 'importance[num_samples=20]']
    """
    execution = arguments.execution_or_default(execution)
    folders = study_folder.find(user_path("run", run))
    names = arguments.names("likelihood", likelihood) if likelihood else ()
    num_points = _number_of_points(points)
    arguments.one_of("split", split, ("test", "train"))
    count = sum(1 for folder in folders for _ in folder.glob("trials/*/model.safetensors"))
    with preserved(), execution.start(count) as backend:
        from bench.api.console import Notes
        from bench.execution import estimation

        plans = [
            estimation.plan(folder, execution, backend, names, num_points, split, trust=trust) for folder in folders
        ]
        if not any(plan.todo for plan in plans):
            backend.stop()
        console = Notes(quiet=quiet)
        results = [result for plan in plans for result in _estimate(plan, execution, backend, console)]
        if not any(plan.todo for plan in plans):
            console.print("Nothing to do: all estimates exist already.")
    return results + [each for plan in plans for each in plan.left_out]


def _number_of_points(points: object) -> int | None:
    """The number in the convention of `bench.execution.points`: 0 for all; None for as many as in the run."""
    if points is None:
        return None
    number = 0 if isinstance(points, str) and points == ALL else whole_number(points)
    if number is None or (number < 1 and points != ALL):
        raise OptionError(
            f"`points` must be an integer of at least 1, {ALL!r}, or None for those of the run (got {quoted(points)})."
        )
    return number


def _estimate(plan: EstimationPlan, execution: Execution, backend: Backend, console: Console) -> list[Estimated]:
    """Make the estimates for one run folder, printing a line for each."""
    from bench.api import announcements
    from bench.execution import estimation

    announcements.announce_estimates(plan, console)
    results = []
    for result in estimation.run(plan, execution, backend):
        results.append(result)
        announcements.show_estimates(result, f"[{len(results)}/{len(plan.todo)}]", console)
    return results
