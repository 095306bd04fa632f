"""How the model of a trial is evaluated: log p(x) by each of its estimators."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.errors import OptionError
from bench.estimator import Estimator
from bench.execution import interruption
from bench.execution.points import fingerprint
from bench.execution.shortage import failure_in_words
from bench.likelihood.estimate import Estimate
from bench.models.latent import LatentVariableModel
from bench.store.records import EstimateRecord, RateRecord, Source
from bench.studies.spec import Choice

SIMULATED = "simulated"  # the split of estimators that draw their data from the model


@dataclass(frozen=True)
class Evaluation:
    """The estimators by which a model is evaluated, the marks, and the datapoints [N, D] of each split.

    ``task`` names the random streams, which all compared algorithms share.
    """

    task: Mapping[str, object]
    estimators: tuple[Choice, ...]
    marks: tuple[int, ...]  # training samples
    points: Mapping[str, Tensor]


@dataclass(frozen=True)
class Evaluated:
    """An estimate as it is stored: its record, and the values per datapoint, each [N], by quantity."""

    record: EstimateRecord
    values: Mapping[str, Tensor]


def estimate(choice: Choice, model: LatentVariableModel, x: Tensor, split: str, samples: int, noise: int) -> Evaluated:
    """Estimate log p(x) of x [N, D] from ``split``, for a model trained on ``samples`` training samples.

    ``noise`` seeds all draws.  If the estimator fails, the record gives the reason and has no value, so that the
    trained model is not lost.
    """
    estimator: Estimator = choice.create()
    model, x = on_float64_device(model, x)
    estimate = _estimate(estimator, model, x, torch.Generator(x.device).manual_seed(noise))
    record = EstimateRecord(
        estimator=choice.name,
        split=SIMULATED if estimator.simulates else split,
        num_points=len(estimate.log_likelihoods),
        num_failed=estimate.num_failed,
        log_likelihood=estimate.mean,
        log_likelihood_se=estimate.standard_error,
        bias=estimate.bias,
        model_evaluations=estimate.model_evaluations,
        seconds=estimate.seconds,
        samples=samples,
        warnings=" ".join(estimate.warnings),
        settings=json.dumps(dict(choice.settings)),
        estimator_seed=estimate.seed,
        summary=estimate.summary,
        source=Source(choice.plugin, choice.plugin.code_hash()),
        log_likelihood_points_se=estimate.points_standard_error,
        points="" if estimator.simulates else fingerprint(x),
        curve=tuple(RateRecord(**vars(point)) for point in estimate.curve) or None,
    )
    values = {"log_likelihood": estimate.log_likelihoods, "standard_error": estimate.standard_errors}
    return Evaluated(record, {**values, **estimate.diagnostics})


def on_float64_device(model: LatentVariableModel, x: Tensor) -> tuple[LatentVariableModel, Tensor]:
    """Return both on a device that has float64: unchanged, or copied from Apple's MPS, which lacks it, to the CPU."""
    return (copy.deepcopy(model).cpu(), x.cpu()) if x.device.type == "mps" else (model, x)


def _estimate(estimator: Estimator, model: LatentVariableModel, x: Tensor, stream: torch.Generator) -> Estimate:
    """Return an estimate; if the estimator fails, the values are NaN and the warning gives the reason."""
    try:
        estimate = estimator.estimate(model, x, stream)
    except BaseException as error:  # estimators are plugins too
        if interruption.is_by_user(error):
            raise
        unknown = torch.full((len(x),), torch.nan, dtype=torch.float64)
        reason = (
            str(error) if isinstance(error, OptionError) else f"It failed: {failure_in_words(error, str(x.device))}"
        )
        return Estimate(unknown, unknown, "", 0, warnings=(reason,))  # without an estimate there is no bias
    return estimate
