"""An algorithm whose seeds disagree about the best value of a hyperparameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Problem, StepInfo, option


@dataclass(frozen=True)
class Options:
    """Neither a step size nor an optimiser."""

    level: int | Literal["auto"] = option("auto", "what to choose", candidates=(1, 2, 3), minimum=1)


class Undecided(Algorithm):
    """Learns nothing: its objective is -(level - wish)^2, where one seed wishes for 1 and another for 3."""

    Options = Options
    hyperparameters: Options

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Draw the wish."""
        self.model = problem.model(encoder=True)
        self.wish = 1 + 2 * int(torch.randint(2, (), generator=generator))

    def step(self, batch: Batch) -> StepInfo:
        """Nothing."""
        return StepInfo(torch.tensor(-float((self.hyperparameters.level - self.wish) ** 2)), len(batch.x))
