"""`bench check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.values import names

if TYPE_CHECKING:
    from rich.console import Console

    from bench.conformance.check import Result

SOME_BROKEN = 1


@click.command("check")
@click.argument("plugin")
@click.argument("name", required=False)
@click.option("--only", type=names, help="Some of the checks: kl_sign,resumes  [default: all]")
def command(plugin: str, name: str | None, only: tuple[str, ...] | None) -> int:
    """Check that a plugin fulfils its contract, and explain how to fix each failure.

    PLUGIN is the file of your own plugin, with options in brackets if it needs any (./mine.py[rate=0.1]), or a
    name from `bench list`.  All plugins in a file are checked; NAME selects one by its class or its kind.  A plugin
    that fails a check on purpose declares this in its class: expected_failed_checks = {"learns": "why"}.

    Exit codes: 0 all hold, or fail as declared; 1 some failed; 2 the command was invalid.
    """
    from collections import Counter

    from rich.text import Text

    from bench.api.checks import check
    from bench.cli.console import Output
    from bench.conformance.check import Verdict
    from bench.values.texts import printable

    console, headings = Output(), set[tuple[str, str]]()
    waiting: list[Result] = []

    def show_waiting() -> None:
        """Show checks that were skipped for the same reason in one line."""
        if len(waiting) > 1:
            line = f"  {Verdict.SKIPPED.value:<7} {f'{len(waiting)} checks':<17} {printable(waiting[0].reason)}"
            console.print(Text(line, "dim"), highlight=False, soft_wrap=True)
        elif waiting:
            _show(waiting[0], console)
        waiting.clear()

    def show(result: Result) -> None:
        heading = (result.kind, result.plugin)
        if waiting and (heading not in headings or result.reason != waiting[0].reason):
            show_waiting()
        if heading not in headings:
            headings.add(heading)
            console.print(Text(f"{plugin}: {result.kind} {result.plugin}", "bold"), highlight=False, soft_wrap=True)
        if result.verdict is Verdict.SKIPPED:
            waiting.append(result)
        else:
            _show(result, console)

    results = check(plugin, name, only=only or (), shown=show)
    show_waiting()
    counts = Counter(result.verdict for result in results)
    words = [f"{count} {_counted(verdict)}" for verdict in Verdict if (count := counts[verdict])]
    seconds = sum(result.seconds for result in results)
    console.print(f"{', '.join(words)}, in {seconds:.1f} s.", highlight=False, soft_wrap=True)
    return SOME_BROKEN if counts[Verdict.FAILED] else 0


def _counted(verdict: object) -> str:
    from bench.conformance.check import Verdict

    return {
        Verdict.HOLDS: "hold",
        Verdict.FAILED: "failed",
        Verdict.EXPECTED: "failed as declared",
        Verdict.UNEXPECTED: "hold though declared as failing",
        Verdict.SKIPPED: "skipped",
    }[verdict]  # type: ignore[index]


def _show(result: Result, console: Console) -> None:
    """Print a line for a check and, if it failed, the explanation below it."""
    from rich.text import Text

    from bench.conformance.check import Verdict
    from bench.values.texts import printable

    style = {Verdict.HOLDS: "green", Verdict.FAILED: "bold red", Verdict.UNEXPECTED: "yellow"}.get(
        result.verdict, "dim"
    )
    line = Text.assemble("  ", (f"{result.verdict.value:<7}", style), f" {result.check.name:<17} ")
    line.append(result.check.protects if result.verdict in (Verdict.HOLDS, Verdict.FAILED) else "")
    if result.verdict is Verdict.UNEXPECTED:
        line.append("(remove it from `expected_failed_checks`, which says: ")
    if result.reason:
        line.append(printable(result.reason) + (")" if result.verdict is Verdict.UNEXPECTED else ""))
    console.print(line, highlight=False, soft_wrap=True)
    if result.verdict is Verdict.FAILED:
        for text in printable(result.lesson).splitlines():
            console.print(Text(f"          {text}"), highlight=False, soft_wrap=True)
