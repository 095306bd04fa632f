"""The diagnosis of a trained model, as a record."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from bench.execution.evaluation import Evaluated, on_float64_device
from bench.likelihood.calibration import Calibration
from bench.likelihood.diagnosis import Diagnosis, diagnose
from bench.likelihood.family import Latents
from bench.models.latent import LatentVariableModel
from bench.store.records import DiagnosisRecord, EstimateRecord, LatentRecord


def diagnosed(model: LatentVariableModel, x: Tensor, estimate: Evaluated, noise: int) -> DiagnosisRecord:
    """Diagnose where the model loses log-likelihood, given an ``estimate`` of log p(x) for x [N, D] or its first rows.

    ``noise`` seeds all draws.
    """
    model, x = on_float64_device(model, x[: estimate.record.num_points])
    log_likelihood, standard_error = (
        estimate.values[quantity].to(x.device) for quantity in ("log_likelihood", "standard_error")
    )
    diagnosis = diagnose(model, x, log_likelihood, standard_error, torch.Generator(x.device).manual_seed(noise))
    return _with_calibration(_record(diagnosis, estimate.record), diagnosis.calibration)


def _record(diagnosis: Diagnosis, estimate: EstimateRecord) -> DiagnosisRecord:
    latents, local = diagnosis.latents, diagnosis.local_latents
    return DiagnosisRecord(
        estimator=estimate.estimator,
        num_gap_points=diagnosis.num_gap_points,
        log_likelihood=diagnosis.log_likelihood,
        best_bound=diagnosis.best_bound,
        bound=diagnosis.bound,
        approximation_gap=diagnosis.approximation_gap,
        approximation_gap_se=diagnosis.approximation_gap_se,
        amortisation_gap=diagnosis.amortisation_gap,
        amortisation_gap_se=diagnosis.amortisation_gap_se,
        active_units=latents.num_active,
        kl=float(latents.kl.sum()),
        mutual_information=latents.mutual_information,
        local_active_units=local.num_active,
        local_kl=float(local.kl.sum()),
        local_mutual_information=local.mutual_information,
        num_states=diagnosis.num_states,
        states_in_use=diagnosis.states_in_use,
        collapse=diagnosis.collapse,
        samples=estimate.samples,
        latents=tuple(LatentRecord(*dimension) for dimension in zip(*_columns(latents), *_columns(local), strict=True)),
    )


def _with_calibration(record: DiagnosisRecord, calibration: Calibration | None) -> DiagnosisRecord:
    """Return the record with the calibration of the encoder added, if there is an encoder."""
    if calibration is None:
        return record
    return replace(
        record,
        calibration=calibration.verdict,
        calibration_p=calibration.p,
        coverage=calibration.coverage,
        simulated_eubo=calibration.eubo,
        simulated_eubo_se=calibration.eubo_se,
        simulated_bound=calibration.bound,
        simulated_bound_se=calibration.bound_se,
    )


def _columns(latents: Latents) -> tuple[list[float], list[float], list[bool]]:
    """Return, per latent dimension, its KL divergence, the variance of its mean, and whether it is active."""
    return latents.kl.tolist(), latents.variance.tolist(), latents.active.tolist()
