"""`bench perf`."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from bench.cli import endings
from bench.perf import words

if TYPE_CHECKING:
    from bench.statistics.timings import Row, Rules

EXIT_SLOWER = 1


@click.command("perf")
@click.option("--against", metavar="REV", required=True, help="Base revision: a branch, a tag, a hash, HEAD~1")
@click.option("--rounds", type=int, default=5, show_default=True, help="Measurements of each side")
@click.option("--min-ratio", type=float, default=1.1, show_default=True, help="Smaller ratios of times do not count")
@click.option(
    "--alpha",
    type=float,
    default=0.05,
    show_default=True,
    help="Probability of any false alarm if nothing has changed",
)
@click.option("--only", metavar="EXPR", default="", help="Benchmarks to run, as pytest -k: 'update and aevb'")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Output format",
)
def command(against: str, rounds: int, min_ratio: float, alpha: float, only: str, form: str) -> int:
    """Did a change make anything slower?  Measure the revision REV and the working tree in turn, on this machine.

    Runs the benchmarks in tests/perf of the git checkout that contains the current folder, on both sides, in rounds
    that alternate which side runs first.  A round takes about a minute, less with --only.  A benchmark counts as slower
    or faster if its change is both significant and large.

    Exit codes: 0 nothing is slower; 1 something is slower; 2 the command was invalid, or a side does not run; 3 a
    benchmark fails in the working tree; 130 interrupted.
    """
    from bench.perf import measure
    from bench.statistics import timings

    rules = timings.Rules(rounds, min_ratio, alpha)
    try:
        measured = measure.measure(against, rules, only, lambda number, side: _ended(number, side, rounds))
    except KeyboardInterrupt as stopped:
        click.echo("Interrupted: there is no result, and nothing is left behind.", err=True)
        return getattr(stopped, "exit_code", endings.INTERRUPTED)
    rows = timings.compare(*measured.seconds(), rules)
    rows = timings.with_failures(rows, *([side.failures for side in sides] for sides in (measured.base, measured.new)))
    rows.sort(key=lambda row: words.ORDER.index(row.verdict))
    title = f"The working tree against {against} ({measured.commit[:10]}), {rounds} rounds"
    {"text": _print_text, "markdown": _print_markdown, "json": _print_json}[form](rows, rules, title)
    verdicts = {row.verdict for row in rows}
    return EXIT_SLOWER if "slower" in verdicts else endings.SOME_FAILED if "fails" in verdicts else 0


def _ended(number: int, side: str, rounds: int) -> None:
    click.echo(f"[{number}/{rounds}] {'base' if side == 'base' else 'working tree'}", err=True)


def _print_text(rows: Sequence[Row], rules: Rules, title: str) -> None:
    from bench.cli.console import Output
    from bench.reporting.tables.terminal import render_table

    console, shown = Output(), words.frame(rows)
    widest = sum(max(map(len, [name, *shown[name]])) + 2 for name in shown.columns) - 1
    width = max(console.width, widest)  # a name that is broken across lines can be neither read nor searched for
    Output(width=width).print(render_table(shown, title, width))
    console.print()
    for line in words.sentences(rows, rules):
        console.print(line, markup=False, highlight=False)
    console.print(words.verdict(rows), style="bold", markup=False, highlight=False)


def _print_markdown(rows: Sequence[Row], rules: Rules, title: str) -> None:
    """Format for a comment on a pull request, with the table collapsed."""
    from bench.reporting.writers.texts import markdown_table, markdown_text

    lines = "\n".join(f"- {markdown_text(line)}" for line in words.sentences(rows, rules))
    table = ["<details><summary>All benchmarks</summary>", markdown_table(words.frame(rows)), "</details>"]
    click.echo("\n\n".join([f"### {markdown_text(title)}", f"**{words.verdict(rows)}**", lines, *table]))


def _print_json(rows: Sequence[Row], rules: Rules, title: str) -> None:
    """Print JSON with times in seconds; unknown numbers are null."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    record = {
        "title": title,
        "verdict": words.verdict(rows),
        "rules": dataclasses.asdict(rules),
        "rows": [{name: plain(value) for name, value in dataclasses.asdict(row).items()} for row in rows],
    }
    click.echo(json.dumps(record, indent=1, allow_nan=False))
