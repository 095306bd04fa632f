"""`bench compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from bench.cli.damage import warn_of_damage
from bench.errors import StoreError

if TYPE_CHECKING:
    from bench.reporting.comparison.compare import Comparison

EXIT_REGRESSION = 1


@click.command("compare")
@click.argument("base", type=Path)
@click.argument("new", type=Path)
@click.option("--min-nats", type=float, default=0.1, show_default=True, help="Smaller differences in nats do not count")
@click.option(
    "--min-ratio", type=float, default=1.1, show_default=True, help="Smaller ratios of times and speeds do not count"
)
@click.option(
    "--false-alarms",
    type=float,
    default=0.05,
    show_default=True,
    help="Probability of any false alarm if nothing has changed",
)
@click.option(
    "--timings",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Compare seconds: auto does if machine, workers and load were alike",
)
@click.option("--mix-stale", is_flag=True, help="Average trials of older data or code with newer ones of a run")
@click.option("--strict", is_flag=True, help="Exit code 1 for cells that are missing or not comparable too")
@click.option("--all", "everything", is_flag=True, help="Print the table of all comparisons too")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Output format",
)
def command(
    base: Path,
    new: Path,
    min_nats: float,
    min_ratio: float,
    false_alarms: float,
    timings: Literal["auto", "always", "never"],
    strict: bool,
    everything: bool,
    form: str,
    mix_stale: bool,
) -> int:
    """Compare the run NEW with the run BASE, cell by cell: what got better or worse, and how certainly.

    Exit code 1 if something got worse (significantly, and by more than the minimum size), and for no other reason;
    otherwise 0, or 2 if nothing could be compared.
    """
    from bench.api.comparisons import compare
    from bench.api.loading import load

    runs = load(base, mix_stale=mix_stale), load(new, mix_stale=mix_stale)
    warn_of_damage(*runs)
    comparison = compare(*runs, min_nats=min_nats, min_ratio=min_ratio, false_alarms=false_alarms, timings=timings)
    if form == "json":
        from bench.reporting.comparison import words

        click.echo(json.dumps(words.record(comparison), indent=1, allow_nan=False))
    elif form == "markdown":
        _print_markdown(comparison, f"{new} against {base}")
    else:
        _print_text(comparison, f"{new} against {base}", everything=everything)
    if not comparison.of("better", "worse", "no evidence"):
        raise StoreError(
            f"Nothing in {str(new)!r} can be compared with {str(base)!r}: the runs need a cell (algorithm, data set, "
            "n_train, z) in common, with at least one seed that is done in both, and the same pixels and budget."
        )
    failed = comparison.of("worse", "missing", "not comparable") if strict else comparison.of("worse")
    return EXIT_REGRESSION if failed else 0


def _print_text(comparison: Comparison, title: str, *, everything: bool) -> None:
    from bench.cli.console import Output
    from bench.reporting.comparison import words
    from bench.reporting.tables.terminal import render_table

    console = Output()
    if everything and comparison.rows:
        console.print(render_table(words.frame(comparison), title))
        console.print()
    for line in (*words.sentences(comparison), *words.rules(comparison)):
        console.print(line, markup=False, highlight=False)
    console.print(words.verdict(comparison), style="bold", markup=False, highlight=False)


def _print_markdown(comparison: Comparison, title: str) -> None:
    """Format for a comment on a pull request: the table folded away."""
    from bench.reporting.comparison import words
    from bench.reporting.writers.texts import markdown_table, markdown_text

    lines = [markdown_text(line) for line in (*words.sentences(comparison), *words.rules(comparison))]
    table = ["<details><summary>All comparisons</summary>", markdown_table(words.frame(comparison)), "</details>"]
    parts = [
        f"### {markdown_text(title)}",
        f"**{words.verdict(comparison)}**",
        "\n".join(f"- {line}" for line in lines),
    ]
    click.echo("\n\n".join([*parts, *(table if comparison.rows else [])]))
