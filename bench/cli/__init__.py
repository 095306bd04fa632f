"""The command line: one thin file per command.  Torch and pandas are imported by the commands that need them."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

import click
from click.shell_completion import shell_complete

from bench import __version__
from bench.cli import signals
from bench.cli.characters import replace_what_streams_lack
from bench.cli.endings import code_of
from bench.cli.leaving import leave

COMPLETION = "_BENCH_COMPLETE"  # set by shells to request completions, by click's convention

COMMANDS = {
    "run": "Train algorithms on a data set, over seeds and latent sizes, and compare them.",
    "report": "Make tables and figures from a run.",
    "compare": "Compare two runs: what got better or worse, and how surely.",
    "power": "How many seeds or test points are needed to detect a difference of a given size?",
    "estimate": "Make other or finer log-likelihood estimates for trained models.",
    "perf": "Measure a base revision and the working tree in turn: did a change make anything slower?",
    "list": "List what is installed: algorithms, datasets, models, decoders, estimators, reports, back ends, studies.",
    "show": "Show one plugin or study: what it does, its options, its source.",
    "export": "Write a run's results as one tidy table.",
    "new": "Write a file with a plugin to start your own from.",
    "check": "Check your own plugin against its contract, and explain how to fix what fails.",
    "profile": "Where does the time of a step go, and how good are its gradients, beside a reference algorithm?",
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is called, so that help is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order in which they are typically used."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import `bench.cli.NAME`."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"bench.cli.{name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; after a signal, print what happens to it."""
        try:
            return super().invoke(ctx)
        except signals.Stopped as stopped:
            with suppress(OSError):  # its terminal may be closed
                click.echo("Interrupted. Finished trials are kept; run the same command again to continue.", err=True)
            ctx.exit(stopped.exit_code)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """For an unknown command, suggest similar ones."""
        from bench.errors import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"No such command {args[0]!r}.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the table above: importing every command for its help would import torch."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])  # `list` is a submodule here once that command has run


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="bench")
def cli() -> None:
    """How well and how fast do algorithms learn a deep latent-variable model?

    Same model, same data, same budget: start with `bench run`, then `bench report`.
    """


def main() -> NoReturn:
    """The `bench` command; how it ends is decided in `bench.cli.endings`."""
    signals.listen()
    replace_what_streams_lack()
    code = code_of(_command)
    gc.freeze()  # at exit, Python would search all of torch's objects for garbage, which takes most of a second
    sys.exit(code)


def program() -> NoReturn:
    """The process of the `bench` command, which ends with `main` even if plugins have left something running."""
    try:
        main()
    except SystemExit as ended:
        leave(ended.code if isinstance(ended.code, int) else 0)


def _command() -> object:
    """Run the command and return its result, without `cli.main`, which exits with code 1 on a closed pipe."""
    if instruction := os.environ.get(COMPLETION):
        return shell_complete(cli, {}, "bench", COMPLETION, instruction)
    with cli.make_context("bench", sys.argv[1:]) as context:
        return cli.invoke(context)
