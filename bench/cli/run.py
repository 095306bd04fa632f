"""`bench run`."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import click

from bench import plugins
from bench.cli import endings
from bench.cli.execution_options import execution_options
from bench.cli.values import count, count_or_all, counts, duration, names, seeds
from bench.execution.execution import Execution
from bench.store.records import Status


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
@click.option("--dataset", help="Data set with its options, or a file: mnist[binarize=static]  [default: digits]")
@click.option(
    "--model",
    help=f"Networks, with options in brackets, or a file: {', '.join(plugins.find('model'))}  [default: mlp]",
)
@click.option("--hidden", type=count(1), help="Hidden units  [default: what suits the data set]")
@click.option(
    "--decoder",
    help=f"Observation model p(x|z), or a file: {', '.join(plugins.find('decoder'))}  [default: the data set's]",
)
@click.option("--budget", type=count(1), help="Training samples for each trial: 1e6  [default: 3e5]")
@click.option(
    "--likelihood",
    type=names,
    help="Estimators of log p(x), or files: ais,importance[num_samples=5000]  [default: importance]",
)
@click.option(
    "--eval-points",
    type=count_or_all(1),
    help="Points of each split to follow the bound on, a fixed random subset, or all  [default: 1000]",
)
@click.option(
    "--likelihood-points",
    type=count_or_all(1),
    help="Test points to estimate log p(x) of, a fixed random subset, or all  [default: 300]",
)
@click.option(
    "--likelihood-marks",
    type=counts(1),
    help="Training samples at which log p(x) is estimated during training, for both splits: 1e4,1e5  [default: none]",
)
@click.option(
    "--tune",
    help="How open hyperparameters are chosen: paper, halving[samples=2e5], fixed (not at all)  [default: halving, or "
    "paper if the budget is smaller than the samples of halving]",
)
@click.option(
    "--resample-train/--same-train",
    default=None,
    help="Draw the --n-train points anew for each seed, so that intervals include the choice of training data, or give "
    "all seeds the first ones",
)
@execution_options("trial")
@click.option("--checkpoint", type=duration, default="15s", show_default=True, help="Time between two checkpoints")
@click.option(
    "--on-stale",
    type=click.Choice(["keep", "rerun", "error"]),
    default="keep",
    show_default=True,
    help="What to do with finished trials if their code or data have changed; keep sets them apart in all tables",
)
@click.option(
    "--against",
    help="Compare with an earlier run, a folder or a shipped one such as reference-mnist: only --algos are trained",
)
@click.option("--out", type=Path, help="Run folder  [default: runs/NAME, named after the study]")
def command(
    study: str | None,
    size: str | None,
    execution: Execution,
    checkpoint: float,
    on_stale: Literal["keep", "rerun", "error"],
    against: str | None,
    out: Path | None,
    **fields: Any,
) -> int:
    """Train algorithms on a data set, over seeds and latent sizes, and compare them.

    STUDY is one of `bench list studies`, such as aevb-fig2, with --size for the time you have; or a TOML file such as
    the study.toml of an earlier run.  Options override its values.  Results are kept in the run folder: trials that it
    already holds are not run again, and a larger budget resumes where the smaller one stopped.  With --against, the
    study is that of an earlier run, except for --algos, --budget and --tune.

    Exit codes: 0 all trials done; 2 the command was invalid; 3 some trials did not end well; 130 interrupted.
    """
    from bench.api.runs import run

    changes = {name: value for name, value in fields.items() if value is not None}
    execution = replace(execution, checkpoint=checkpoint)
    results = run(study, size=size, out=out, execution=execution, on_stale=on_stale, against=against, **changes)

    gc.disable()  # tables and figures create many long-lived objects: searching them takes a fifth of the time

    from bench.cli.console import Output
    from bench.cli.terminal import summarise
    from bench.results.grid import of_references

    summarise(results, Output())
    trained = results.trials[~of_references(results.trials)]
    all_done = (trained["status"] == Status.DONE).all() and not results.damage  # a row may have been deleted
    return 0 if all_done else endings.SOME_FAILED
