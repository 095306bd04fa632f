"""The console that commands print on."""

from __future__ import annotations

from rich.console import Console


class Output(Console):
    """Standard output; the command ends if the reader (head, less) has exited, see `bench.cli.endings`."""

    def on_broken_pipe(self) -> None:
        """Replace Rich's handler, which would exit with code 1."""
        raise BrokenPipeError
