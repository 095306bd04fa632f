"""The interface between the training loop and an algorithm: the problem, minibatches, and the report of an update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from bench import seeds
from bench.architecture import Architecture, Shape
from bench.errors import OptionError, PluginError
from bench.models.encoder import Encoder
from bench.models.latent import LatentVariableModel
from bench.models.observation import ObservationModel, observation_model
from bench.values.numerals import is_number, whole_number
from bench.values.texts import quoted


@dataclass(frozen=True)
class Problem:
    """The learning problem of an algorithm: a model of the N training datapoints ``x`` [N, D].

    Initial weights are drawn from streams that belong to the problem, not to the algorithm: with the same ``seed``,
    every algorithm starts from the same decoder and encoder, whatever else it draws (paired comparison).

    >>> from bench.architectures.mlp import MLP
    >>> problem = Problem(torch.rand(10, 4), latent_size=2, architecture=MLP(hidden=5), observation_model="bernoulli")
    >>> problem.num_data, problem.model(encoder=True).encode(problem.x).mean.shape
    (10, torch.Size([10, 2]))
    """

    x: Tensor
    latent_size: int
    architecture: Architecture
    observation_model: ObservationModel | str  # or its name
    bounded: bool = True
    seed: int = 0
    image_shape: tuple[int, int] | None = None  # rows and columns of each datapoint, if it is known

    @property
    def num_data(self) -> int:
        """N, the number of training datapoints."""
        return self.x.shape[0]

    @property
    def shape(self) -> Shape:
        """The sizes that the networks must fit."""
        observed = observation_model(self.observation_model)
        return Shape(self.latent_size, self.x.shape[1], observed, self.bounded, self.image_shape)

    def model(self, *, encoder: bool | Callable[[torch.Generator], Encoder]) -> LatentVariableModel:
        """Return a model on the device and in the precision of ``x``, with or without an encoder.

        To use an encoder other than the architecture's, pass a function as ``encoder`` that builds it, drawing initial
        weights from the generator that is its argument.  Initial weights are drawn on the CPU, so that they are the
        same on every device.  Raises OptionError if the architecture does not support such data.
        """
        refusal = self.architecture.refusal(self.shape)
        if refusal:
            name = self.architecture.plugin_name()
            raise OptionError(f"The model {name} does not suit the data, since it {refusal}: choose another `model`.")
        # torch's layers draw initial weights from the global generator, whose state is restored.
        with torch.device("cpu"), torch.random.fork_rng(devices=[]):
            decoder = self.architecture.decoder(self.shape, seeds.generator("decoder", self.seed))
            build = partial(self.architecture.encoder, self.shape) if encoder is True else encoder
            recognition = build(seeds.generator("encoder", self.seed)) if build else None
            model = LatentVariableModel(self.latent_size, decoder, recognition)
        return model.to(self.x)


@dataclass(frozen=True)
class Batch:
    """A minibatch: values ``x`` [M, D], and ``index`` [M], their positions among the training datapoints."""

    x: Tensor
    index: Tensor


@dataclass(frozen=True)
class StepInfo:
    """The report of one update.

    ``objective`` is a detached scalar in nats per datapoint, where higher is better: the algorithm's estimate of the
    objective that it maximises.  It is used to detect divergence, and by `fit` and ``--tune paper`` to choose a step
    size.  ``model_evaluations`` counts datapoints passed through the decoder, with forward and backward passes counted
    separately.  ``diagnostics`` are further detached scalars (an acceptance rate, for instance); their means between
    evaluation marks are kept.  Raises PluginError for anything else.

    >>> StepInfo(torch.tensor(-95.2), model_evaluations=200, diagnostics={"acceptance": 0.9}).model_evaluations
    200
    """

    objective: Tensor
    model_evaluations: int
    diagnostics: Mapping[str, Tensor | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that break the contract; tensors stay on their device and are checked when fetched."""
        evaluations = self.model_evaluations
        if type(evaluations) is not int or evaluations < 0:
            number = whole_number(evaluations)
            if number is None or number < 0:
                raise _broken("model_evaluations", "an integer of at least 0", evaluations)
            object.__setattr__(self, "model_evaluations", number)
        if not _is_scalar(self.objective):
            raise _broken("objective", "one real number", self.objective)
        for name, value in self.diagnostics.items():
            if not isinstance(name, str) or not _is_scalar(value):
                raise _broken(f"diagnostics[{quoted(name)}]", "one real number", value)


def _is_scalar(value: object) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and not value.is_complex()
    return is_number(value)


def _broken(field: str, wanted: str, value: object) -> PluginError:
    shown = f"a tensor of shape {tuple(value.shape)} and {value.dtype}" if isinstance(value, Tensor) else quoted(value)
    return PluginError(f"`{field}` of the StepInfo that `step` returns must be {wanted} (got {shown}).")


class Learner(Protocol):
    """The part of an algorithm that the training loop uses."""

    def step(self, batch: Batch) -> StepInfo:
        """One update."""


def update(learner: Learner, batch: Batch) -> StepInfo:
    """Perform one update; raises PluginError if the algorithm returns anything other than a `StepInfo`."""
    info: object = learner.step(batch)
    if not isinstance(info, StepInfo):
        raise PluginError(
            f"`step` must return a StepInfo (got {quoted(info)}): return StepInfo(objective, model_evaluations=...)."
        )
    return info


class Trainable(Learner, Protocol):
    """The part of an algorithm that a training session uses: `setup`, its step size, its model and its state."""

    hyperparameters: Any  # a dataclass; its ``learning_rate``, if there is one, may be ``auto``
    generator: torch.Generator
    model: LatentVariableModel

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the model and everything else that `step` needs."""

    def state_dict(self) -> dict[str, object]:
        """Return a copy of everything that the next update depends on."""

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Restore what `state_dict` returned."""
