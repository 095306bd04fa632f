"""An algorithm that meddles with a folder in its first update, in the way that its option says."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from bench import Algorithm, Batch, Problem, StepInfo, option


@dataclass(frozen=True)
class Hyperparameters:
    """What happens to which folder."""

    how: str = option("delete", "delete or move it, or put a file or a folder in its place")
    folder: str = option("run", "which one")


class Meddling(Algorithm):
    """Meddles with a folder (a user's own file).

    Source: none.
    """

    Options = Hyperparameters
    hyperparameters: Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """A model that is never updated."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.is_first = True

    def step(self, batch: Batch) -> StepInfo:
        """Meddle, if nobody has before."""
        folder, how = Path(self.hyperparameters.folder), self.hyperparameters.how
        moved = folder.with_name("moved")
        if self.is_first and not moved.exists():
            shutil.rmtree(folder) if how == "delete" else folder.rename(moved)
            if how == "file":
                folder.write_text("something else")
            if how == "folder":
                folder.mkdir()
        self.is_first = False
        return StepInfo(self.model.elbo(batch.x, self.generator).mean().detach(), len(batch.x))
