"""Synthetic data from a mixture of Gaussians, whose true likelihood is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.dataset import Data, Dataset
from bench.errors import OptionError
from bench.options import option
from bench.statistics import mixture

MAX_VALUES = 100_000_000  # drawn in double precision: 0.8 GB


@dataclass(frozen=True)
class MixtureOptions:
    """Options of `mixture`."""

    components: int = option(5, "K, the number of Gaussians", minimum=1)
    pixels: int = option(16, "D, the number of values per datapoint", minimum=1)
    spread: float = option(1.0, "standard deviation of the Gaussians' means in each dimension", above=0)
    noise: float = option(0.5, "standard deviation around the means", above=0)
    num_train: int = option(2000, "training datapoints", unit="datapoints", minimum=1)
    num_test: int = option(1000, "test datapoints", unit="datapoints", minimum=1)

    def __post_init__(self) -> None:
        """Refuse sizes that would exhaust memory."""
        count = (self.num_train + self.num_test + self.components) * self.pixels
        if count > MAX_VALUES:
            raise OptionError(
                f"`num_train`, `num_test` and `components` of mixture, times `pixels`, must be at most {MAX_VALUES:,} "
                f"values (got {count:,}): choose smaller ones."
            )


class Mixture(Dataset[MixtureOptions]):
    """Synthetic data in a few clusters, from a true model with discrete z whose log-likelihood is known exactly.

    ``x = m_k + s e`` with e standard normal; component k of K, counted from 1, has probability ``2 k / (K (K + 1))``.
    The labels are the components, counted from 0.  ``facts`` holds the probabilities, m, s^2 and the mean
    log-likelihoods of the training and test data under them, in nats per datapoint.

    >>> from bench import seeds
    >>> data = Mixture(components=2, pixels=3, num_train=10, num_test=5).load(seeds.generator("data", 0))
    >>> data.x_train.shape, [round(weight, 3) for weight in data.facts["weights"]]
    (torch.Size([10, 3]), [0.333, 0.667])
    """

    Options = MixtureOptions
    hidden: ClassVar[int] = 32

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; the means are drawn first, then the test data: neither depends on ``num_train``."""
        o = self.options
        weights = torch.arange(1, o.components + 1, dtype=torch.float64)
        weights /= weights.sum()
        means = o.spread * torch.randn(o.components, o.pixels, generator=generator, dtype=torch.float64)
        x_test, labels_test = _draw(o.num_test, weights, means, o.noise, generator)
        x_train, labels_train = _draw(o.num_train, weights, means, o.noise, generator)
        variance = o.noise**2
        of_train, of_test = (
            float(mixture.log_likelihood(x, weights, means, variance).mean()) for x in (x_train, x_test)
        )
        return Data(
            x_train=x_train,
            x_test=x_test,
            image_shape=(1, o.pixels),
            observation_model="gaussian",
            pixels="drawn from a mixture of Gaussians",
            labels_train=labels_train,
            labels_test=labels_test,
            bounded=False,
            facts={
                "weights": weights.tolist(),
                "means": means.tolist(),
                "noise_variance": variance,
                "log_likelihood_train": of_train,
                "log_likelihood_test": of_test,
            },
            understood=f"The truth has a log-likelihood of {of_test:.3f} nats per test datapoint.",
        )


def _draw(
    num_data: int, weights: Tensor, means: Tensor, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """x [num_data, D], float32, and the components [num_data]."""
    chosen = torch.multinomial(weights, num_data, replacement=True, generator=generator)
    noises = noise * torch.randn(num_data, means.shape[1], generator=generator, dtype=torch.float64)
    return (means[chosen] + noises).float(), chosen
