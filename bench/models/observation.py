"""The contract of an observation model: p(x|z), given what the decoder's network outputs for z."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import torch
from torch import Tensor

from bench import plugins
from bench.models.buffers import Buffers
from bench.plugins import Plugin

SHIPPED = "bench.models.observations."
CHUNK_VALUES = 2**21  # of the largest tensor when pairs are evaluated by broadcasting


class ObservationModel(Plugin, ABC):
    """p(x|z), factorised over pixels, given the outputs of the decoder's network for z.

    The network outputs a ``location`` for each pixel and, if ``has_log_variance``, a ``log_variance`` (otherwise None).
    Each file contains one observation model, which defines `log_prob`, `mean` and `sample`.  Everything else has a
    default that is correct for any observation model, and can be overridden by a faster implementation.

    >>> bernoulli, x = observation_model("bernoulli"), torch.tensor([[0.0, 1.0]])
    >>> bernoulli.log_prob(x, torch.zeros(1, 2), None)  # logits of 0: each pixel has probability 1/2
    tensor([-1.3863])
    """

    has_log_variance: ClassVar[bool] = False

    # The kind of location, from which an architecture chooses the range of its network's output:
    # "mean": E[x|z], which passes through a sigmoid if the data lie in [0, 1];
    # "logit": the logit of a probability;  "real": any real number, such as a log-rate.
    location_is: ClassVar[Literal["mean", "logit", "real"]] = "real"

    # Whether `score` and `log_prob_with_slopes` only launch kernels, the same ones for all tensors of the same layout,
    # without waiting for the device, so that a CUDA graph can replay them.  A derived class must declare this again.
    only_launches: ClassVar[bool] = False

    @property
    def is_recordable(self) -> bool:
        """Whether this very class declares that it `only_launches`, as all built-in classes do."""
        cls = type(self)
        return bool(vars(cls).get("only_launches", cls.__module__.startswith(SHIPPED)))

    @property
    def cheap_pairs(self) -> bool:
        """Whether `log_prob_of_pairs` is fast for thousands of z, which is assumed if it is overridden."""
        return type(self).log_prob_of_pairs is not ObservationModel.log_prob_of_pairs

    @abstractmethod
    def log_prob(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """log p(x|z) in nats, summed over pixels: x [N, D], outputs [..., N, D] -> [..., N].

        x and the outputs may be of any shapes [..., D] that broadcast.
        """

    @abstractmethod
    def mean(self, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """E[x|z]: [..., D] -> [..., D]."""

    @abstractmethod
    def sample(self, location: Tensor, log_variance: Tensor | None, generator: torch.Generator) -> Tensor:
        """A draw of x from p(x|z): [..., D] -> [..., D]."""

    def refusal(self, x: Tensor) -> str:
        """Why values x cannot be modelled, as in "needs data in [0, 1] (got -2 to 3)"; empty if they can be."""
        return ""

    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The gradient of `log_prob` in location and log-variance (None if there is none): [..., N, D], detached.

        Computed by automatic differentiation, unless overridden by a closed form.
        """
        outputs = [location] if log_variance is None else [location, log_variance]
        with torch.inference_mode(False), torch.enable_grad():  # torch names no argument here
            inputs = [output.clone().detach().requires_grad_() for output in outputs]  # such as no graph may have
            value = self.log_prob(x.clone(), inputs[0], None if log_variance is None else inputs[1])
            gradients = torch.autograd.grad(value.sum(), inputs, materialize_grads=True)
        return gradients[0], None if log_variance is None else gradients[1]

    def log_prob_in(self, buffers: Buffers, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """`log_prob`, without a graph; intermediate results may be stored in the ``buffers``."""
        return self.log_prob(x, location, log_variance)

    def log_prob_with_slopes(
        self, x: Tensor, location: Tensor, log_variance: Tensor | None, *, weight: Tensor, buffers: Buffers
    ) -> tuple[Tensor, tuple[Tensor, Tensor | None]]:
        """`log_prob` [..., N], and a scalar ``weight`` times `score` [..., N, D], possibly in the ``buffers``."""
        of_location, of_log_variance = self.score(x, location, log_variance)
        slopes = of_location * weight, None if of_log_variance is None else of_log_variance * weight
        return self.log_prob(x, location, log_variance), slopes

    def log_prob_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """`log_prob` of every x [N, D] at each of K outputs [K, D]: [N, K].

        Computed by broadcasting in chunks, unless overridden by matrix products; estimators then search more z for
        modes.
        """
        rows = max(1, CHUNK_VALUES // max(1, location.numel()))
        return torch.cat([self.log_prob(part.unsqueeze(1), location, log_variance) for part in x.split(rows)])

    def gaussian_variance(self, location: Tensor, log_variance: Tensor | None) -> Tensor | None:
        """Var[x|z] [..., D] if p(x|z) is a Gaussian around the location; None, the default, if it is not."""
        return None


def observation_model(name: str | ObservationModel) -> ObservationModel:
    """The observation model given by a name with its options, as in ``bernoulli`` or ``./poisson.py[rate=2]``.

    An instance is returned unchanged.  Raises UnknownName, PluginError or OptionError.

    >>> observation_model("unit_gaussian").has_log_variance
    False
    """
    if isinstance(name, ObservationModel):
        return name
    made: ObservationModel = plugins.create("decoder", name)
    return made
