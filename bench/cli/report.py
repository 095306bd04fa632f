"""`bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import names

EXIT_SOME_FAILED = 3


@click.command("report")
@click.argument("run", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--only", type=names, default=None, help="Reports to make: log_likelihood,convergence_samples  [default: all]"
)
@click.option(
    "--format", "formats", type=names, default=None, help="csv, md, tex, html; png, svg, pdf  [default: all of them]"
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write to  [default: RUN/report]")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser")
def command(
    run: tuple[Path, ...],
    only: tuple[str, ...] | None,
    formats: tuple[str, ...] | None,
    out: Path | None,
    open_page: bool,
) -> int:
    """Make tables, figures and the page from the run folder RUN, finished or not.

    Several RUNs come into one report.  Exit code 3 where a report could not be made.
    """
    from rich.console import Console

    from bench import api
    from bench.cli.terminal import show_reports

    console, failures = Console(), []

    def failed(name: str, error: Exception) -> None:
        failures.append(name)
        text = f"{name} could not be made: {type(error).__name__}: {error}"
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    results = api.load(*run)
    made = api.report(results, only or (), formats or (), out, failed)
    show_reports(results, made, console, whole=only is not None)
    pages = [path for path in made.get("index", []) if path.suffix == ".html"]
    if open_page and pages:
        click.launch(pages[0].resolve().as_uri())
    return EXIT_SOME_FAILED if failures else 0
