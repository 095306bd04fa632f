"""q(z|x) from an encoder and a few steps up each datapoint's own lower bound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.models.decoder import Decoder
from bench.models.encoder import Encoder
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel

LARGEST_STEP = 2.0  # of a mean, in standard deviations, and of a log-variance, before scaling by the step size


@dataclass(frozen=True)
class Refinement:
    """``num_updates`` natural-gradient steps of ``step_size``, each with ``num_pairs`` antithetic pairs of draws.

    With ``z = m + s e`` and g the gradient of log p(x, z) in z, the mean m moves along ``E[s^2 g]`` and log s^2 along
    ``E[e (s g + e)]``, whose noise vanishes if q is the posterior (Roeder et al. 2017).
    """

    num_updates: int
    step_size: float
    num_pairs: int

    @property
    def cost(self) -> int:
        """The number of model evaluations per datapoint."""
        return 4 * self.num_pairs * self.num_updates

    def __call__(
        self, model: LatentVariableModel, x: Tensor, start: Gaussian, noise: Tensor, *, differentiable: bool = False
    ) -> Gaussian:
        """The refined q(z|x) of x [N, D]: ``start`` after one step for each entry of ``noise`` [K, P, N or 1, d].

        If ``differentiable``, gradients flow through the steps to ``start`` and to the weights of the decoder, at twice
        the cost.
        """
        mean, log_variance = start.mean, start.log_variance
        for half in noise:
            epsilon = torch.cat([half, -half])  # [2 P, N or 1, d]
            deviation = (0.5 * log_variance).exp()
            z = mean + deviation * epsilon
            scaled = deviation * (_slope(model, x, z) if differentiable else model.log_joint_gradient(x, z))
            shift = scaled.mean(0).clamp(-LARGEST_STEP, LARGEST_STEP)
            growth = (epsilon * (scaled + epsilon)).mean(0).clamp(-LARGEST_STEP, LARGEST_STEP)
            mean, log_variance = mean + self.step_size * deviation * shift, log_variance + self.step_size * growth
        return Gaussian(mean, log_variance)

    def draw(self, like: Tensor, generator: torch.Generator) -> Tensor:
        """Draw noise for q with means ``like`` [N, d]: [K, P, N, d]."""
        shape = (self.num_updates, self.num_pairs, *like.shape)
        return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)

    def fixed(self, like: Tensor) -> Tensor:
        """Noise that is the same at each call and for each datapoint: [K, P, 1, d]."""
        shape = (self.num_updates, self.num_pairs, 1, like.shape[-1])
        return torch.randn(shape, generator=torch.Generator().manual_seed(0), device="cpu").to(like)


def _slope(model: LatentVariableModel, x: Tensor, z: Tensor) -> Tensor:
    """The gradient of log p(x, z) in z, with its graph."""
    (gradient,) = torch.autograd.grad(model.log_joint(x, z).sum(), z, create_graph=True)
    return gradient


class RefinedModel(LatentVariableModel):
    """A model whose q(z|x) is the encoder's Gaussian after a `Refinement`, with noise that is the same for all x."""

    encoder: Encoder

    def __init__(self, latent_size: int, decoder: Decoder, encoder: Encoder, refinement: Refinement) -> None:
        """Same arguments as `LatentVariableModel`, with an encoder."""
        super().__init__(latent_size, decoder, encoder)
        self.refinement = refinement

    @classmethod
    def around(cls, model: LatentVariableModel, refinement: Refinement) -> RefinedModel:
        """Build from the networks of another model, which must have an encoder."""
        if model.encoder is None:
            raise ValueError("A refinement starts from an encoder's q(z|x), and this model has none.")
        return cls(model.latent_size, model.decoder, model.encoder, refinement)

    @torch.no_grad()
    def encode(self, x: Tensor) -> Gaussian:
        """See `LatentVariableModel.encode`; without gradients.  Cost: the cost of the refinement."""
        start: Gaussian = self.encoder(x)
        return self.refinement(self, x, start, self.refinement.fixed(start.mean))
