"""An estimator whose result is what its option says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench import Estimate, Estimator, LatentVariableModel, option

RESULTS: dict[str, Callable[[Tensor], Any]] = {
    "short": lambda v: Estimate(v[1:], v[1:], "lower", 1),
    "sideways": lambda v: Estimate(v, v, "sideways", 1),  # type: ignore[arg-type]  # what plugins get wrong
    "negative": lambda v: Estimate(v, v - 1, "lower", 1),
    "complex": lambda v: Estimate(v + 1j, v, "lower", 1),
    "cost": lambda v: Estimate(v, v, "lower", -1),
    "list": lambda v: Estimate(v.tolist(), v, "lower", 1),  # type: ignore[arg-type]  # likewise
    "summary": lambda v: Estimate(v, v, "lower", 1, summary={"a": "b"}),  # type: ignore[dict-item]  # likewise
    "none": lambda _: None,
    "escape": lambda v: Estimate(v, v, "lower", 1, warnings=("\x1b[31m \ud800" + "w" * 100_000,)),
}


@dataclass(frozen=True)
class Options:
    """What is returned."""

    what: str = option("short", "the key of RESULTS")


class Sideways(Estimator):
    """Returns what it must not (a user's own file)."""

    Options = Options

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """No estimate at all."""
        result: Estimate = RESULTS[self.options.what](torch.zeros(len(x)))
        return result
