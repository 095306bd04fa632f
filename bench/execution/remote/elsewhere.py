"""Trials that other back ends have under way in a run folder."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from bench import plugins
from bench.errors import StoreError
from bench.execution.backend import Backend
from bench.store.run_folder import TUNING
from bench.values.texts import quoted


def refuse(root: Path, used: Backend) -> None:
    """Raise StoreError if there are any, left by a command that has ended: they would be trained twice.

    Those that the back end that is ``used`` now goes on with are no reason.
    """
    kinds = [reference.load() for reference in plugins.find("backend").values()]
    for kind, folder in product(kinds, (root, root / TUNING)):
        left = kind.left_under_way(folder, used)
        if left:
            raise StoreError(f"Of {quoted(str(root))} {left}, and Ctrl-C there stops them. Or choose another --out.")
