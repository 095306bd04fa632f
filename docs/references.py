"""Makes the shipped tables of a reference run from its run folder: all that is known of its trials, without weights.

    python docs/references.py begin runs/reference-digits
    bench run reference-digits --device cpu --out runs/reference-digits
    python docs/references.py pack runs/reference-digits

The folder must have the name of the study; the archive is written beside that, in ``bench/studies/``.  ``begin`` puts
the shipped trials into the folder that the present plugins would make, so that `bench run` makes only the others;
without it all are made.

Make references again if the file of a shipped algorithm, network, data set, observation model or of the estimator has
changed, even if no number does, since their trials are called stale then; and, without ``begin``, if numbers change for
another reason.  Tests in `tests/store/test_references.py` look for both.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import bench
from bench.store import references
from bench.store.run_folder import FILE, TRIALS
from bench.studies import files


def main(arguments: list[str]) -> int:
    """Begin the run folder of a reference, or write its archive."""
    actions = {"begin": begin, "pack": pack}
    if len(arguments) != 2 or arguments[0] not in actions or Path(arguments[1]).name not in files.shipped_names():
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 2
    print(actions[arguments[0]](Path(arguments[1]).resolve()))  # noqa: T201
    return 0


def begin(run: Path) -> str:
    """Copy the shipped trials that are not stale into a new run folder."""
    trials = bench.load(run.name).trials
    kept = trials["trial"][trials["stale"] == ""]
    shipped = references.unpacked(run.name)
    run.mkdir(parents=True)
    shutil.copyfile(shipped / FILE, run / FILE)
    for trial in kept:
        shutil.copytree(shipped / TRIALS / trial, run / TRIALS / trial)
    return f"{len(kept)} of {len(trials)} trials are those of the present plugins, and are in {run}."


def pack(run: Path) -> str:
    """Write the archive."""
    archive = files.SHIPPED / f"{run.name}.zip"
    references.pack(run, archive)
    return f"{archive}: {archive.stat().st_size:,} bytes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
