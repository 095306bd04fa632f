"""Job arrays of SLURM, each of which limits by itself how many of its jobs run at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

LARGEST_ARRAY = 1000  # SLURM's own default limit


def split(number: int, room: int) -> tuple[int, int]:
    """Return how many of ``number`` jobs to submit as one array, and how many of these run at once, of ``room`` in all.

    The rest of both is left for further arrays, so that all of them end at about the same time.

    >>> split(200, 10), split(2500, 10), split(1666, 6), split(2500, 1)
    ((200, 10), (834, 4), (833, 3), (1000, 1))
    """
    arrays = min(-(-number // LARGEST_ARRAY), room)
    return min(-(-number // arrays), LARGEST_ARRAY), -(-room // arrays)


class Throttles:
    """The maximum number of jobs of each array that run at once, by the array's id."""

    def __init__(self, limits: dict[str, int] | None = None) -> None:
        """Start with the limits that are already known."""
        self.limits = limits or {}

    def add(self, job_id: str, limit: int) -> None:
        """Record the limit of the array that this job belongs to."""
        self.limits[_array(job_id)] = limit

    def of(self, job_ids: Sequence[str]) -> dict[str, int]:
        """Return the limits of the arrays of these jobs."""
        return {array: self.limits[array] for array in dict.fromkeys(map(_array, job_ids)) if array in self.limits}

    def room(self, most: int, job_ids: Sequence[str]) -> int:
        """Return how many jobs may run in addition to these, of ``most`` in all.

        >>> throttles = Throttles({"7": 3})
        >>> throttles.room(4, ["7_0", "7_1", "7_2", "7_3"]), throttles.room(4, ["7_3", "8"])
        (1, 2)
        """
        running = Counter(map(_array, job_ids))
        return most - sum(min(number, self.limits.get(array, number)) for array, number in running.items())


def _array(job_id: str) -> str:
    return job_id.partition("_")[0]
