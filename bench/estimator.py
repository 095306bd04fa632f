"""The contract of an estimator of log p(x), and `estimate_log_likelihood`, which uses one on any model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench import options, plugins, seeds
from bench.data.values import as_values
from bench.devices import start_gradients, synchronised_time
from bench.errors import OptionError, PluginError
from bench.likelihood.estimate import Estimate, flaw, missing
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel
from bench.plugins import Plugin
from bench.values.numerals import whole_number
from bench.values.texts import quoted

__all__ = ["Estimate", "Estimator", "estimate_log_likelihood"]


class Estimator(Plugin, ABC):
    """Estimates log p(x) of a trained model.  One file holds one estimator, which defines ``log_likelihood``.

    >>> class Bound(Estimator):
    ...     def log_likelihood(self, model, x, generator):
    ...         with torch.no_grad():
    ...             bound = model.elbo(x, generator)
    ...         return Estimate(bound, torch.zeros_like(bound), "lower", model_evaluations=len(x))
    >>> from bench.architectures.mlp import MLP
    >>> from bench.training.problem import Problem
    >>> x = torch.zeros(10, 64)
    >>> model = Problem(x, 2, MLP(hidden=20), "bernoulli").model(encoder=True)
    >>> Bound().estimate(model, x, seeds.generator("likelihood", 0)).model_evaluations
    10
    """

    simulates: ClassVar[bool] = False  # whether it draws any number of datapoints from the model, and ignores x
    takes_codes: ClassVar[bool] = False  # whether it can evaluate models with discrete z

    @property
    def may_refuse(self) -> bool:
        """Whether the estimator refuses any models; if not, no model is built just to check."""
        return True

    def refusal(self, model: LatentVariableModel) -> str:
        """Why it cannot evaluate this model, and what can; empty if it can.  Overrides should also call this method."""
        if model.discrete is not None and not self.takes_codes:
            return (
                f"{self.plugin_name()} requires continuous z, but z of this model is one of "
                f"{model.discrete.latents_in_words}: use exact or importance."
            )
        return ""

    @abstractmethod
    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """An estimate for each row of x [N, D].

        Every draw comes from ``generator``, which is on the device of x, or from a derived stream (`seeds.beside`).
        The model is in evaluation mode, and its parameters do not require gradients.
        """

    def estimate(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """Call `log_likelihood` and add its seconds, settings and seed; the model is left unchanged.

        Raises OptionError if the estimator cannot evaluate such a model, PluginError if it does not return an estimate
        for each datapoint.
        """
        refusal = self.refusal(model)
        if refusal:
            raise OptionError(refusal)
        seed, started = generator.initial_seed(), synchronised_time(x.device)
        with frozen(model):
            result = self.log_likelihood(model, x.to(model.dtype), generator)
        if broken := flaw(result, None if self.simulates else len(x)):
            raise PluginError(f"The estimator {self.plugin_name()} breaks its contract: {broken}.")
        seconds = synchronised_time(x.device) - started
        return replace(
            result,
            model_evaluations=int(result.model_evaluations),
            summary={name: float(value) for name, value in result.summary.items()},
            seconds=seconds,
            settings=options.as_dict(self.options),
            seed=seed,
            warnings=(*missing(result), *result.warnings),
        )


def estimate_log_likelihood(
    model: LatentVariableModel, x: ArrayLike | Tensor, estimator: str = "importance", *, seed: int = 0
) -> Estimate:
    """Estimate log p(x) of a model for each row of x, in nats, with Monte Carlo errors and diagnostics.

    ``model`` is a trained algorithm's ``model`` or one made by `bench.models.wrap.wrap_model`.  x is [N, D] or
    [N, rows, columns], on the same scale as in training, in any array type.  ``estimator`` is a name with options, such
    as ``importance[num_samples=5000]`` or ``ais``; see `bench list estimators`.  The same ``seed`` gives the same
    draws.  Raises OptionError for invalid x and for an estimator that cannot evaluate such a model, UnknownName for an
    unknown estimator.

    >>> from bench.architectures.linear import Linear
    >>> from bench.training.problem import Problem
    >>> x = torch.zeros(10, 6)
    >>> model = Problem(x, 2, Linear(), "unit_gaussian").model(encoder=False)
    >>> estimate_log_likelihood(model, x, "exact").standard_error
    0.0
    """
    number = whole_number(seed)
    if number is None:
        raise OptionError(f"`seed` must be an integer (got {quoted(seed)}).")
    if not isinstance(model, LatentVariableModel):
        raise OptionError(
            f"`model` must be a LatentVariableModel, such as `model` of a trained algorithm, or what `wrap_model` "
            f"returns (got {quoted(model)})."
        )
    made: Estimator = plugins.create("estimator", estimator)
    values = as_values(x, model.decoder.observation_model, model.dtype).to(model.device)
    num_pixels = _num_pixels(model)
    if values.shape[1] != num_pixels:
        raise OptionError(
            f"`x` must have {num_pixels} values per row, as many as the model's decoder outputs (got shape "
            f"{tuple(values.shape)}): give x [N, {num_pixels}], or images of {num_pixels} pixels."
        )
    start_gradients(model.device)
    return made.estimate(model, values, seeds.generator("likelihood", estimator, number, device=model.device))


@torch.no_grad()
def _num_pixels(model: LatentVariableModel) -> int:
    """D, determined by passing one z through the decoder's network."""
    with frozen(model):
        location, _ = model.decoder.outputs(torch.zeros(1, model.latent_size, device=model.device, dtype=model.dtype))
    return location.shape[-1]
