"""`bench run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from bench.cli.terminal import summarise
from bench.cli.values import count, counts, duration, names, seeds
from bench.reporting.tables import formatting

if TYPE_CHECKING:
    from rich.console import Console

    from bench.execution.runner import Execution, Plan
    from bench.studies.study import Study

EXIT_SOME_FAILED = 3


@click.command("run")
@click.argument("study", required=False)
@click.option("--size", help="smoke (seconds), laptop (under an hour), full (as published)  [default: laptop]")
@click.option(
    "--algos",
    type=names,
    help="Algorithms, options in brackets, or files: aevb[num_samples=5],./mine.py  [default: aevb,wakesleep,mcem]",
)
@click.option("--z", type=counts(1), help="Latent sizes: 3,5,10  [default: 3]")
@click.option("--n-train", type=counts(1), help="Training-set sizes: 1000,50000  [default: all the data]")
@click.option("--seeds", type=seeds, help="5 is seeds 0 to 4; 3,7 is those two  [default: 3]")
@click.option("--dataset", help="Data set with its options: mnist[binarize=static]  [default: digits]")
@click.option("--model", help="Networks: mlp, deep or linear, with options in brackets  [default: mlp]")
@click.option("--hidden", type=count(1), help="Hidden units  [default: what suits the data set]")
@click.option(
    "--decoder",
    help="Observation model p(x|z): bernoulli, gaussian, unit_gaussian or a file  [default: the data set's]",
)
@click.option("--budget", type=count(1), help="Training samples for each trial: 1e6  [default: 3e5]")
@click.option(
    "--likelihood",
    type=names,
    help="Estimators of log p(x): ais,importance[num_samples=5000]  [default: importance]",
)
@click.option("--eval-points", type=count(1), help="First points of each split to follow the bound on  [default: 1000]")
@click.option("--likelihood-points", type=count(1), help="First test points to estimate log p(x) of  [default: 300]")
@click.option(
    "--likelihood-marks",
    type=counts(1),
    help="Training samples at which to estimate log p(x) on the way too, of both splits: 1e4,1e5  [default: none]",
)
@click.option("--jobs", type=count(1), default=None, help="Trials at once  [default: one a core, or one a CUDA device]")
@click.option("--threads", type=count(1), default=1, show_default=True, help="Threads of each trial")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps")
@click.option(
    "--backend",
    type=click.Choice(["loky", "threading", "sequential"]),
    default="loky",
    show_default=True,
    help="How trials are fanned out",
)
@click.option("--timeout", type=duration, help="Longest time for a trial: 90s, 30m, 2h")
@click.option("--rerun-stale", is_flag=True, help="Run again what was finished by other code than today's")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder  [default: runs/NAME, named after the study]")
def command(
    study: str | None,
    size: str | None,
    jobs: int | None,
    threads: int,
    device: str,
    backend: str,
    timeout: float | None,
    rerun_stale: bool,
    out: Path | None,
    **asked: object,
) -> None:
    """Train algorithms on a data set, over seeds and latent sizes, and compare them.

    STUDY is one of `bench list studies`, such as aevb-fig2, which --size fits to the time that there is; or a TOML file
    such as the study.toml of an earlier run.  Options override it.  Results are kept in the run folder: what it holds
    already is not run again, and a larger budget goes on from where it stopped.

    Exit codes: 0 all trials done; 2 the command was wrong; 3 some trials did not end well; 130 interrupted.
    """
    from rich.console import Console

    from bench import api
    from bench.execution import runner
    from bench.execution.progress import progress

    execution = runner.Execution(jobs or 0, threads, device, backend, timeout, rerun_stale)  # type: ignore[arg-type]  # a click.Choice
    fields = {name: value for name, value in asked.items() if value is not None}
    plans, folder = api.plan_all(study, size, fields, out, execution)
    console = Console(stderr=True)
    for plan in plans:
        _announce(plan, plan.study, execution, console)
        with progress(plan, console) as shown:
            runner.run(plan, execution, shown.ended)
    summarise(api.load(folder), Console())
    if any(status != "done" for plan in plans for status in plan.statuses().values()):
        sys.exit(EXIT_SOME_FAILED)


def _announce(plan: Plan, study: Study, execution: Execution, console: Console) -> None:
    """What is going to run, and where; what is not, and why."""
    cells = [
        formatting.quantity(len(study.algos), "algorithm"),
        f"z = {_listed(study.z)}",
        formatting.quantity(len(study.seeds), "seed"),
    ]
    console.print(
        f"[bold]{escape(study.dataset)}[/]: {escape(' x '.join(cells))} = "
        f"{formatting.quantity(len(plan.specs), 'trial')}",
        highlight=False,
    )
    console.print(
        f"{min(execution.workers, max(1, len(plan.todo)))} at once, "
        f"{formatting.quantity(execution.threads, 'thread')} each, "
        f"{study.budget:,} training samples a trial; results go to {escape(str(plan.store.path))}",
        highlight=False,
    )
    skipped = len(plan.specs) - len(plan.todo)
    if skipped and plan.todo:
        console.print(f"{skipped} finished trials are kept, {len(plan.todo)} to do.", highlight=False)
    if not plan.todo:
        console.print("Nothing to do: every trial is finished.", highlight=False)
    for note in plan.estimators.notes:
        console.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if plan.stale:
        console.print(
            f"[yellow]{len(plan.stale)} trials are stale:[/] their code or data have changed since. They are kept; "
            "--rerun-stale runs them again.",
            highlight=False,
        )


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
