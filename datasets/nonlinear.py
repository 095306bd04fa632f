"""Synthetic data from a random non-linear decoder, whose true likelihood is known within bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bench.dataset import Data, Dataset
from bench.errors import OptionError
from bench.options import option
from bench.statistics.sandwich import Sandwich

MAX_VALUES = 100_000_000  # drawn in double precision: 0.8 GB
MAX_PAIRS = 1_000_000_000  # pairs of a datapoint and a draw of z, about 30 s
CHUNK = 2**22  # pairs evaluated at once, 34 MB


@dataclass(frozen=True)
class NonlinearOptions:
    """Options of `nonlinear`."""

    latents: int = option(2, "d, latent dimensions of the true model", minimum=1)
    pixels: int = option(16, "D, the number of values per datapoint", minimum=1)
    units: int = option(20, "tanh units in the hidden layer of the true decoder", minimum=1)
    bend: float = option(2.0, "standard deviation of the inputs to tanh: near 0 the decoder is linear", above=0)
    observed: Literal["gaussian", "bernoulli"] = option("gaussian", "the true p(x|z)")
    noise: float = option(0.5, "standard deviation around the decoder's output, if gaussian", above=0)
    num_train: int = option(2000, "training datapoints", unit="datapoints", minimum=1)
    num_test: int = option(1000, "test datapoints", unit="datapoints", minimum=1)
    num_samples: int = option(5000, "draws of z that the bounds on log p(x) are made of", minimum=2)

    def __post_init__(self) -> None:
        """Refuse sizes that need too much memory or time, and options that have no effect."""
        num_data = self.num_train + self.num_test
        count = (num_data + self.units) * (self.pixels + self.latents)
        if count > MAX_VALUES:
            raise OptionError(
                f"`num_train`, `num_test` and `units` of nonlinear, times `pixels` and `latents`, must be at most "
                f"{MAX_VALUES:,} values (got {count:,}): choose smaller ones."
            )
        if num_data * self.num_samples > MAX_PAIRS:
            raise OptionError(
                f"`num_train` and `num_test` of nonlinear, times `num_samples`, must be at most {MAX_PAIRS:,} (got "
                f"{num_data * self.num_samples:,}): choose smaller ones."
            )
        if self.observed == "bernoulli" and self.noise != type(self).noise:
            raise OptionError(
                f"`noise` of nonlinear has no effect with observed=bernoulli (got {self.noise:g}): leave it out."
            )


class Nonlinear(Dataset[NonlinearOptions]):
    """Synthetic data from a decoder with one hidden layer of tanh units, whose log-likelihood is known within bounds.

    ``x = V tanh(U z + a) + b + s e`` with z and e standard normal, or Bernoulli pixels with logits
    ``V tanh(U z + a) + b``: a model that the networks of `mlp` can represent.  The elements of V are scaled so that
    each pixel, or logit, has a variance of about 1 (4 for Bernoulli pixels); b has length sqrt(D) / 2.

    ``facts`` holds bounds on the mean log-likelihoods of the training and test data under the true model, in nats per
    datapoint: in expectation over ``num_samples`` draws of z, ``log_likelihood_test_lower`` is at most the true value
    and ``log_likelihood_test_upper`` is at least the true value.  Both approach it as the number of draws grows; with
    many latent dimensions or little noise, far more draws are needed.  The labels are the signs of the first latent
    dimension.

    >>> from bench import seeds
    >>> data = Nonlinear(pixels=3, num_train=10, num_test=5).load(seeds.generator("data", 0))
    >>> data.x_train.shape, data.facts["log_likelihood_test_lower"] < data.facts["log_likelihood_test_upper"]
    (torch.Size([10, 3]), True)
    """

    Options = NonlinearOptions
    hidden: ClassVar[int] = 32

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; the decoder is drawn first, then the test data: neither depends on ``num_train``."""
        o = self.options
        truth = Truth.drawn(o, generator)
        z_test, x_test = truth.draw(o.num_test, generator)
        z_train, x_train = truth.draw(o.num_train, generator)
        is_binary = o.observed == "bernoulli"
        facts = truth.bounds("test", x_test, z_test, o.num_samples, generator)
        low, high = facts.values()
        facts |= truth.bounds("train", x_train, z_train, o.num_samples, generator)
        return Data(
            x_train=x_train,
            x_test=x_test,
            image_shape=(1, o.pixels),
            observation_model=o.observed,
            pixels="binary" if is_binary else "drawn from a non-linear model",
            labels_train=(z_train[:, 0] > 0).long(),
            labels_test=(z_test[:, 0] > 0).long(),
            bounded=is_binary,
            facts=facts,
            understood=f"The truth has a log-likelihood of {low:.3f} to {high:.3f} nats per test datapoint.",
        )


