"""The console on which the API reports its progress."""

from __future__ import annotations

from rich.console import Console


class Notes(Console):
    """The standard error stream, unless ``quiet``; if its reader exits, work continues without output."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(stderr=True, quiet=quiet)

    def on_broken_pipe(self) -> None:
        """Do nothing; Rich would end the process."""
        self.quiet = True
