"""Trials that other back ends have under way in a run folder."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from bench import plugins
from bench.errors import StoreError
from bench.execution.backend import Backend
from bench.values.texts import quoted


def refuse(run_folder: Path, root: Path, used: Backend) -> None:
    """Raise StoreError if there are any that an ended command has left running: they would be trained twice.

    ``root`` is the folder of the study that is run now.  Trials there that the back end now ``used`` continues are
    allowed; those of a command for this run folder alone, or for a study that contains it, are not.
    """
    kinds = [reference.load() for reference in plugins.find("backend").values()]
    for kind, folder in product(kinds, dict.fromkeys((root, run_folder, run_folder.parent))):
        left = kind.left_under_way(folder, used if folder == root else None)
        if left:
            raise StoreError(f"In {quoted(str(folder))}, {left}. Or choose another `out`.")