class Truth(NamedTuple):
    """The decoder from which the data are drawn, in float64; its outputs are means, or the logits of binary pixels."""

    into: Tensor  # U [H, d]
    thresholds: Tensor  # a [H]
    out: Tensor  # V [D, H]
    bias: Tensor  # b [D]
    noise: float  # s, for pixels that are not binary
    is_binary: bool

    @classmethod
    def drawn(cls, o: NonlinearOptions, generator: torch.Generator) -> Truth:
        """A decoder with random weights."""

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator, dtype=torch.float64)

        is_binary = o.observed == "bernoulli"
        into = normal(o.units, o.latents) * (o.bend / o.latents**0.5)
        thresholds = normal(o.units)
        amplitude = math.tanh(o.bend) * o.units**0.5 / (2 if is_binary else 1)
        out = normal(o.pixels, o.units) / amplitude
        direction = normal(o.pixels)
        bias = direction * (o.pixels**0.5 / 2 / direction.norm())
        return cls(into, thresholds, out, bias, o.noise, is_binary)

    def location(self, z: Tensor) -> Tensor:
        """The mean of x, or its logit: [N, d] -> [N, D]."""
        return torch.tanh(z @ self.into.T + self.thresholds) @ self.out.T + self.bias

    def draw(self, num_data: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """z [num_data, d], and x [num_data, D] in float32."""
        z = torch.randn(num_data, self.into.shape[1], generator=generator, dtype=torch.float64)
        location = self.location(z)
        if self.is_binary:
            return z, torch.bernoulli(torch.sigmoid(location), generator=generator).float()
        noises = torch.randn(location.shape, generator=generator, dtype=torch.float64)
        return z, (location + self.noise * noises).float()

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats for x [N, D], in float64, and z [N, d]: [N]."""
        location = self.location(z)
        if self.is_binary:
            return (x * location - functional.softplus(location)).sum(1)
        return self._of_squares((x - location).square().sum(1), x.shape[1])

    def log_prob_of_pairs(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats for every x [N, D], in float64, and every z [K, d]: [N, K]."""
        location = self.location(z)
        if self.is_binary:
            return x @ location.T - functional.softplus(location).sum(1)
        squares = x.square().sum(1, keepdim=True) - 2 * x @ location.T + location.square().sum(1)
        return self._of_squares(squares, x.shape[1])

    def _of_squares(self, squares: Tensor, num_pixels: int) -> Tensor:
        """The Gaussian log-density, summed over pixels, for given squared distances."""
        variance = self.noise**2
        return -0.5 * (squares / variance + num_pixels * math.log(2 * math.pi * variance))

    def bounds(self, part: str, x: Tensor, z: Tensor, num_samples: int, generator: torch.Generator) -> dict[str, float]:
        """The bounds on the mean of log p(x) over x [N, D], which was generated from z [N, d]."""
        x = x.double()
        sandwich = Sandwich(self.log_prob(x, z).numpy())
        chunk = max(1, CHUNK // len(x))
        for start in range(0, num_samples, chunk):
            count = min(chunk, num_samples - start)
            draws = torch.randn(count, z.shape[1], generator=generator, dtype=torch.float64)
            sandwich.add(self.log_prob_of_pairs(x, draws).numpy())
        ends = {"lower": sandwich.lower, "upper": sandwich.upper}
        return {f"log_likelihood_{part}_{end}": float(values.mean()) for end, values in ends.items()}
