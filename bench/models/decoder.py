"""p(x|z): a network from z to the parameters of a Bernoulli or Gaussian likelihood."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.models.gaussian import LOG_2PI


class Decoder(nn.Module):
    """p(x|z), factorised over pixels; ``network`` gives the location (and the log-variance) for each pixel."""

    def __init__(self, network: nn.Module) -> None:
        """``network`` maps z [..., d] to (location [..., D], log-variance or None)."""
        super().__init__()
        self.network = network

    def outputs(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the network gives for z [..., d]: the location [..., D] and the log-variance, or None."""
        location, log_variance = self.network(z)
        return location, log_variance

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: x [N, D], z [..., N, d] -> [..., N].  Cost: 1 evaluation each."""
        return self.log_likelihood(x, *self.outputs(z))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """`log_prob`, where torch.func.functional_call can put other parameters in."""
        return self.log_prob(x, z)

    def log_prob_of_pairs(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats of every x [N, D] at every z [K, d]: [N, K].  Cost: K evaluations."""
        return self.log_likelihood_of_pairs(x, *self.outputs(z))

    @abstractmethod
    def log_likelihood_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """`log_likelihood` of every x [N, D] at each of K outputs [K, D], by matrix products: [N, K]."""

    @abstractmethod
    def log_likelihood(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """log p(x|z) at what the network gave for z, in nats: x [N, D], outputs [..., N, D] -> [..., N]."""

    @abstractmethod
    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The gradient of `log_likelihood` in location and log-variance (None where there is none): [..., N, D]."""

    @abstractmethod
    def mean(self, z: Tensor) -> Tensor:
        """E[x|z]: [..., d] -> [..., D]."""

    @abstractmethod
    def sample(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """A draw of x from p(x|z): [..., d] -> [..., D]."""


class BernoulliDecoder(Decoder):
    """Pixels are Bernoulli; the network's location is the logit.

    Grey pixels in [0, 1] are taken as they are: ``x log p + (1 - x) log(1 - p)``, as in the authors' code.  That is no
    normalised density of x, which is why every number says which pixels it was made from.
    """

    def log_likelihood(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `Decoder.log_likelihood`; ``x l - log(1 + e^l)`` at the logits l, stable for any l."""
        return (location * x).sum(-1) - functional.softplus(location).sum(-1)

    def log_likelihood_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `Decoder.log_likelihood_of_pairs`."""
        return x @ location.T - functional.softplus(location).sum(-1)

    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `Decoder.score`; ``x - p`` at the probabilities p."""
        probability = torch.sigmoid(location)
        return torch.sub(x, probability, out=probability), None

    def mean(self, z: Tensor) -> Tensor:
        """See `Decoder.mean`."""
        logits, _ = self.outputs(z)
        return torch.sigmoid(logits)

    def sample(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """See `Decoder.sample`: zeros and ones."""
        return torch.bernoulli(self.mean(z), generator=generator)


class GaussianDecoder(Decoder):
    """Pixels are Gaussian; the network gives the mean and the log-variance (None stands for variance 1)."""

    def log_likelihood(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `Decoder.log_likelihood`."""
        squares = (x - location).square()
        if log_variance is None:
            return -0.5 * (squares.sum(-1) + x.shape[-1] * LOG_2PI)
        return -0.5 * ((squares * (-log_variance).exp() + log_variance).sum(-1) + x.shape[-1] * LOG_2PI)

    def log_likelihood_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `Decoder.log_likelihood_of_pairs`; in float64, as the squares are multiplied out."""
        values, mean = x.double(), location.double()
        log_variance = torch.zeros_like(mean) if log_variance is None else log_variance.double()
        precision = (-log_variance).exp()
        of_outputs = (mean.square() * precision + log_variance).sum(-1) + x.shape[-1] * LOG_2PI
        squares = values.square() @ precision.T - 2 * values @ (mean * precision).T
        return (-0.5 * (squares + of_outputs)).to(x)

    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `Decoder.score`."""
        residual = x - location
        if log_variance is None:
            return residual, None
        scaled = residual * (-log_variance).exp()
        return scaled, 0.5 * (residual * scaled - 1)

    def mean(self, z: Tensor) -> Tensor:
        """See `Decoder.mean`."""
        return self.outputs(z)[0]

    def sample(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """See `Decoder.sample`."""
        mean, log_variance = self.outputs(z)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        return mean + (noise if log_variance is None else noise * (0.5 * log_variance).exp())
