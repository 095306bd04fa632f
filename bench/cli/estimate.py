"""`bench estimate`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.terminal import summarise
from bench.cli.values import count, names
from bench.reporting import tables

if TYPE_CHECKING:
    from rich.console import Console

    from bench.execution.estimation import EstimationPlan, Judged
    from bench.execution.runner import Execution

EXIT_SOME_FAILED = 3


@click.command("estimate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--likelihood",
    type=names,
    help="Estimators of log p(x): ais,importance[num_samples=5000],bdmc  [default: those of the run]",
)
@click.option(
    "--points",
    type=count(1),
    help="First datapoints to estimate log p(x) of  [default: as the run]; bdmc draws its own: bdmc[num_points=20]",
)
@click.option("--split", type=click.Choice(["test", "train"]), default="test", show_default=True, help="Of which data")
@click.option("--jobs", type=count(1), help="Models at once  [default: one a core, or one a CUDA device]")
@click.option("--threads", type=count(1), default=1, show_default=True, help="Threads of each")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option(
    "--backend",
    type=click.Choice(["loky", "threading", "sequential"]),
    default="loky",
    show_default=True,
    help="How models are fanned out",
)
def command(
    run: Path,
    likelihood: tuple[str, ...] | None,
    points: int | None,
    split: str,
    jobs: int | None,
    threads: int,
    device: str,
    backend: str,
) -> None:
    """Estimate log p(x) of the models that a run has trained, by other estimators or on more datapoints.

    RUN is a run folder.  The new estimates stand beside the old ones; one of the same name takes the old one's place.
    What is known already is not estimated again.

    Exit codes: 0 all estimated; 2 the command was wrong; 3 some could not be; 130 interrupted (and resumable).
    """
    from rich.console import Console

    from bench import api
    from bench.execution import estimation
    from bench.execution.runner import Execution
    from bench.store import study_folder

    plans = [
        estimation.plan(path, likelihood or (), points or 0, split)  # type: ignore[arg-type]  # a click.Choice
        for path in study_folder.find(run)
    ]
    execution = Execution(jobs or 0, threads, device, backend)  # type: ignore[arg-type]  # a click.Choice
    console = Console(stderr=True)
    judged = [found for plan in plans for found in _estimate(plan, execution, console)]
    if not any(plan.todo for plan in plans):
        console.print("Nothing to do: every estimate is there.")
    summarise(api.load(run), Console())
    if any(found.failure or any(row.num_failed == row.num_points for row in found.rows) for found in judged):
        sys.exit(EXIT_SOME_FAILED)


def _estimate(plan: EstimationPlan, execution: Execution, console: Console) -> list[Judged]:
    """Judge the models of one run folder, a line for each new estimate."""
    from bench.execution import estimation

    for note in plan.notes:
        console.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if plan.untrained:
        console.print(
            f"{tables.quantity(len(plan.untrained), 'trial')} without weights cannot be judged.", style="yellow"
        )
    judged: list[Judged] = []

    def ended(found: Judged) -> None:
        judged.append(found)
        _show(found, f"[{len(judged)}/{len(plan.todo)}]", console)

    if plan.todo:
        estimation.run(plan, execution, ended)
    return judged


def _show(found: Judged, place: str, console: Console) -> None:
    """A line for each new estimate."""
    lines = [
        f"{row.estimator} {row.log_likelihood:.3f} ± {row.log_likelihood_se:.3f} ({row.bias}, {row.split})"
        for row in found.rows
    ]
    for line in lines or [f"failed: {found.failure}"]:
        console.print(f"{place} {found.spec}: {line}", markup=False, highlight=False, soft_wrap=True)
