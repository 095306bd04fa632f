"""The clocks of a training."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.training.problem import StepInfo


@dataclass
class Clocks:
    """How far a training has come, on every clock, and what the updates since the last mark have told."""

    samples: int = 0
    updates: int = 0
    model_evaluations: int = 0
    train_seconds: float = 0.0
    eval_seconds: float = 0.0
    told: dict[str, tuple[float, int]] = field(default_factory=dict)  # sum and count, by name

    def tell(self, updates: list[StepInfo]) -> dict[str, float]:
        """Add what updates tell; the means since the last mark, that of the ``objective`` among them."""
        values: dict[str, list[Tensor | float]] = {}
        for info in updates:
            for name, value in {**info.diagnostics, "objective": info.objective}.items():
                values.setdefault(name, []).append(value)
        for name, column in values.items():
            total, count = self.told.get(name, (0.0, 0))
            for value in _numbers(column):  # one by one: pauses must not change the rounding
                total += value
            self.told[name] = (total, count + len(column))
        return {name: total / count for name, (total, count) in self.told.items()}


def _numbers(values: list[Tensor | float]) -> list[float]:
    """Scalars as numbers, fetched from their device all at once."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    fetched = iter(
        torch.stack([value.detach().reshape(()) for value in tensors]).cpu().double().tolist() if tensors else []
    )
    return [next(fetched) if isinstance(value, Tensor) else float(value) for value in values]


def synchronised_time(device: torch.device) -> float:
    """Wall-clock seconds, read when the device has finished what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()
