"""Reading runs back."""

from __future__ import annotations

import os
from os import PathLike
from typing import TYPE_CHECKING

from bench.errors import StoreError
from bench.store import study_folder
from bench.values.paths import user_path
from bench.values.texts import quoted

if TYPE_CHECKING:
    from pathlib import Path

    from bench.results.frames import Results


def load(
    path: str | PathLike[str], *others: str | PathLike[str], trust: bool = False, mix_stale: bool = False
) -> Results:
    """Load the results of one or several run folders as pandas frames.

    The folder of a study with several parts holds one run per part, and all of them are loaded.  A trial with a damaged
    file has the status ``damaged`` and no numbers: see ``Results.damage``.  Trained models that need a plugin's file
    are rebuilt only if you ``trust`` the files that the folder names, because rebuilding executes them.

    Trials that were made with older data or code than others of the same cell are listed separately, under names such
    as ``x (older data)``, so that no mean mixes both, unless ``mix_stale`` is true.

    Raises StoreError if there is no run.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bench.load(folder)
    Traceback (most recent call last):
    ...
    bench.errors.StoreError: '...' is not a run folder (it has no study.toml): give the folder of a `bench run`.
    """
    from bench.results.frames import Results

    paths = [user_path("run", each) for each in (path, *others)]
    requested = tuple({each.resolve(): each for each in paths}.values())  # each run once
    first, *more = (folder for each in requested for folder in study_folder.find(each))
    for folder in (first, *more):
        _check_access(folder)
    return Results(first, tuple(more), requested, trust, mix_stale)


def _check_access(folder: Path) -> None:
    """Raise StoreError for a folder that this user may not read, since its trials would be omitted silently."""
    trials = folder / "trials"
    folders = [trials, *trials.iterdir()] if trials.is_dir() and os.access(trials, os.R_OK | os.X_OK) else [trials]
    for each in folders:
        if each.is_dir() and not os.access(each, os.R_OK | os.X_OK):
            raise StoreError(f"{quoted(str(each))} may not be read by this user: ask its owner for permission.")
