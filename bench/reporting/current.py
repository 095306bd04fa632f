"""Figures that need not be drawn again, because nothing has changed since they were."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import Figure
from bench.reporting.selection import Selected
from bench.results.grid import of_references
from bench.store.run_folder import TRIALS

if TYPE_CHECKING:
    from bench.results.frames import Results


def drawn(selected: Selected, results: Results, form: str) -> Path | None:
    """The file of a figure in a run's own folder, if it is newer than the last change of any of its trials.

    None for results in several folders, or with references, damage or stale trials, which a figure may mention.
    """
    if not isinstance(selected.report, Figure) or len(results.requested) > 1 or results.others or results.damage:
        return None
    if results.changed_since or of_references(results.trials).any():
        return None
    path = results.path / "report" / selected.report.place / f"{selected.name}.{form}"
    trials = results.path / TRIALS
    try:
        changed = max(each.stat().st_mtime_ns for each in (trials, *trials.iterdir()))
        return path if path.stat().st_mtime_ns > changed else None
    except OSError:
        return None
