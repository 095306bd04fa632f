"""`bench report`."""

from __future__ import annotations

import gc
import webbrowser
from pathlib import Path

import click

from bench.cli import endings
from bench.cli.damage import warn_of_damage, warn_of_stale
from bench.cli.values import names

PAGE = "index"


@click.command("report")
@click.argument("run", nargs=-1, required=True, type=Path)
@click.option(
    "--only", type=names, default=None, help="Reports to make: log_likelihood,convergence_samples  [default: all]"
)
@click.option(
    "--format", "formats", type=names, default=None, help="csv, md, tex, html; png, svg, pdf  [default: all of them]"
)
@click.option("--out", type=Path, help="Folder to write to  [default: RUN/report]")
@click.option("--trust", is_flag=True, help="Run the plugin files that the run folder names, for figures of models")
@click.option("--mix-stale", is_flag=True, help="Average trials of older data or code with newer ones")
@click.option("--open", "open_page", is_flag=True, help="Make the page too, and open it in a browser")
def command(
    run: tuple[Path, ...],
    only: tuple[str, ...] | None,
    formats: tuple[str, ...] | None,
    out: Path | None,
    trust: bool,
    mix_stale: bool,
    open_page: bool,
) -> int:
    """Make tables, figures and the page from the run folder RUN, finished or not.

    Several RUNs are combined into one report.  Exit code 3 if a report could not be made.
    """
    gc.disable()  # imports and figures create many long-lived objects: searching them takes a tenth of the time

    from bench import api
    from bench.cli.console import Output
    from bench.cli.terminal import show_reports

    console = Output()
    results = api.load(*run, trust=trust, mix_stale=mix_stale)
    warn_of_damage(results)
    warn_of_stale(results)
    made = show_reports(results, console, only or (), formats or (), out, whole=only is not None)
    pages = [each for each in made if each.name == PAGE]
    if open_page and not any(page.paths or page.error for page in pages):  # --only or --format have left it out
        pages = show_reports(results, console, [PAGE], ["html"], out)
        made += pages
    if open_page:
        _open([path for page in pages for path in page.paths])
    return endings.SOME_FAILED if any(each.error for each in made) else 0


def _open(pages: list[Path]) -> None:
    """Open the page in the browser named by the environment variable BROWSER, or in the system's default."""
    if not pages:
        click.echo("There is no page to open.", err=True)
    elif not webbrowser.open(pages[0].resolve().as_uri()):
        click.echo(f"No browser was found (BROWSER names one): open {pages[0]} yourself.", err=True)
