"""The trained models of a run, for whoever wants to look at what they have learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench import seeds
from bench.cells import Cell
from bench.dataset import Data
from bench.errors import BenchError
from bench.likelihood.estimator import frozen
from bench.mcmc.posterior import sample_posterior
from bench.models.latent import LatentVariableModel
from bench.store import TrialFolder
from bench.study import Choice, TrialSpec, load_data
from bench.trial import trained_model

# The chain whose mean stands for a code where there is no encoder.
NUM_WARMUP, NUM_DRAWS, NUM_LEAPFROG = 30, 30, 5


@dataclass(frozen=True)
class TrainedModel:
    """The model of a cell's first seed that is done, with the data that it was trained on."""

    cell: Cell
    seed: int
    model: LatentVariableModel
    data: Data

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """E[x|z] as images: [..., d] -> [..., rows, columns]."""
        with frozen(self.model):
            images: Tensor = self.model.decoder.mean(z).unflatten(-1, self.data.image_shape)
        return images.clamp(0, 1)

    def encode(self, x: Tensor) -> Tensor:
        """Where the model puts x [N, D]: the mean of q(z|x), or of draws from p(z|x) without an encoder; [N, d]."""
        with frozen(self.model):
            if self.model.encoder is not None:
                with torch.no_grad():
                    return self.model.encode(x).mean
            generator = seeds.generator("codes", list(self.cell), self.seed)
            chain = sample_posterior(
                self.model, x, generator, num_warmup=NUM_WARMUP, num_samples=NUM_DRAWS, num_leapfrog=NUM_LEAPFROG
            )
            return chain.z.mean(0)


def load_models(
    trials: Sequence[tuple[Mapping[str, Any], TrialSpec, TrialFolder]],
) -> tuple[list[TrainedModel], list[str]]:
    """One model for each cell, in the order of the trials, on the CPU; and in words which could not be loaded.

    Each trial comes with its labels, which name its cell.
    """
    data: dict[tuple[Choice, int], Data] = {}
    models: dict[Cell, TrainedModel] = {}
    missing: dict[Cell, str] = {}
    for labels, spec, folder in trials:
        cell = Cell(*(labels[name] for name in Cell._fields))
        if cell in models or folder.read_status().get("status") != "done":
            continue
        try:
            key = (spec.dataset, spec.seed)
            if key not in data:
                data[key] = load_data(*key)
            model = trained_model(spec, folder, data[key], torch.device("cpu")).eval()
        except (BenchError, OSError) as error:
            missing.setdefault(cell, str(error).partition(":")[0])
            continue
        models[cell] = TrainedModel(cell, spec.seed, model, data[key])
        missing.pop(cell, None)
    return list(models.values()), [f"{cell.algorithm}, z = {cell.z}: {reason}." for cell, reason in missing.items()]
