"""The latent-variable model that algorithms learn and estimators evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor, nn

from bench.models.affine import is_affine
from bench.models.by_hand.passes import LogLikelihood, LowerBound
from bench.models.by_hand.workplace import awaits_gradients, kept
from bench.models.decoder import Decoder
from bench.models.discrete import DiscreteLatents
from bench.models.encoder import Encoder
from bench.models.gaussian import standard_normal_log_prob
from bench.models.posterior import Posterior


@dataclass(frozen=True)
class LinearGaussian:
    """A model with ``x = W z + b + s e``, z and e standard normal, whose log p(x) is known in closed form."""

    weights: Tensor  # W [D, d]
    bias: Tensor  # b [D]
    variance: float  # s^2


class LatentVariableModel(nn.Module):
    """p(z) p(x|z) with p(z) = N(0, I), and q(z|x) if the algorithm learns one (otherwise ``encoder`` is None).

    Subclass it to change the prior: estimators and `elbo` access the prior only through ``log_prior`` and
    ``sample_prior``.  Anything else that estimators can use is an optional ability of a model: `encoder`, `discrete`,
    `linear_gaussian`.

    >>> from bench.architectures.mlp import MLP
    >>> from bench.training.problem import Problem
    >>> model = Problem(torch.zeros(10, 64), 2, MLP(hidden=20), "bernoulli").model(encoder=True)
    >>> model.log_joint(torch.zeros(3, 64), torch.zeros(5, 3, 2)).shape
    torch.Size([5, 3])
    """

    def __init__(self, latent_size: int, decoder: Decoder, encoder: Encoder | None = None) -> None:
        """``latent_size`` is d, the number of latent dimensions."""
        super().__init__()
        self.latent_size = latent_size
        self.decoder = decoder
        self.encoder = encoder

    @property
    def theta(self) -> list[nn.Parameter]:
        """The parameters of p(z) p(x|z): all but the encoder's."""
        phi = {id(parameter) for parameter in self.phi}
        return [parameter for parameter in self.parameters() if id(parameter) not in phi]

    @property
    def phi(self) -> list[nn.Parameter]:
        """The parameters of the encoder q(z|x); empty if there is none."""
        return [] if self.encoder is None else [*self.encoder.parameters()]

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self._number().device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the parameters."""
        return self._number().dtype

    def _number(self) -> Tensor:
        """A parameter or buffer; for a model without any, a number on the CPU."""
        numbers = chain(self.parameters(), self.buffers())
        return next((number for number in numbers if number.is_floating_point()), torch.empty(0))

    @property
    def discrete(self) -> DiscreteLatents | None:
        """The model as one with discrete z, whose codes can be summed over or drawn; None if z is continuous."""
        return None

    @torch.no_grad()
    def linear_gaussian(self) -> LinearGaussian | None:
        """The model as probabilistic PCA, in float64 on the CPU; None if it is not known to be one.

        This is the case if the prior is N(0, I), the network affine and p(x|z) Gaussian with the same variance for all
        pixels.
        """
        network, observation_model = self.decoder.network, self.decoder.observation_model
        if not self._has_normal_prior or not is_affine(network):
            return None
        origin = torch.zeros(1, self.latent_size, device=self.device, dtype=self.dtype)
        bias, log_variance = network(origin)
        variance = observation_model.gaussian_variance(
            bias.double(), None if log_variance is None else log_variance.double()
        )
        if variance is None or not (variance == variance.flatten()[0]).all():
            return None
        steps = torch.eye(self.latent_size, device=self.device, dtype=self.dtype)
        weights = (network(steps)[0] - bias).double().cpu()  # [d, D]
        return LinearGaussian(weights.T, bias[0].double().cpu(), float(variance.flatten()[0]))

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
        by_hand = self._gradient_by_hand(x, z)
        if by_hand is not None:
            with torch.no_grad():
                outputs, gradient = by_hand.z_gradient(x, z)
                return self.log_prior(z) + by_hand.of_outputs(x, outputs), gradient - z
        z, outputs = self._outputs(z)
        with torch.no_grad():
            log_joint = self.log_prior(z) + self.decoder.observation_model.log_prob(x, *outputs)
        return log_joint, self._gradient(x, z, outputs)

    def log_joint_gradient(self, x: Tensor, z: Tensor) -> Tensor:
        """The gradient of `log_joint` in z [..., N, d] without its value.  Cost: 2 model evaluations each."""
        by_hand = self._gradient_by_hand(x, z)
        if by_hand is not None:
            with torch.no_grad():
                return by_hand.z_gradient(x, z)[1] - z
        return self._gradient(x, *self._outputs(z))

    def encode(self, x: Tensor) -> Posterior:
        """q(z|x) for each row of x [N, D]; raises ValueError if the model has no encoder."""
        if self.encoder is None:
            raise ValueError(
                "This model has no encoder, so no q(z|x) and no lower bound: use an estimator of log p(x)."
            )
        posterior: Posterior = self.encoder(x)
        return posterior

    def elbo(
        self, x: Tensor, generator: torch.Generator, num_samples: int = 1, *, seen: Tensor | None = None
    ) -> Tensor:
        """The lower bound log p(x) >= E_q[log p(x|z)] - KL(q || p) per datapoint: x [N, D] -> [N] nats.

        Estimator B of the paper (equation 7): the expectation is estimated from ``num_samples`` draws; the KL
        divergence is analytic if q is Gaussian, and otherwise estimated from the same draws.  If the prior is not
        N(0, I), estimator A (equation 6) is used, which estimates both from draws.  If ``seen`` [N, D] is given, the
        encoder sees these values instead of x.
        Raises ValueError if the model has no encoder.  Cost: ``num_samples`` model evaluations per datapoint.
        """
        posterior = self.encode(x if seen is None else seen)
        if not self._has_normal_prior:
            z = posterior.rsample(generator, num_samples)
            bound: Tensor = (self.log_joint(x, z) - posterior.log_prob(z)).mean(0)
            return bound
        z, kl = posterior.rsample_with_kl(generator, num_samples)  # [L, N, d], [N]
        expected: Tensor = self.decoder.log_prob(x, z).mean(0)
        return expected - kl

    def elbo_backward(
        self, x: Tensor, generator: torch.Generator, num_samples: int = 1, *, seen: Tensor | None = None
    ) -> Tensor:
        """The mean of `elbo` over the datapoints, a detached scalar; sets gradients like ``(-mean).backward()``.

        If ``seen`` [N, D] is given, the encoder sees these values instead of x, such as x with noise added.
        Cost: 2 ``num_samples`` model evaluations per datapoint.
        """
        seen = x if seen is None else seen
        by_hand = self._bound_by_hand(x, num_samples)
        if by_hand is not None and awaits_gradients(by_hand):
            size = (x.shape[0], self.latent_size) if num_samples == 1 else (num_samples, x.shape[0], self.latent_size)
            noise = torch.randn(size, generator=generator, device=x.device, dtype=x.dtype)
            with torch.inference_mode():
                bounds = by_hand.backward(x, seen, noise)
            return by_hand.mean(bounds)  # not an inference tensor, so that it can be used in autograd
        mean = self.elbo(x, generator, num_samples, seen=seen).mean()
        (-mean).backward()
        return mean.detach()

    def log_joint_backward(self, x: Tensor, z: Tensor) -> Tensor:
        """`log_joint`, detached; sets gradients like ``(-log_joint.mean()).backward()``; z [..., N, d] is constant."""
        if self._has_normal_prior:
            return self.log_prior(z.detach()) + self.decoder.log_prob_backward(x, z)
        log_joint = self.log_joint(x, z.detach())
        (-log_joint.mean()).backward()
        return log_joint.detach()

    def log_posterior_backward(self, x: Tensor, z: Tensor) -> Tensor:
        """log q(z|x) [N] for x [N, D], z [N, d], detached; sets gradients like ``(-log_posterior.mean()).backward()``.

        Raises ValueError if the model has no encoder.
        """
        if self.encoder is not None and type(self).encode is LatentVariableModel.encode:
            return self.encoder.log_prob_backward(x, z)
        log_posterior = self.encode(x).log_prob(z)
        (-log_posterior.mean()).backward()
        return log_posterior.detach()

    def _gradient_by_hand(self, x: Tensor, z: Tensor) -> LogLikelihood | None:
        return self.decoder.by_hand(x, z) if self._has_normal_prior and self.discrete is None else None

    def _bound_by_hand(self, x: Tensor, num_samples: int) -> LowerBound | None:
        if not (self._has_usual_bound and self._has_normal_prior) or x.dim() != 2:
            return None
        encoder, decoder = self.encoder, self.decoder
        networks = None if encoder is None else encoder.plain_network, decoder.plain_network
        if networks[0] is None or networks[1] is None:
            return None
        return kept(self, LowerBound, (*networks, decoder.observation_model), (x.shape[0], num_samples))

    def _outputs(self, z: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor | None]]:
        """A copy of z, and the outputs of the decoder's network with their graph."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            return z, self.decoder.outputs(z)

    def _gradient(self, x: Tensor, z: Tensor, outputs: tuple[Tensor, Tensor | None]) -> Tensor:
        """The gradient of log p(x, z) in z: only the network is differentiated if the scores are known."""
        with torch.no_grad():
            slopes = self.decoder.observation_model.score(x, *outputs)
        of_prior = -z.detach() if self._has_normal_prior else self._score_of_prior(z)
        ends = [end for end in zip(outputs, slopes, strict=True) if _depends(end[0])]
        if not ends:
            return of_prior
        values, slopes = zip(*ends, strict=True)
        (gradient,) = torch.autograd.grad(values, z, slopes, materialize_grads=True)
        return gradient + of_prior

    @property
    def _has_usual_bound(self) -> bool:
        """Whether the bound is that of the encoder's q(z|x), which holds unless a derived class overrides it."""
        usual = LatentVariableModel
        return type(self).elbo is usual.elbo and type(self).encode is usual.encode

    @property
    def _has_normal_prior(self) -> bool:
        """Whether p(z) is N(0, I), which holds unless a derived class overrides it."""
        return type(self).log_prior is LatentVariableModel.log_prior

    def _score_of_prior(self, z: Tensor) -> Tensor:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            (score,) = torch.autograd.grad(self.log_prior(z).sum(), z)
        return score


def _depends(output: Tensor | None) -> bool:
    """Whether an output of the network exists and is not constant."""
    return output is not None and output.requires_grad
