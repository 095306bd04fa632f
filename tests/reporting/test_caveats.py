"""Algorithms that were tuned in different ways are named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from bench.reporting.captions import caveats


def results(*tuned: tuple[str, str]) -> Any:
    return SimpleNamespace(trials=pd.DataFrame(tuned, columns=["algorithm", "tune"]))


def test_the_same_protocol_needs_no_word() -> None:
    assert caveats.tuning(results(("aevb", "halving"), ("aevb", "halving"), ("mcem", "halving"))) == []
    assert caveats.tuning(results(("aevb", "given"), ("mcem", "given"))) == []


def test_different_protocols_are_named_with_their_algorithms() -> None:
    (sentence,) = caveats.tuning(results(("aevb", "paper"), ("mine", "given"), ("mcem", "paper")))
    assert sentence == (
        "Algorithms were tuned in different ways (aevb, mcem: paper; mine: given), and a difference may be due to that."
    )
