"""`bench estimate`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from bench.cli import endings
from bench.cli.execution_options import execution_options
from bench.cli.values import count_or_all, names
from bench.execution.execution import Execution


@click.command("estimate")
@click.argument("run", type=Path)
@click.option(
    "--likelihood",
    type=names,
    help="Estimators of log p(x): ais,importance[num_samples=5000],bdmc  [default: those of the run]",
)
@click.option(
    "--points",
    type=count_or_all(1),
    help="Datapoints to estimate log p(x) of, a fixed random subset, or all  [default: as the run]; "
    "bdmc draws its own: bdmc[num_points=20]",
)
@click.option(
    "--split",
    type=click.Choice(["test", "train"]),
    default="test",
    show_default=True,
    help="Part of the data to evaluate",
)
@click.option("--trust", is_flag=True, help="Run the plugin files that the run folder names")
@execution_options("model")
def command(
    run: Path,
    likelihood: tuple[str, ...] | None,
    points: int | Literal["all"] | None,
    split: Literal["test", "train"],
    trust: bool,
    execution: Execution,
) -> int:
    """Estimate log p(x) of the models that a run has trained, with other estimators or on more datapoints.

    RUN is a run folder.  New estimates are kept beside the old ones; an estimate of the same name replaces the old
    one.  Existing estimates are not repeated.

    Exit codes: 0 all estimated; 2 the command was invalid; 3 some could not be estimated; 130 interrupted (and
    resumable).
    """
    from bench.api.estimates import estimate

    estimated = estimate(run, likelihood or (), points=points, split=split, execution=execution, trust=trust)

    from bench.api.loading import load
    from bench.cli.console import Output
    from bench.cli.terminal import summarise

    summarise(load(run, trust=trust), Output())
    return 0 if all(result.ended_well for result in estimated) else endings.SOME_FAILED
