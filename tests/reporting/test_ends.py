"""Choices at an end of the candidates are called so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from bench.reporting.captions.ends import at_an_end, ends_of_candidates


def tuning(*rows: tuple[str, int, str, bool]) -> pd.DataFrame:
    """Algorithm, z, candidate, chosen."""
    frame = pd.DataFrame(rows, columns=["algorithm", "z", "candidate", "chosen"])
    return frame.assign(dataset="digits", n_train=100)


ROWS = tuning(
    ("aevb", 3, "learning_rate=0.01", False),
    ("aevb", 3, "learning_rate=0.02", False),
    ("aevb", 3, "learning_rate=0.1", True),
    ("aevb", 10, "learning_rate=0.01", False),
    ("aevb", 10, "learning_rate=0.02", True),
    ("aevb", 10, "learning_rate=0.1", False),
    ("mine", 3, "beta=0.5,kind=a,rate=1e-3", True),
    ("mine", 3, "beta=1,kind=a,rate=1e-3", False),
    ("mine", 3, "beta=2,kind=b,rate=1e-2", False),
    ("other", 3, "learning_rate=1", False),
    ("other", 3, "learning_rate=2", True),  # of two each is at an end
)


def test_the_largest_and_the_smallest_of_three_are_named_in_their_own_cell() -> None:
    ends = [(i, end) for i, end in enumerate(at_an_end(ROWS)) if end]
    assert ends == [(2, "learning_rate is the largest"), (6, "beta is the smallest")]


def test_a_sentence_names_the_algorithms_of_each_end_once() -> None:
    other = ROWS[ROWS["algorithm"] == "aevb"].assign(algorithm="mcem")
    rows = pd.concat([ROWS, ROWS, other], ignore_index=True)
    results: Any = SimpleNamespace(tuning=rows, trials=rows.assign(reference=""))
    begins = "The choice is at an end of the candidates, and a better value may lie beyond: "
    assert ends_of_candidates(results) == [
        f"{begins}learning_rate is the largest for aevb, mcem.",
        f"{begins}beta is the smallest for mine.",
    ]
    none: Any = SimpleNamespace(tuning=ROWS.iloc[:0], trials=ROWS.iloc[:0])
    assert ends_of_candidates(none) == []
