"""The console that commands print on."""

from __future__ import annotations

from rich.console import Console


class Output(Console):
    """Standard output: a reader that has gone (head, less) ends the command, see `bench.cli.endings`."""

    def on_broken_pipe(self) -> None:
        """Rich would exit with code 1."""
        raise BrokenPipeError
