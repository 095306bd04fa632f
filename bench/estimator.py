"""The contract of an estimator of log p(x), and what every estimate carries."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from bench import options
from bench.errors import OptionError
from bench.likelihood.estimate import Estimate, missing
from bench.models.discrete import DiscreteModel
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel
from bench.plugins import Plugin


class Estimator(Plugin, ABC):
    """Estimates log p(x) of a trained model.  One file holds one estimator, which defines ``log_likelihood``."""

    simulates: ClassVar[bool] = False  # whether it judges as many datapoints of its own, drawn from the model, not x
    takes_codes: ClassVar[bool] = False  # whether it can judge models whose z is discrete

    @property
    def may_refuse(self) -> bool:
        """Whether there are models that it cannot judge; if not, none is built to ask about."""
        return True

    def refusal(self, model: LatentVariableModel) -> str:
        """Why it cannot judge this model, and what can; empty where it can.  Where it is overridden, ask it too."""
        if isinstance(model, DiscreteModel) and not self.takes_codes:
            return (
                f"{type(self).__name__.lower()} is for continuous z, and here z is one of {model.latents_in_words}: "
                "use exact or importance."
            )
        return ""

    @abstractmethod
    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """An estimate for each row of x [N, D]; every draw comes from ``generator`` (on the device of x).

        The model is in evaluation mode and its parameters ask for no gradients.
        """

    def estimate(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """`log_likelihood` with its seconds, settings and seed; the model is left as it was found.

        Raises OptionError where the estimator cannot judge such a model.
        """
        refusal = self.refusal(model)
        if refusal:
            raise OptionError(refusal)
        seed, started = generator.initial_seed(), time.perf_counter()
        with frozen(model):
            found = self.log_likelihood(model, x, generator)
        if x.device.type == "cuda":
            torch.cuda.synchronize(x.device)
        seconds = time.perf_counter() - started
        warnings = (*missing(found), *found.warnings)
        return replace(found, seconds=seconds, settings=options.as_dict(self.options), seed=seed, warnings=warnings)
