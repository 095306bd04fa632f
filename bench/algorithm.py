"""The contract of an algorithm: one file, one class with ``setup`` and ``step``."""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from bench import plugins, seeds
from bench.architecture import Architecture
from bench.data.values import as_values
from bench.devices import choose_device
from bench.errors import Diverged, OptionError, UsageError
from bench.estimator import Estimate, estimate_log_likelihood
from bench.models.dropout import attach_generator
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel
from bench.models.observation import observation_model as make_observation_model
from bench.options import option
from bench.plugins import Plugin
from bench.training.clocks import Clocks
from bench.training.loop import train
from bench.training.minibatches import Minibatches
from bench.training.optimiser import make_optimiser
from bench.training.problem import Batch, Problem, StepInfo
from bench.training.tuning import Tuning, choose_learning_rate


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """What every shipped algorithm has, with the paper's values; derive from it to add your own."""

    learning_rate: float | Literal["auto"] = option(
        "auto",
        "the optimiser's global step size; auto tries each candidate on the first training samples",
        above=0,
        candidates={"adagrad": (0.01, 0.02, 0.1), "adam": (0.0003, 0.001, 0.003)},
    )
    optimiser: Literal["adagrad", "adam"] = option(
        "adagrad", "what turns gradients into updates; the paper's is adagrad"
    )
    batch_size: int | Literal["all"] = option(100, "datapoints in a minibatch (M)", unit="datapoints", minimum=1)
    prior: bool = option(True, "N(0, I) prior on the parameters, which is a weight decay of 1/N")


