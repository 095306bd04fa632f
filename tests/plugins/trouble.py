"""An algorithm that goes wrong on purpose, in the way that its option says."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from bench import Algorithm, Batch, Problem, StepInfo, option


@dataclass(frozen=True)
class Hyperparameters:
    """What goes wrong."""

    how: Literal["raise", "nan", "explode", "kill", "slow", "once"] = option("raise", "what goes wrong")
    when: int = option(3, "in which update", minimum=0)
    flag: str = option("", "for once: a file that is made by the first try, which fails")


class Trouble(Algorithm):
    """Goes wrong on purpose (a user's own file).

    Source: none.
    """

    Options = Hyperparameters
    hyperparameters: Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """A model that is never updated."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.count = 0

    def step(self, batch: Batch) -> StepInfo:
        """Nothing, until it is time."""
        how = self.hyperparameters.how
        if how == "slow":
            time.sleep(0.03)
        elif self.count == self.hyperparameters.when:
            if how == "raise":
                raise RuntimeError("boom <b>&% 100 $")
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "once" and not Path(self.hyperparameters.flag).exists():
                Path(self.hyperparameters.flag).touch()
                raise RuntimeError("only the first time")
            with torch.no_grad():
                for parameter in self.model.parameters():
                    parameter.mul_({"nan": float("nan"), "explode": 1e6}.get(how, 1.0))
        self.count += 1
        return StepInfo(self.model.elbo(batch.x, self.generator).mean().detach(), len(batch.x))
