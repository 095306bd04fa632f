"""Means of what updates report, from one evaluation mark to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.training.problem import StepInfo


@dataclass
class RunningMeans:
    """Sums of the objective and the diagnostics since the last evaluation mark."""

    sums: dict[str, tuple[float, int]] = field(default_factory=dict)  # sum and count, by name

    def add(self, updates: Sequence[StepInfo]) -> dict[str, float]:
        """Add updates; returns the means by name, including that of the ``objective``."""
        columns: dict[str, list[Tensor | float]] = {}
        for info in updates:
            for name, value in {**info.diagnostics, "objective": info.objective}.items():
                columns.setdefault(name, []).append(value)
        for name, column in columns.items():
            total, count = self.sums.get(name, (0.0, 0))
            for number in as_numbers(column):  # one by one: pauses must not change the rounding
                total += number
            self.sums[name] = (total, count + len(column))
        return {name: total / count for name, (total, count) in self.sums.items()}


def as_numbers(values: Sequence[Tensor | float]) -> list[float]:
    """Return scalars as numbers, fetched from their device all at once."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    fetched = iter(
        torch.stack([value.detach().reshape(()) for value in tensors]).cpu().double().tolist() if tensors else []
    )
    return [next(fetched) if isinstance(value, Tensor) else float(value) for value in values]
