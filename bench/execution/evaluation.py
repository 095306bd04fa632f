"""What a trained model is worth: the estimates of log p(x), and the diagnosis of where it loses."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from bench import seeds
from bench.errors import OptionError
from bench.estimator import Estimator
from bench.likelihood.diagnosis import Diagnosis, diagnose
from bench.likelihood.estimate import Estimate
from bench.models.latent import LatentVariableModel
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Choice, TrialSpec

SIMULATED = "simulated"  # the split of estimators that judge data of their own, drawn from the model


class Judge:
    """Estimates of one trained model, each written to the trial's folder as soon as it is there."""

    def __init__(
        self, spec: TrialSpec, folder: TrialFolder, model: LatentVariableModel, samples: int, split: str = "test"
    ) -> None:
        """``samples`` says how far the model has been trained: estimates of an earlier state are forgotten."""
        self.spec = spec
        self.folder = folder
        self.model = model
        self.samples = samples
        self.split = split
        self.rows = {_key(row): row for row in folder.read_likelihoods() if row["samples"] == samples}
        self.values = {
            name: value
            for name, value in folder.read_likelihood_values().items()
            if tuple(name.rsplit("/", 2)[:2]) in self.rows
        }

    def knows(self, choice: Choice) -> bool:
        """Whether the estimator has judged the model."""
        return any(name == choice.name for name, _ in self.rows)

    def estimate(self, choice: Choice, x: Tensor) -> dict[str, Any]:
        """Estimate log p(x), in place of an earlier estimate of the same name; returns its row.

        Where the estimator fails, the row says why and holds no number: the training is not lost.
        """
        estimator: Estimator = choice.create()
        split = SIMULATED if estimator.simulates else self.split
        model, x = in_double_reach(self.model, x)
        stream = seeds.generator("likelihood", choice.identity, self.spec.task, device=x.device)
        found = _estimate(estimator, model, x, stream)
        key = (choice.name, split)
        self.rows[key] = {
            "estimator": choice.name,
            "split": split,
            **_summary(found),
            "samples": self.samples,
            "settings": json.dumps(dict(choice.settings)),
            "estimator_seed": found.seed,
            **found.summary,
        }
        self.values = {name: value for name, value in self.values.items() if tuple(name.rsplit("/", 2)[:2]) != key}
        told = {"log_likelihood": found.log_likelihoods, "standard_error": found.standard_errors, **found.diagnostics}
        self.values.update({f"{choice.name}/{split}/{quantity}": value for quantity, value in told.items()})
        self._write()
        return self.rows[key]

    def diagnose_once(self, x: Tensor) -> None:
        """Find where the model loses on x, by the first estimate of its log p(x) that has a number; once."""
        numbers = (row for row in self.rows.values() if row["split"] == self.split and row["num_failed"] < len(x))
        first = next(numbers, None)
        if first is None or self.folder.read_diagnosis().get("samples") == self.samples:
            return
        name = first["estimator"]
        model, x = in_double_reach(self.model, x)
        values = self.values[f"{name}/{self.split}/log_likelihood"].to(x.device)
        errors = self.values[f"{name}/{self.split}/standard_error"].to(x.device)
        stream = seeds.generator("diagnosis", self.spec.task, device=x.device)
        found = diagnose(model, x, values, errors, stream)
        self.folder.write_diagnosis({"estimator": name, "samples": self.samples, **_diagnosis_row(found)})

    def order(self, names: Sequence[str]) -> None:
        """Put the estimates of these names first, in this order."""
        place = {name: i for i, name in enumerate(names)}
        ordered = sorted(self.rows.values(), key=lambda row: place.get(row["estimator"], len(place)))
        self.rows = {_key(row): row for row in ordered}
        self._write()

    def _write(self) -> None:
        self.folder.write_likelihoods(list(self.rows.values()), self.values)


def follow(
    choices: Sequence[Choice], model: LatentVariableModel, points: Mapping[str, Tensor], task: Mapping[str, Any]
) -> dict[str, Any]:
    """log p(x) of the points [N, D] of each split while training is under way, as columns of the trace.

    ``log_likelihood_SPLIT`` and its Monte Carlo error ``log_likelihood_SPLIT_se`` are the first estimator's;
    ``log_likelihoods`` holds a row for each estimator and split.  The noise depends on the ``task`` and the split
    alone.  Estimators that judge data of their own are left out.
    """
    columns: dict[str, Any] = {"log_likelihoods": []}
    for choice in choices:
        estimator: Estimator = choice.create()
        for split, values in points.items() if not estimator.simulates else ():
            judged, x = in_double_reach(model, values)
            stream = seeds.generator("likelihood on the way", choice.identity, task, split, device=x.device)
            found = _estimate(estimator, judged, x, stream)
            columns.setdefault(f"log_likelihood_{split}", found.mean)
            columns.setdefault(f"log_likelihood_{split}_se", found.standard_error)
            columns["log_likelihoods"].append({"estimator": choice.name, "split": split, **_summary(found)})
    return columns


def in_double_reach(model: LatentVariableModel, x: Tensor) -> tuple[LatentVariableModel, Tensor]:
    """Both where sums can be taken in float64: as they are, or copies on the CPU for Apple's MPS, which has none."""
    return (copy.deepcopy(model).cpu(), x.cpu()) if x.device.type == "mps" else (model, x)


def _summary(found: Estimate) -> dict[str, Any]:
    """What every row of an estimate tells."""
    return {
        "num_points": len(found.log_likelihoods),
        "num_failed": found.num_failed,
        "log_likelihood": found.mean,
        "log_likelihood_se": found.standard_error,
        "bias": found.bias,
        "model_evaluations": found.model_evaluations,
        "seconds": found.seconds,
        "warnings": " ".join(found.warnings),
    }


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["estimator"], row["split"]


def _estimate(estimator: Estimator, model: LatentVariableModel, x: Tensor, stream: torch.Generator) -> Estimate:
    """An estimate; where the estimator fails, one of NaN whose warning is the reason."""
    try:
        estimate = estimator.estimate(model, x, stream)
    except Exception as error:  # noqa: BLE001  # estimators are plugins too
        unknown = torch.full((len(x),), torch.nan, dtype=torch.float64)
        what = str(error) if isinstance(error, OptionError) else f"It failed: {type(error).__name__}: {error}"
        return Estimate(unknown, unknown, "", 0, warnings=(what,))  # what is not there has no bias
    return estimate


def _diagnosis_row(found: Diagnosis) -> dict[str, Any]:
    row = {name: value for name, value in vars(found).items() if not name.endswith("latents")}
    for prefix, latents in (("", found.latents), ("local_", found.local_latents)):
        row |= {
            f"{prefix}active_units": latents.num_active,
            f"{prefix}kl": float(latents.kl.sum()),
            f"{prefix}mutual_information": latents.mutual_information,
            f"{prefix}kl_by_dimension": latents.kl.tolist(),
            f"{prefix}variance_by_dimension": latents.variance.tolist(),
            f"{prefix}active_by_dimension": latents.active.tolist(),
        }
    return {**row, "collapse": found.collapse}
