"""Builds what a trial needs from its specification: the session, the evaluation, the model."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from bench import seeds
from bench.algorithm import Algorithm
from bench.dataset import Data
from bench.devices import start_gradients
from bench.errors import StoreError
from bench.execution import points
from bench.execution.evaluation import Evaluation
from bench.execution.settings import Settings
from bench.models.latent import LatentVariableModel
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import TrialSpec
from bench.training.beginning import set_up
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem
from bench.training.session import Followed, Session


def prepare(spec: TrialSpec, data: Data, settings: Settings) -> tuple[Session, Evaluation]:
    """Return the training session of a trial, not yet begun, and its evaluation; all random streams are named here."""
    device = torch.device(settings.device)
    chosen = settings.tuning.chosen if settings.tuning else None
    algorithm, problem = _algorithm(spec, device, chosen), problem_of(spec, data, device)
    order = seeds.derive("order", {**spec.task, "z": None, "model": None, "decoder": None})
    minibatches = Minibatches(problem.x, algorithm.batch_size, order, resample=data.resample)
    followed = {
        split: Followed(x, seeds.derive("evaluation", spec.task, split))
        for split, x in points.evaluated(spec, data, device, settings.eval_points).items()
    }
    session = Session(algorithm, problem, minibatches, seeds.derive("noise", spec.identity), followed)
    estimated = points.evaluated(spec, data, device, settings.likelihood_points)
    return session, Evaluation(spec.task, settings.estimators, settings.likelihood_marks, estimated)


def untrained_model(
    spec: TrialSpec, data: Data, device: torch.device, chosen: Mapping[str, object] | None
) -> LatentVariableModel:
    """Return the model that a trial starts from, with its open hyperparameters as ``chosen``.

    Raises whatever the algorithm's `setup` raises.
    """
    algorithm = _algorithm(spec, device, chosen)
    set_up(algorithm, problem_of(spec, data, device), seeds.derive("noise", spec.identity))
    return algorithm.model


def trained_model(spec: TrialSpec, folder: TrialFolder, data: Data, device: torch.device) -> LatentVariableModel:
    """Return the model of a trial that has ended; raises StoreError if its weights are missing or do not fit."""
    weights, tuning = folder.read_model(), folder.read_status().tuning
    model = untrained_model(spec, data, device, tuning.chosen if tuning else None)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise StoreError(f"The weights of {spec} do not fit the model that the current code builds: {error}") from error
    return model.eval()


def _algorithm(spec: TrialSpec, device: torch.device, chosen: Mapping[str, object] | None) -> Algorithm:
    settings = {**dict(spec.algorithm.settings), **(chosen or {})}
    algorithm: Algorithm = spec.algorithm.plugin.load()(spec.z, device=str(device), **settings)
    return algorithm


def problem_of(spec: TrialSpec, data: Data, device: torch.device) -> Problem:
    """Return the problem for a trial's algorithm: data, prior, networks and their initial weights."""
    x_train = data.x_train[: spec.n_train].to(device)
    start_gradients(device)
    weights = seeds.derive("weights", spec.task)
    return Problem(
        *(x_train, spec.z, spec.model.create(), spec.decoder.create(), data.bounded),
        seed=weights,
        image_shape=data.image_shape,
    )
