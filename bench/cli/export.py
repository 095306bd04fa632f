"""`bench export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--what",
    type=click.Choice(["trials", "trace", "diagnostics", "likelihoods", "likelihood_trace", "diagnosis", "latents"]),
    default="trials",
    show_default=True,
    help="Which table",
)
@click.option(
    "--format", "format_", type=click.Choice(["csv", "parquet", "json"]), help="[default: the file's ending, or csv]"
)
@click.option("-o", "--out", type=click.Path(path_type=Path), help="File to write  [default: standard output]")
def command(run: Path, what: str, format_: str | None, out: Path | None) -> None:
    """Write a run's results as one tidy table: a row a trial, an evaluation, an estimate or a model.

    In CSV a text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    from bench import api
    from bench.reporting.writers.texts import csv_text

    frame: pd.DataFrame = getattr(api.load(run), what)
    chosen = format_ or (out.suffix[1:] if out and out.suffix[1:] in ("csv", "parquet", "json") else "csv")
    try:
        if chosen == "parquet":
            if out is None:
                raise StoreError("Parquet is not text: name a file with -o FILE.")
            frame.to_parquet(out, index=False)
        elif chosen == "csv":
            text = csv_text(frame)
            out.write_text(text, encoding="utf-8") if out else sys.stdout.write(text)
        else:
            (out.write_text if out else sys.stdout.write)(
                frame.to_json(orient="records", indent=1, double_precision=15) + "\n"
            )
    except OSError as error:
        raise StoreError(f"`out` {str(out)!r} cannot be written ({error.strerror}): choose another file.") from error
