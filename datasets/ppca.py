"""Synthetic data from probabilistic PCA, whose true likelihood is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.dataset import Data, Dataset
from bench.errors import OptionError
from bench.options import option
from bench.statistics import ppca

MAX_VALUES = 100_000_000  # drawn in double precision: 0.8 GB


@dataclass(frozen=True)
class PPCAOptions:
    """Options of `ppca`."""

    rank: int = option(2, "latent dimensions of the true model, below `pixels`", minimum=1)
    pixels: int = option(16, "D, the number of values per datapoint", minimum=2)
    noise: float = option(0.5, "standard deviation of the noise around the latent plane", above=0)
    num_train: int = option(2000, "training datapoints", unit="datapoints", minimum=1)
    num_test: int = option(1000, "test datapoints", unit="datapoints", minimum=1)

    def __post_init__(self) -> None:
        """Refuse a plane of full dimension, which makes the noise unidentifiable, and sizes that exhaust memory."""
        if self.rank >= self.pixels:
            raise OptionError(f"`rank` of ppca must be below `pixels`, {self.pixels} (got {self.rank}).")
        count = (self.num_train + self.num_test + self.rank) * self.pixels
        if count > MAX_VALUES:
            raise OptionError(
                f"`num_train`, `num_test` and `rank` of ppca, times `pixels`, must be at most {MAX_VALUES:,} values "
                f"(got {count:,}): choose smaller ones."
            )


class PPCA(Dataset[PPCAOptions]):
    """Synthetic linear-Gaussian data whose log-likelihood is known exactly, for checking algorithms and estimators.

    ``x = W z + b + s e`` with z and e standard normal.  The columns of W are orthogonal, with lengths from 2 down to 1,
    and b has length sqrt(D) / 2: for any options, a model that starts near W = 0, b = 0, s = 1 is more than a nat per
    datapoint below the best one.  ``facts`` holds W, b, s^2 and the mean log-likelihoods of the training and test data
    under them, in nats per datapoint.

    Source: Tipping & Bishop 1999, "Probabilistic principal component analysis".

    >>> from bench import seeds
    >>> data = PPCA(rank=1, pixels=4, num_train=10, num_test=5).load(seeds.generator("data", 0))
    >>> data.x_train.shape, data.facts["noise_variance"]
    (torch.Size([10, 4]), 0.25)
    """

    Options = PPCAOptions
    hidden: ClassVar[int] = 32

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; W and b are drawn first, then the test data: neither depends on ``num_train``."""
        o = self.options
        weights, bias = _truth(o.pixels, o.rank, generator)
        x_test = _draw(o.num_test, weights, bias, o.noise, generator)
        x_train = _draw(o.num_train, weights, bias, o.noise, generator)
        variance = o.noise**2
        of_train, of_test = (float(ppca.log_likelihood(x, weights, bias, variance).mean()) for x in (x_train, x_test))
        return Data(
            x_train=x_train,
            x_test=x_test,
            image_shape=(1, o.pixels),
            observation_model="gaussian",
            pixels="drawn from a linear-Gaussian model",
            bounded=False,
            facts={
                "weights": weights.tolist(),
                "bias": bias.tolist(),
                "noise_variance": variance,
                "log_likelihood_train": of_train,
                "log_likelihood_test": of_test,
            },
            understood=f"The truth has a log-likelihood of {of_test:.3f} nats per test datapoint.",
        )


def _truth(num_pixels: int, rank: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """W [D, d], b [D], in float64 so that the facts are exact."""
    axes, _ = torch.linalg.qr(torch.randn(num_pixels, rank, generator=generator, dtype=torch.float64))
    weights = axes * torch.linspace(2, 1, rank, dtype=torch.float64)
    direction = torch.randn(num_pixels, generator=generator, dtype=torch.float64)
    return weights, direction * (num_pixels**0.5 / 2 / direction.norm())


def _draw(num_data: int, weights: Tensor, bias: Tensor, noise: float, generator: torch.Generator) -> Tensor:
    """x [num_data, D], float32."""
    z = torch.randn(num_data, weights.shape[1], generator=generator, dtype=torch.float64)
    noises = noise * torch.randn(num_data, len(bias), generator=generator, dtype=torch.float64)
    return (z @ weights.T + bias + noises).float()
