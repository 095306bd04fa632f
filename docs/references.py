"""Makes the shipped tables of a reference run from its run folder: all that is known of its trials, without weights.

    bench run reference-digits --device cpu --out runs/reference-digits
    python docs/references.py runs/reference-digits

The folder must have the name of the study; the archive is written beside that, in ``bench/studies/``.  Make references
again if the code of a shipped algorithm, network, data set, observation model or of the estimator has changed, even if
no number does, since their trials are called stale then; and if numbers change for another reason.  Tests in
`tests/store/test_references.py` look for both.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.store import references
from bench.studies import files


def main(folders: list[str]) -> int:
    """Write one archive for each run folder."""
    for run in map(Path, folders):
        if run.resolve().name not in files.shipped_names():
            print(f"{run} must have the name of a shipped study, such as reference-digits.", file=sys.stderr)  # noqa: T201
            return 2
        archive = files.SHIPPED / f"{run.resolve().name}.zip"
        references.pack(run, archive)
        print(f"{archive}: {archive.stat().st_size:,} bytes")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
