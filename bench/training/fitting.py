"""An algorithm alone, in scikit-learn's manner: ``fit``, then ``estimate_log_likelihood``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench import seeds
from bench.architecture import Architecture
from bench.data.values import as_values, image_shape
from bench.errors import OptionError, UsageError
from bench.estimator import Estimate, estimate_log_likelihood
from bench.models.observation import ObservationModel
from bench.training.clocks import Clocks
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, Trainable
from bench.training.session import Followed, Session
from bench.values.numerals import LARGEST_INTEGER, whole_number
from bench.values.texts import quoted

NUM_FOLLOWED = 1000  # the largest number of datapoints on which `fit` tracks the bound


class Fittable(Trainable, Protocol):
    """The part of an algorithm that `FitMixin` uses."""

    latent_size: int
    architecture: Architecture
    observation_model: ObservationModel
    seed: int
    device: torch.device
    history: list[dict[str, float]]

    @property
    def batch_size(self) -> int | None:
        """M, the number of datapoints in a minibatch; None for all the data in every update."""


FittableT = TypeVar("FittableT", bound=Fittable)


class FitMixin:
    """Gives an algorithm `fit` and `estimate_log_likelihood`."""

    def fit(
        self: FittableT,
        x: ArrayLike | Tensor,
        budget: float = 200_000,
        *,
        progress: Callable[[Clocks], None] | None = None,
    ) -> FittableT:
        """Train on x [N, D] or images [N, rows, columns] for ``budget`` training samples; returns self.

        Afterwards ``history`` has one entry per evaluation mark: samples and training seconds so far, the objective
        and, if there is an encoder, the lower bound on (at most) the first 1000 datapoints.  ``progress`` is called at
        each mark.  A hyperparameter that is ``auto`` is chosen first, by the objective of each candidate on 5000
        training samples.
        Raises OptionError if ``x`` or ``budget`` is invalid, and Diverged if the bound is no longer finite or has blown
        up.

        >>> from bench.algorithms.aevb import AEVB
        >>> x = torch.eye(20)
        >>> aevb = AEVB(latent_size=2, model="mlp[hidden=10]", learning_rate=0.1, device="cpu").fit(x, budget=2000)
        >>> [round(aevb.history[mark]["elbo_train"]) for mark in (0, -1)]
        [-14, -4]
        """
        data = as_values(x, self.observation_model)
        samples = whole_number(budget)
        if samples is None or not 1 <= samples <= LARGEST_INTEGER:
            raise OptionError(f"`budget` must be a number of training samples, at least 1 (got {quoted(budget)}).")
        session = _session(self, data, image_shape(x))
        self.history = []
        session.begin()
        for look in session.run(samples):
            row = {**look.diagnostics, "samples": session.clocks.samples, "train_seconds": session.clocks.train_seconds}
            row |= {"objective": look.objective}
            self.history.append(row | {f"elbo_{name}": bound for name, bound in look.bounds.items()})
            if progress is not None:
                progress(session.clocks)
        self.model.eval()
        return self

    def estimate_log_likelihood(
        self: Fittable, x: ArrayLike | Tensor, estimator: str = "importance", *, seed: int = 0
    ) -> Estimate:
        """Estimate log p(x) of the trained model for each row of x, in nats, with Monte Carlo errors and diagnostics.

        ``estimator`` is the name of an estimator with its options: ``importance[num_samples=5000]`` or ``ais``.
        Raises UsageError if called before `fit`, if the estimator is unknown or cannot evaluate the model, or if x is
        invalid.

        >>> from bench.algorithms.aevb import AEVB
        >>> x = torch.eye(20)
        >>> aevb = AEVB(latent_size=2, model="mlp[hidden=10]", learning_rate=0.1, device="cpu").fit(x, budget=200)
        >>> aevb.estimate_log_likelihood(x[:3], "importance[num_samples=10]").log_likelihoods.shape
        torch.Size([3])
        """
        if not hasattr(self, "model"):
            raise UsageError("`estimate_log_likelihood` needs a trained model: call `fit` first.")
        return estimate_log_likelihood(self.model, x, estimator, seed=seed)


def _session(algorithm: Fittable, data: Tensor, shape: tuple[int, int] | None) -> Session:
    """Return a session on ``data`` [N, D], whose random streams depend only on the algorithm and its ``seed``."""
    x, seed = data.to(algorithm.device), algorithm.seed
    bounded = bool(data.min() >= 0 and data.max() <= 1)
    return Session(
        algorithm,
        Problem(
            *(x, algorithm.latent_size, algorithm.architecture, algorithm.observation_model, bounded),
            seed=seed,
            image_shape=shape,
        ),
        Minibatches(x, algorithm.batch_size, seed),
        noise=seeds.derive("noise", type(algorithm).__name__, seed),
        followed={"train": Followed(x[:NUM_FOLLOWED], seeds.derive("evaluation", seed))},
    )
