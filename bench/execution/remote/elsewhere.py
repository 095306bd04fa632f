"""Trials that other back ends have under way in a run folder."""

from __future__ import annotations

from pathlib import Path

from bench import plugins
from bench.errors import StoreError
from bench.execution.backend import Backend
from bench.values.texts import quoted


def refuse(root: Path, used: Backend) -> None:
    """Raise StoreError if there are any, left by a command that has ended: they would be trained twice.

    Those that the back end that is ``used`` now goes on with are no reason.
    """
    for reference in plugins.find("backend").values():
        left = reference.load().left_under_way(root, used)
        if left:
            raise StoreError(f"Of {quoted(str(root))} {left}, and Ctrl-C there stops them. Or choose another --out.")
