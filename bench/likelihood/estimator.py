"""The contract of an estimator of log p(x), and what every estimate carries."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from bench import options
from bench.models.latent import LatentVariableModel
from bench.options import NoOptions

Bias = Literal["lower", "upper", "consistent", "upward"]


@dataclass(frozen=True)
class Estimate:
    """log p(x) in nats, one value for each datapoint, and what tells whether to believe it.

    ``standard_errors`` are Monte Carlo errors: what another run of the estimator on the same model would change.
    They say nothing of the spread between training seeds.
    """

    log_likelihoods: Tensor  # [N] nats
    standard_errors: Tensor  # [N] nats
    bias: Bias
    model_evaluations: int
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)  # each [N] or a scalar
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Mean log-likelihood, nats a datapoint."""
        return float(self.log_likelihoods.double().mean())

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the mean, nats a datapoint (datapoints have independent draws)."""
        errors = self.standard_errors.double()
        return float(errors.square().sum().sqrt() / errors.numel())


class Estimator(ABC):
    """Estimates log p(x) of a trained model.  One file holds one estimator, which defines ``log_likelihood``."""

    Options: ClassVar[type[Any]] = NoOptions
    options: Any

    def __init__(self, **settings: object) -> None:
        """Settings by name; raises OptionError for an unknown, ill-typed or out-of-range one."""
        self.options = options.build(self.Options, settings, type(self).__name__.lower())

    def unsuited(self, latent_size: int) -> str:
        """Why this estimator is not to be trusted for so many latent dimensions; empty where it is."""
        return ""

    @abstractmethod
    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """An estimate for each row of x [N, D]; every draw comes from ``generator`` (on the device of x)."""

    def estimate(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """`log_likelihood` with its wall-clock seconds, the model left as it was found (parameters untouched)."""
        started = time.perf_counter()
        was_training = model.training
        model.eval()  # a network with dropout is judged without
        try:
            found = self.log_likelihood(model, x, generator)
        finally:
            model.train(was_training)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        return Estimate(**{**vars(found), "seconds": time.perf_counter() - started})
