"""An algorithm that reports, or raises, what its option says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from bench import Algorithm, Batch, Problem, StepInfo, option


def _raise(text: str) -> StepInfo:
    raise ValueError(text)


ONE = torch.tensor(1.0)
REPORTS: dict[str, Callable[[], Any]] = {
    "half": lambda: _raise("half a \ud800 character"),
    "escape": lambda: _raise("\x1b[31mred\x07 and \x00 nul"),
    "long": lambda: _raise("x" * 5_000_000),
    "nan": lambda: StepInfo(torch.tensor(float("nan")), 10),
    "negative": lambda: StepInfo(ONE, -5),
    "fraction": lambda: StepInfo(ONE, 2.5),  # type: ignore[arg-type]  # what plugins get wrong
    "complex": lambda: StepInfo(ONE + 1j, 10),
    "vector": lambda: StepInfo(torch.ones(3), 10),
    "none": lambda: None,
    "text": lambda: StepInfo(ONE, 10, {"rate": "high"}),  # type: ignore[dict-item]  # likewise
}


@dataclass(frozen=True)
class Hyperparameters:
    """What is reported."""

    what: str = option("half", "the key of REPORTS")


class Wild(Algorithm):
    """Reports what it must not (a user's own file).

    Source: none.
    """

    Options = Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """A model that is never updated."""
        self.model = problem.model(encoder=True)

    def step(self, batch: Batch) -> StepInfo:
        """Nothing but a report."""
        report: StepInfo = REPORTS[self.options.what]()
        return report
