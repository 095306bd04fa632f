"""The algorithm of a trial, its problem and its minibatches; its trained model."""

from __future__ import annotations

import torch

from bench import seeds
from bench.algorithm import Algorithm
from bench.dataset import Data
from bench.errors import StoreError
from bench.models.latent import LatentVariableModel
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import TrialSpec
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem


def build(spec: TrialSpec, data: Data, device: torch.device) -> tuple[Algorithm, Problem, Minibatches]:
    """The algorithm of a trial, not yet begun, with what it is to learn from."""
    x_train = data.x_train[: spec.n_train].to(device)
    problem = Problem(
        x_train,
        spec.z,
        spec.model.create(),
        spec.decoder.create(),
        data.bounded,
        seed=seeds.derive("weights", spec.task),
    )
    algorithm: Algorithm = spec.algorithm.create(spec.z, device=str(device))
    order = seeds.derive("order", {**spec.task, "z": None, "model": None, "decoder": None})
    return algorithm, problem, Minibatches(x_train, algorithm.batch_size, order, resample=data.resample)


def trained_model(spec: TrialSpec, folder: TrialFolder, data: Data, device: torch.device) -> LatentVariableModel:
    """The model of a trial that has ended; raises StoreError where its weights are missing or do not fit."""
    weights = folder.read_model()
    algorithm, problem, minibatches = build(spec, data, device)
    learning_rate = folder.read_status().get("learning_rate")
    algorithm.begin(problem, minibatches, seeds.derive("noise", spec.identity), learning_rate)
    try:
        algorithm.model.load_state_dict(weights)
    except RuntimeError as error:
        raise StoreError(f"The weights of {spec} do not fit the model that today's code builds: {error}") from error
    return algorithm.model.eval()
