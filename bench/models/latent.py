"""The latent-variable model that algorithms learn and estimators judge."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.decoder import Decoder
from bench.models.encoder import Encoder
from bench.models.gaussian import Gaussian, standard_normal_log_prob


class LatentVariableModel(nn.Module):
    """p(z) p(x|z) with p(z) = N(0, I), and q(z|x) where the algorithm learns one (``encoder`` is None where not).

    Subclass it to change the prior: estimators use ``log_prior`` and ``sample_prior`` alone.
    """

    def __init__(self, latent_size: int, decoder: Decoder, encoder: Encoder | None = None) -> None:
        """``latent_size`` is d, the number of latent dimensions."""
        super().__init__()
        self.latent_size = latent_size
        self.decoder = decoder
        self.encoder = encoder

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Their precision."""
        return next(self.parameters()).dtype

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) in nats: [..., d] -> [...]."""
        return standard_normal_log_prob(z)

    def sample_prior(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Draws from p(z): [num_samples, d]."""
        return torch.randn(num_samples, self.latent_size, generator=generator, device=self.device, dtype=self.dtype)

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x, z) in nats: x [N, D], z [..., N, d] -> [..., N].  Cost: 1 model evaluation for each z."""
        return self.log_prior(z) + self.decoder.log_prob(x, z)

    def log_joint_with_gradient(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """`log_joint` [..., N] and its gradient in z [..., N, d], detached.  Cost: 2 model evaluations each."""
        z, log_prior, outputs = self._forward(z)
        with torch.no_grad():
            log_joint = log_prior + self.decoder.log_likelihood(x, *outputs)
        return log_joint, self._backward(x, z, log_prior, outputs)

    def log_joint_gradient(self, x: Tensor, z: Tensor) -> Tensor:
        """The gradient of `log_joint` in z [..., N, d] without its value.  Cost: 2 model evaluations each."""
        return self._backward(x, *self._forward(z))

    def encode(self, x: Tensor) -> Gaussian:
        """q(z|x) for each row of x [N, D]; raises ValueError where the model has no encoder."""
        if self.encoder is None:
            raise ValueError(
                "This model has no encoder, so no q(z|x) and no lower bound: use an estimator of log p(x)."
            )
        posterior: Gaussian = self.encoder(x)
        return posterior

    def elbo(self, x: Tensor, generator: torch.Generator, num_samples: int = 1) -> Tensor:
        """The lower bound log p(x) >= E_q[log p(x|z)] - KL(q || p), one for each datapoint: x [N, D] -> [N] nats.

        Estimator B of the paper (equation 7): the expectation by ``num_samples`` draws, the KL analytic.
        Raises ValueError where the model has no encoder.  Cost: ``num_samples`` model evaluations a datapoint.
        """
        posterior = self.encode(x)
        z = posterior.rsample(generator, num_samples)  # [L, N, d]
        expected: Tensor = self.decoder.log_prob(x, z).mean(0)
        return expected - posterior.kl_to_standard_normal()

    def _forward(self, z: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor | None]]:
        """A z of its own, log p(z) and what the decoder's network gives, with their graph."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            return z, self.log_prior(z), self.decoder.outputs(z)

    def _backward(self, x: Tensor, z: Tensor, log_prior: Tensor, outputs: tuple[Tensor, Tensor | None]) -> Tensor:
        """The gradient of log p(x, z) in z: only the network is differentiated, as the likelihood's score is known."""
        with torch.no_grad():
            slopes = (torch.ones_like(log_prior), *self.decoder.score(x, *outputs))
        ends = [end for end in zip((log_prior, *outputs), slopes, strict=True) if _depends(end[0])]
        values, slopes = zip(*ends, strict=True)
        (gradient,) = torch.autograd.grad(values, z, slopes)
        return gradient


def _depends(output: Tensor | None) -> bool:
    """Whether an output of the network is there, and is no constant."""
    return output is not None and output.requires_grad
