"""`bench power`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bench.cli.damage import warn_of_damage, warn_of_stale


@click.command("power")
@click.argument("run", nargs=-1, required=True, type=Path)
@click.option(
    "--difference", type=float, required=True, help="Difference to detect, in nats per datapoint, such as 0.5"
)
@click.option(
    "--level", type=float, default=0.05, show_default=True, help="Probability of any false verdict in the whole run"
)
@click.option(
    "--power", type=float, default=0.8, show_default=True, help="Probability of detecting the difference if it exists"
)
@click.option("--mix-stale", is_flag=True, help="Average trials of older data or code with newer ones")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Output format",
)
def command(run: tuple[Path, ...], difference: float, level: float, power: float, mix_stale: bool, form: str) -> None:
    """How many seeds or test points are needed to detect a difference between each pair of algorithms in the run RUN?

    The answer is computed from the spread of the differences over the seeds (at least 2) and test points of RUN.
    Several RUNs are combined into one table.  Exit code 2 if there is nothing to compare.
    """
    from bench.api.loading import load
    from bench.api.planning import power as plan
    from bench.cli.console import Output
    from bench.reporting import power as planning
    from bench.reporting.captions import caveats
    from bench.reporting.tables import formatting
    from bench.reporting.tables.terminal import render_table
    from bench.reporting.writers.texts import markdown_table

    aim = planning.Aim(difference, level, power)
    results = load(*run, mix_stale=mix_stale)
    warn_of_damage(results)
    warn_of_stale(results)
    table = plan(results, difference, level=level, power=power)
    if form == "json":
        click.echo(json.dumps({**vars(aim), "rows": planning.record(table)}, indent=1, allow_nan=False))
        return
    notes = [*planning.explanation(table, aim), *caveats.tuning(results)]
    if form == "markdown":
        click.echo("\n\n".join([markdown_table(planning.shown(table)), *notes]))
        return
    console = Output()
    console.print(render_table(planning.shown(table), f"Seeds that find a difference of {formatting.nats(difference)}"))
    for note in notes:
        console.print(note, markup=False, highlight=False)