class Algorithm(Plugin, ABC):
    """Learns p(z) p(x|z) from data, one minibatch at a time.

    A plugin is one file with one class: ``Options``, a frozen dataclass of hyperparameters; ``setup``, which builds
    ``self.model`` and what else it needs; and ``step``, one update.  Everything that ``setup`` and ``step`` put on
    ``self`` (modules, optimisers, tensors, generators, numbers, whatever has a ``state_dict``) is saved and restored.
    """

    Options: ClassVar[type[Any]] = Hyperparameters
    model: LatentVariableModel

    def __init__(
        self,
        latent_size: int,
        *,
        model: str = "mlp",
        observation_model: str = "bernoulli",
        seed: int = 0,
        device: str = "auto",
        **hyperparameters: object,
    ) -> None:
        """``latent_size`` is d; ``model`` names an architecture with its options (``mlp[hidden=100]``).

        ``observation_model`` names p(x|z): bernoulli, gaussian, unit_gaussian or a file with another one.
        Raises OptionError for an unknown, ill-typed or out-of-range argument.
        """
        if isinstance(latent_size, bool) or not isinstance(latent_size, int) or latent_size < 1:
            raise OptionError(f"`latent_size` must be an integer of at least 1 (got {latent_size!r}).")
        super().__init__(**hyperparameters)
        self.latent_size = latent_size
        self.architecture: Architecture = plugins.create("model", model)
        self.observation_model = make_observation_model(observation_model)
        self.seed = seed
        self.device = choose_device(device)
        self.history: list[dict[str, float]] = []
        self._configuration = {*vars(self), "_configuration"}

    @abstractmethod
    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build ``self.model`` (from ``problem.model``), optimisers and whatever ``step`` needs.

        ``generator``, on the device of ``problem.x``, is the source of all the algorithm's noise, and is kept and
        saved as ``self.generator``.  Dropout within the networks draws from it as soon as `setup` has returned.
        """

    @abstractmethod
    def step(self, batch: Batch) -> StepInfo:
        """One update from a minibatch, with the networks in training mode."""

    @property
    def hyperparameters(self) -> Any:
        """The algorithm's options, by the name that the field has for them."""
        return self.options

    @hyperparameters.setter
    def hyperparameters(self, hyperparameters: Any) -> None:
        self.options = hyperparameters

    # -- what the base class gives -------------------------------------------------------------------------------

    @property
    def batch_size(self) -> int | None:
        """M, or None where every update takes all the data."""
        size = getattr(self.hyperparameters, "batch_size", 100)
        return None if size == "all" else int(size)

    @property
    def learning_rate(self) -> float:
        """The step size, once ``auto`` has been settled (always so in `setup` and `step`)."""
        return float(self.hyperparameters.learning_rate)

    def make_optimiser(
        self, parameters: Iterable[nn.Parameter], problem: Problem, *, prior: bool = True, annealing: float = 0.0
    ) -> torch.optim.Optimizer:
        """The optimiser that the `Hyperparameters` ask for, on a loss in nats a datapoint, for use in `setup`.

        ``prior`` False leaves out the N(0, I) prior on these parameters, whatever was asked; ``annealing`` a makes the
        step of update t ``learning_rate / (1 + a t)``.
        """
        settings = self.hyperparameters
        return make_optimiser(
            settings.optimiser,
            parameters,
            self.learning_rate,
            num_data=problem.num_data,
            prior=prior and settings.prior,
            annealing=annealing,
        )

    def begin(
        self, problem: Problem, minibatches: Minibatches, noise: int, learning_rate: float | None = None
    ) -> Tuning | None:
        """`setup`, after ``learning_rate=auto`` has been settled; returns how it was, or None where nothing was open.

        ``noise`` seeds the algorithm's stream; ``learning_rate`` is a choice made earlier, for resuming.
        """
        tuning = None
        if getattr(self.hyperparameters, "learning_rate", None) == "auto":
            if learning_rate is None:
                tuning = choose_learning_rate(
                    self._candidates(), lambda rate: self._started(problem, minibatches, noise, rate), minibatches
                )
                learning_rate = tuning.learning_rate
            self.hyperparameters = dataclasses.replace(self.hyperparameters, learning_rate=learning_rate)
        self.generator = seeds.generator(noise, device=problem.x.device)
        self.setup(problem, self.generator)
        for value in vars(self).values():
            if isinstance(value, nn.Module):
                attach_generator(value, self.generator)
        return tuning

    def _candidates(self) -> tuple[float, ...]:
        (about,) = [f for f in dataclasses.fields(self.hyperparameters) if f.name == "learning_rate"]
        candidates = about.metadata["candidates"]
        return tuple(candidates[self.hyperparameters.optimiser] if isinstance(candidates, Mapping) else candidates)

    def _started(self, problem: Problem, minibatches: Minibatches, noise: int, rate: float) -> Algorithm:
        trial = copy.copy(self)
        trial.begin(problem, minibatches, noise, rate)
        return trial

    def fit(
        self, x: ArrayLike | Tensor, budget: int = 200_000, *, progress: Callable[[Clocks], None] | None = None
    ) -> Self:
        """Learn from x [N, D] (or [N, rows, columns]) until ``budget`` training samples are seen; returns self.

        ``history`` then holds, at every evaluation mark, the clocks and the lower bound on (at most) the first 1000
        datapoints where there is an encoder.  ``progress`` is called at each mark.
        Raises OptionError for a bad ``x`` or ``budget``, Diverged when the objective is no longer finite.
        """
        data = as_values(x, self.observation_model)
        if isinstance(budget, bool) or not budget >= 1:
            raise OptionError(f"`budget` must be at least 1 training sample (got {budget!r}).")
        values = data.to(self.device)
        bounded = bool(data.min() >= 0 and data.max() <= 1)
        problem = Problem(values, self.latent_size, self.architecture, self.observation_model, bounded, seed=self.seed)
        minibatches = Minibatches(values, self.batch_size, self.seed)
        clocks = Clocks()
        self.history = []
        tuning = self.begin(problem, minibatches, seeds.derive("noise", type(self).__name__, self.seed))
        if tuning is not None:
            clocks.model_evaluations, clocks.train_seconds = tuning.model_evaluations, tuning.seconds
        for pause in train(self, minibatches, clocks, int(budget)):
            if clocks.updates and not np.isfinite(pause.objective):
                raise Diverged(f"The objective is {pause.objective} after {clocks.samples} samples.")
            row = {**pause.diagnostics, "samples": clocks.samples}
            row |= {"train_seconds": clocks.train_seconds, "objective": pause.objective}
            if self.model.encoder is not None:
                stream = seeds.generator("evaluation", self.seed, device=self.device)
                with frozen(self.model), torch.no_grad():
                    row["elbo_train"] = float(self.model.elbo(values[:1000], stream).cpu().double().mean())
            self.history.append(row)
            if progress is not None:
                progress(clocks)
        self.model.eval()
        return self

    def estimate_log_likelihood(
        self, x: ArrayLike | Tensor, estimator: str = "importance", *, seed: int = 0
    ) -> Estimate:
        """log p(x) of the trained model for each row of x, in nats, with Monte Carlo errors and diagnostics.

        ``estimator`` names one with its options: ``importance[num_samples=5000]`` or ``ais``.
        Raises UsageError before `fit`, for an unknown estimator or one that cannot evaluate such a model, or for bad x.
        """
        if not hasattr(self, "model"):
            raise UsageError("`estimate_log_likelihood` needs a trained model: call `fit` first.")
        return estimate_log_likelihood(self.model, x, estimator, seed=seed)

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on, random state included, as a copy.

        Raises TypeError for an attribute that cannot be saved.
        """
        return {
            name: _state_of(name, value)
            for name, value in vars(self).items()
            if name not in self._configuration and not isinstance(value, Problem)
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave, after `setup` on the same problem."""
        for name, saved in state.items():
            value = getattr(self, name, None)
            if isinstance(value, torch.Generator):
                value.set_state(saved.cpu())
            elif value is not None and hasattr(value, "load_state_dict"):
                value.load_state_dict(copy.deepcopy(saved))
            else:
                setattr(self, name, saved.to(self.device, copy=True) if isinstance(saved, Tensor) else saved)


def _state_of(name: str, value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, (nn.Module, torch.optim.Optimizer)) or hasattr(value, "state_dict"):
        return copy.deepcopy(value.state_dict())
    if isinstance(value, Tensor):
        return value.detach().clone()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"The attribute `{name}` ({type(value).__name__}) cannot be saved: make it a tensor, number, text, module, "
        "optimiser, generator, or give it state_dict and load_state_dict."
    )
