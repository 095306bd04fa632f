"""`bench export`."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from bench.api import exports
from bench.api.loading import load
from bench.cli.damage import warn_of_damage


@click.command("export")
@click.argument("run", type=Path)
@click.option(
    "--what", type=click.Choice(get_args(exports.What)), default="trials", show_default=True, help="Which table"
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(get_args(exports.Format)),
    help="[default: the file's ending, or csv]",
)
@click.option(
    "-o",
    "--out",
    type=Path,
    help="File to write, .csv, .csv.gz, .json or .parquet  [default: standard output]",
)
def command(run: Path, what: exports.What, format_: exports.Format | None, out: Path | None) -> None:
    """Write a run's results as one tidy table: one row per trial, evaluation, estimate or model.

    In CSV, text that a spreadsheet would interpret as a formula is prefixed with an apostrophe.
    """
    results = load(run)
    warn_of_damage(results)
    click.echo(exports.export(results, what, format=format_, out=out), nl=False)
