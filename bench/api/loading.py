"""Reading runs back."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bench.store import study_folder

if TYPE_CHECKING:
    from bench.results.frames import Results


def load(path: str | PathLike[str], *others: str | PathLike[str], trust: bool = False) -> Results:
    """The results in a run folder, or in several together, as pandas frames.

    The folder of a study with several parts holds one run per part, and all of them are loaded.  A trial with a damaged
    file has the status ``damaged``, and no numbers: see ``Results.damage``.  Trained models that need a plugin's file
    are rebuilt only if you ``trust`` the files that the folder names, because that runs them.  Raises StoreError if
    there is no run.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     bench.load(folder)
    Traceback (most recent call last):
    ...
    bench.errors.StoreError: '...' is not a run folder (it has no study.toml): give the folder of a `bench run`.
    """
    from bench.results.frames import Results

    requested = tuple({Path(each).resolve(): Path(each) for each in (path, *others)}.values())  # each run once
    first, *more = (folder for each in requested for folder in study_folder.find(each))
    return Results(first, tuple(more), requested, trust)
