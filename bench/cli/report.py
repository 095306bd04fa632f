"""`bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import names


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--only", type=names, default=None, help="Reports to make: log_likelihood,convergence_samples  [default: all]"
)
@click.option(
    "--format", "formats", type=names, default=None, help="csv, md, tex, html; png, svg, pdf  [default: all of them]"
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to  [default: RUN/report]")
def command(run: Path, only: tuple[str, ...] | None, formats: tuple[str, ...] | None, out: Path | None) -> None:
    """Make tables and figures from the run folder RUN, finished or not, and print the tables that answer most."""
    from rich.console import Console

    from bench import api
    from bench.cli.terminal import show_reports

    results = api.load(run)
    show_reports(results, api.report(results, only or (), formats or (), out), Console(), whole=only is not None)
