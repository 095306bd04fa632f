"""The contract of an algorithm: one file, one class with ``setup`` and ``step``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import nn

from bench import plugins
from bench.architecture import Architecture
from bench.devices import choose_device
from bench.errors import OptionError
from bench.models.latent import LatentVariableModel
from bench.models.observation import observation_model
from bench.options import option
from bench.plugins import Plugin
from bench.training.fitting import FitMixin
from bench.training.optimiser import make_optimiser
from bench.training.problem import Batch, Problem, StepInfo
from bench.training.state import StateMixin
from bench.values.numerals import whole_number
from bench.values.texts import quoted


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of all shipped algorithms, with the paper's values; subclass it, or use another dataclass.

    >>> @dataclass(frozen=True)
    ... class Options(Hyperparameters):
    ...     num_samples: int = option(1, "draws of z per datapoint", minimum=1)
    >>> Options(learning_rate=0.05).batch_size
    100
    """

    learning_rate: float | Literal["auto"] = option(
        "auto",
        "the optimiser's global step size; auto is chosen among the candidates (--tune)",
        above=0,
        candidates={"adagrad": (0.01, 0.02, 0.1), "adam": (0.0003, 0.001, 0.003)},
    )
    optimiser: Literal["adagrad", "adam"] = option(
        "adagrad", "what turns gradients into updates; the paper's is adagrad"
    )
    batch_size: int | Literal["all"] = option(100, "datapoints in a minibatch (M)", unit="datapoints", minimum=1)
    prior: Literal["decoder", "all", "none"] = option(
        "decoder", "parameters with the prior N(0, I), which is a weight decay of 1/N; the paper's are the decoder's"
    )


class Algorithm(FitMixin, StateMixin, Plugin, ABC):
    """Learns p(z) p(x|z) from data, one minibatch at a time.

    A plugin is one file with one class: ``Options``, a frozen dataclass of hyperparameters; ``setup``, which builds
    ``self.model`` and whatever else it needs; and ``step``, which makes one update.  No hyperparameter is required:
    without ``learning_rate``, no learning rate is tuned; without ``batch_size``, minibatches have 100 datapoints.
    Everything that ``setup`` and ``step`` assign to ``self`` (modules, optimisers, tensors, generators, numbers, and
    anything else with a ``state_dict``) is saved and restored.

    >>> class PointEstimate(Algorithm):
    ...     '''Ascends log p(x, z) at the mean of q(z|x).'''
    ...
    ...     def setup(self, problem, generator):
    ...         self.model = problem.model(encoder=True)
    ...         self.optimiser = self.make_optimiser(self.model.parameters(), problem)
    ...
    ...     def step(self, batch):
    ...         log_joint = self.model.log_joint(batch.x, self.model.encode(batch.x).mean).mean()
    ...         self.optimiser.zero_grad()
    ...         (-log_joint).backward()
    ...         self.optimiser.step()
    ...         return StepInfo(log_joint.detach(), model_evaluations=2 * len(batch.x))
    >>> algorithm = PointEstimate(latent_size=2, model="mlp[hidden=10]", learning_rate=0.1, device="cpu")
    >>> algorithm.fit(torch.eye(20), budget=200).history[-1]["samples"]
    200
    """

    Options: ClassVar[type[Any]] = Hyperparameters
    model: LatentVariableModel
    generator: torch.Generator

    def __init__(
        self,
        latent_size: int,
        *,
        model: str = "mlp",
        decoder: str = "bernoulli",
        seed: int = 0,
        device: str = "auto",
        **hyperparameters: object,
    ) -> None:
        """``latent_size`` is d; the other keywords are named as on the command line.

        ``model`` names an architecture with its options (``mlp[hidden=100]``).  ``decoder`` names the observation model
        p(x|z): one of `bench list decoders`, or the path of a file that defines another one.
        Raises OptionError for an unknown, ill-typed or out-of-range argument, UnknownName or PluginError for a plugin.
        """
        size, number = whole_number(latent_size), whole_number(seed)
        if size is None or size < 1:
            raise OptionError(f"`latent_size` must be an integer of at least 1 (got {quoted(latent_size)}).")
        if number is None:
            raise OptionError(f"`seed` must be an integer (got {quoted(seed)}).")
        super().__init__(**hyperparameters)
        self.latent_size = size
        self.architecture: Architecture = plugins.create("model", model)
        self.observation_model = observation_model(decoder)
        self.seed = number
        self.device = choose_device(device)
        self.history: list[dict[str, float]] = []
        self._configuration = frozenset({*vars(self), "_configuration"})

    @abstractmethod
    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build ``self.model`` (from ``problem.model``), optimisers and anything else that `step` needs.

        ``generator``, on the device of ``problem.x``, is the source of all the algorithm's noise; it is kept and saved
        as ``self.generator``.  Dropout in the networks draws from it once `setup` has returned.
        """

    @abstractmethod
    def step(self, batch: Batch) -> StepInfo:
        """Make one update from a minibatch, with the networks in training mode."""

    @property
    def hyperparameters(self) -> Any:
        """The algorithm's options; once training has begun, ``learning_rate`` is the chosen value."""
        return self.options

    @hyperparameters.setter
    def hyperparameters(self, hyperparameters: Any) -> None:
        self.options = hyperparameters

    @property
    def batch_size(self) -> int | None:
        """M, the number of datapoints in a minibatch; None if every update uses all the data."""
        size = getattr(self.hyperparameters, "batch_size", Hyperparameters.batch_size)
        return None if size == "all" else int(size)

    def make_optimiser(
        self, parameters: Iterable[nn.Parameter], problem: Problem, *, prior: bool = True, annealing: float = 0.0
    ) -> torch.optim.Optimizer:
        """Create the optimiser that the hyperparameters name, for a loss in nats per datapoint; for use in `setup`.

        The hyperparameter ``prior`` determines which of the parameters have the prior N(0, I): ``decoder`` means all
        except those of the encoder of ``self.model``.  ``prior=False`` omits the prior for all of them, regardless of
        the hyperparameter.  ``annealing`` a makes the step size of update t ``learning_rate / (1 + a t)``.  Without the
        hyperparameters ``optimiser`` and ``prior``, the optimiser is Adagrad with the decoder's prior.
        Raises OptionError if there is no ``learning_rate``.
        """
        chosen = self.hyperparameters
        if not hasattr(chosen, "learning_rate"):
            raise OptionError(
                f"`make_optimiser` needs a hyperparameter `learning_rate`, and {type(chosen).__name__} has none: "
                "declare one, or build an optimiser of torch.optim in `setup`."
            )
        parameters = [*parameters]
        without_prior = {id(each) for each in self._without_prior(parameters)} if prior else {*map(id, parameters)}
        return make_optimiser(
            getattr(chosen, "optimiser", Hyperparameters.optimiser),
            [each for each in parameters if id(each) not in without_prior],
            float(chosen.learning_rate),
            num_data=problem.num_data,
            phi=[each for each in parameters if id(each) in without_prior],
            annealing=annealing,
        )

    def _without_prior(self, parameters: list[nn.Parameter]) -> list[nn.Parameter]:
        """The parameters without the prior N(0, I), according to the hyperparameter ``prior``."""
        which = getattr(self.hyperparameters, "prior", Hyperparameters.prior)
        if which == "decoder":
            return self.model.phi if hasattr(self, "model") else []
        if which in ("all", "none"):
            return parameters if which == "none" else []
        raise OptionError(
            f"`prior` of {type(self.hyperparameters).__name__} must be decoder, all or none for `make_optimiser` (got "
            f"{quoted(which)})."
        )
