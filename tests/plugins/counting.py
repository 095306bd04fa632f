"""AEVB that notes each update in a folder of the machine that it runs on, and takes its time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench import Batch, StepInfo, option
from bench.algorithms.aevb import AEVB, AEVBHyperparameters


@dataclass(frozen=True)
class Options(AEVBHyperparameters):
    """Options of the test."""

    notes: str = option("", "folder of the notes: one file per process, one line per update")
    seconds: float = option(0.0, "that each update takes in addition", unit="seconds", minimum=0)

    @property
    def pause(self) -> float:
        """As a file among the notes says, which can be changed meanwhile, or else the option."""
        pace = Path(self.notes, "pace")
        return float(pace.read_text()) if self.notes and pace.exists() else self.seconds


class Counting(AEVB):
    """AEVB."""

    Options = Options
    hyperparameters: Options

    def step(self, batch: Batch) -> StepInfo:
        """One update, noted."""
        time.sleep(self.hyperparameters.pause)
        info = super().step(batch)
        if self.hyperparameters.notes:
            with Path(self.hyperparameters.notes, str(os.getpid())).open("a") as file:
                file.write(f"{self.samples}\n")
        return info
