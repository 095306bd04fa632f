"""The trained models of a run, and what the captions of their figures must say."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench import seeds
from bench.dataset import Data
from bench.errors import Damaged, DataError, PluginError
from bench.execution.setup import trained_model
from bench.mcmc.posterior import sample_posterior
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel
from bench.results.grid import Cell
from bench.store.contents import Contents
from bench.store.records import Status
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Choice, TrialSpec

UNTRUSTED = "its plugin {} is a file, which is run only with --trust"

# The chain whose mean stands for a code if there is no encoder.
NUM_WARMUP, NUM_DRAWS, NUM_LEAPFROG = 30, 30, 5


@dataclass(frozen=True)
class TrainedModel:
    """The model of a cell's first completed seed, with the data that it was trained on."""

    cell: Cell
    seed: int
    model: LatentVariableModel
    data: Data
    spec: TrialSpec
    chosen: Mapping[str, object]  # values of the hyperparameters that were open

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """E[x|z] as images: [..., d] -> [..., rows, columns]."""
        with frozen(self.model):
            x: Tensor = self.model.decoder.mean(z.to(self.model.dtype)).to(z.dtype)
        return self.images(x)

    def images(self, x: Tensor) -> Tensor:
        """Values [..., D] as images in [0, 1], [..., rows, columns]; unbounded data are scaled by the test range."""
        if not self.data.bounded:
            low, high = torch.aminmax(self.data.x_test)
            x = (x - low) / (high - low).clamp(min=1e-12)
        images: Tensor = x.unflatten(-1, self.data.image_shape)
        return images.clamp(0, 1)

    def encode(self, x: Tensor) -> Tensor:
        """The code of each x [N, D]: the mean of q(z|x), or of draws from p(z|x) without an encoder; [N, d].

        If z is discrete, q(z|x) is a point mass at the vector of the codes that the encoder chooses.
        """
        x = x.to(self.model.dtype)
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
    trials: Sequence[tuple[Mapping[str, object], Contents, TrialFolder]], *, trust: bool = False
) -> tuple[list[TrainedModel], dict[Cell, str]]:
    """One model per cell, in the order of `cells`, on the CPU; and why the other cells have none.

    Each trial is given with its labels, which name its cell.  Users' plugin files, which may contain arbitrary code,
    are executed only if ``trust`` is true.  An exception that a plugin raises while its model is rebuilt becomes the
    reason, since its file may have changed.
    """
    order = {name: i for i, name in enumerate(dict.fromkeys(labels["algorithm"] for labels, *_ in trials))}
    data: dict[tuple[Choice, tuple[int, int] | None], Data] = {}
    models: dict[Cell, TrainedModel] = {}
    missing: dict[Cell, str] = {}
    for labels, contents, folder in sorted(
        trials, key=lambda trial: (trial[0]["n_train"], trial[0]["z"], order[trial[0]["algorithm"]], trial[0]["seed"])
    ):
        cell, spec = Cell._make(labels[name] for name in Cell._fields), contents.spec
        if cell in models:
            continue
        made_by = contents.record.provenance
        if contents.record.status is not Status.DONE or spec is None:
            missing.setdefault(cell, "no seed is done")
            continue
        if spec.files and not trust:
            missing[cell] = UNTRUSTED.format(", ".join(dict.fromkeys(Path(file).name for file in spec.files)))
            continue
        try:
            key = (spec.dataset, (spec.seed, spec.n_train) if spec.resample_train else None)
            if key not in data:
                data[key] = spec.load_data()
            if made_by is None or data[key].fingerprint() != made_by.data:
                missing[cell] = "its data have changed since it was trained"
                continue
            model = trained_model(spec, folder, data[key], torch.device("cpu"))
        except Exception as error:  # noqa: BLE001  # plugins run here
            missing[cell] = _reason(error, folder)
            continue
        chosen = contents.record.tuning.chosen if contents.record.tuning else {}
        models[cell] = TrainedModel(cell, spec.seed, model, data[key], spec, chosen)
        missing.pop(cell, None)
    return list(models.values()), missing


def _reason(error: Exception, folder: TrialFolder) -> str:
    """A short reason without paths, so that a copied run gives the same figures."""
    if isinstance(error, DataError):
        return "its data cannot be loaded"
    if isinstance(error, PluginError):
        return "its plugin cannot be loaded"
    if isinstance(error, Damaged):
        return f"its file of weights is damaged ({error.why})"
    if not folder.has_model():
        return "its file of weights does not exist"
    if not os.access(folder.path / "model.safetensors", os.R_OK):
        return "this user may not read its weights"
    return f"its weights cannot be loaded ({type(error).__name__})"


def left_out(missing: Mapping[Cell, str], z: int | None = None) -> list[str]:
    """Which algorithms are missing from a figure of models (of this ``z``), one text per algorithm and reason."""
    sizes: dict[tuple[str, int, str], list[int]] = {}
    for cell, reason in missing.items():
        if z in (None, cell.z):
            sizes.setdefault((cell.algorithm, cell.n_train, reason), []).append(cell.z)
    return [
        f"{name} is left out ({n_train} training points, z = {', '.join(map(str, latent_sizes))}): {reason}."
        for (name, n_train, reason), latent_sizes in sizes.items()
    ]


def about(models: Sequence[TrainedModel], *, coded: bool = False) -> str:
    """Caption of a figure of these models: their seeds and, if they are ``coded``, how z was obtained from x."""
    texts = ["One seed each, the first that is done."]
    continuous = [each for each in models if each.model.discrete is None]
    without = dict.fromkeys(each.cell.algorithm for each in continuous if each.model.encoder is None)
    if coded and any(each.model.encoder is not None for each in continuous):
        texts.append("z is the mean of q(z|x).")
    if coded and without:
        texts.append(f"{', '.join(without)}: no encoder, z is the mean of a Hamiltonian Monte Carlo chain on p(z|x).")
    if coded and len(continuous) < len(models):
        texts.append(f"{_discrete(models)}: z is the vector of the codes that the encoder chooses.")
    return " ".join(texts)


def about_prior(models: Sequence[TrainedModel]) -> str:
    """Caption that says how z is drawn."""
    text = "E[x|z] for draws of z from the prior, the same for all algorithms"
    discrete = _discrete(models)
    return f"{text} but {discrete}, whose priors are over codes of their own." if discrete else f"{text}."


def _discrete(models: Sequence[TrainedModel]) -> str:
    """The algorithms whose z is discrete, in words."""
    return ", ".join(dict.fromkeys(each.cell.algorithm for each in models if each.model.discrete is not None))


def continuous_planes(
    models: Sequence[TrainedModel], missing: Mapping[Cell, str]
) -> tuple[list[TrainedModel], dict[Cell, str]]:
    """The models with continuous two-dimensional z, and why the other cells are not shown."""
    discrete = {
        each.cell: f"its z is one of {each.model.discrete.latents_in_words}, no plane"
        for each in models
        if each.model.discrete is not None
    }
    planes = [each for each in models if each.cell.z == 2 and each.cell not in discrete]
    return planes, {**missing, **discrete}


def about_values(models: Sequence[TrainedModel]) -> str:
    """Caption text on how values that are not grey levels are shown; empty if all are."""
    unbounded = any(not each.data.bounded for each in models)
    return "Black and white: the lowest and the highest value of the test data." if unbounded else ""
