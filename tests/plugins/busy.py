"""AEVB that asks more of a device than it needs: memory, and time of a pretend one after an update has returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from bench import Batch, Problem, StepInfo, option
from bench.algorithms.aevb import AEVB, AEVBHyperparameters


@dataclass(frozen=True)
class Options(AEVBHyperparameters):
    """Options of the test."""

    seconds: float = option(0.0, "that the device computes after each update", unit="seconds", minimum=0)
    memory: int = option(1, "that it takes", unit="bytes", minimum=1)


class Busy(AEVB):
    """AEVB."""

    Options = Options
    hyperparameters: Options

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """As AEVB, with something that needs memory."""
        super().setup(problem, generator)
        self.extra = torch.empty(self.hyperparameters.memory, dtype=torch.uint8, device=problem.x.device)

    def step(self, batch: Batch) -> StepInfo:
        """An update that the caller does not wait for."""
        info = super().step(batch)
        if batch.x.device.type == "pretend":
            accelerator: Any = torch.get_device_module("pretend")
            accelerator.busy(self.hyperparameters.seconds, str(batch.x.device))
        return info
