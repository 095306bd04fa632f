"""More jobs than one array of SLURM holds: --jobs limits all of them together."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from bench.execution.backend import Workers
from bench.execution.backends.slurm import Slurm
from bench.execution.remote import arrays


def submitted(backend: Any, waiting: deque[str], jobs: int) -> list[int]:
    """How many run at once of each array that is submitted now."""
    limits = []
    for keys, parallel in backend._batches(waiting, Workers(count=jobs)):
        array = str(len(backend._throttles.limits))
        backend._under_way |= {key: SimpleNamespace(job_id=f"{array}_{i}") for i, key in enumerate(keys)}
        backend._throttles.add(f"{array}_0", parallel)
        limits.append(parallel)
    return limits


@pytest.mark.parametrize(("jobs", "limits"), [(1, [1]), (2, [1, 1]), (5, [2, 2, 1]), (100, [34, 49, 95])])
def test_the_limit_is_for_all_arrays_together(jobs: int, limits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "LARGEST_ARRAY", 3)
    assert submitted(Slurm(), deque("abcdefg"), jobs) == limits


def test_what_has_no_room_is_submitted_when_an_array_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "LARGEST_ARRAY", 3)
    backend: Any = Slurm()
    waiting = deque("abcdefg")
    assert submitted(backend, waiting, 1) == [1]
    assert len(waiting) == 4
    for key in "ab":
        del backend._under_way[key]
    assert submitted(backend, waiting, 1) == [], "its last job still runs, or will"
    del backend._under_way["c"]
    assert submitted(backend, waiting, 1) == [1]
    assert len(waiting) == 1
