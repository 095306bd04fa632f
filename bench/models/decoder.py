"""p(x|z) as a module: a network from z to the parameters of an observation model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.analytic.functions import LogLikelihood, Pixels
from bench.models.analytic.outputs import Outputs, PullBack
from bench.models.analytic.tanh_network import TanhNetwork
from bench.models.observation import ObservationModel


class Decoder(nn.Module):
    """p(x|z): ``network`` outputs what the observation model needs for each pixel.

    >>> from bench.models.observations.bernoulli import Bernoulli
    >>> class Logits(nn.Linear):
    ...     def forward(self, z):
    ...         return super().forward(z), None
    >>> decoder = Decoder(Logits(2, 5), Bernoulli())
    >>> decoder.log_prob(torch.ones(3, 5), torch.zeros(4, 3, 2)).shape
    torch.Size([4, 3])
    """

    def __init__(self, network: nn.Module, observation_model: ObservationModel) -> None:
        """``network`` maps z [..., d] to (location [..., D], log-variance [..., D] or None)."""
        super().__init__()
        self.network = network
        self.observation_model = observation_model

    def outputs(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """The network's outputs for z [..., d]: the location [..., D] and the log-variance, or None."""
        location, log_variance = self.network(z)
        return location, log_variance

    @property
    def by_hand(self) -> TanhNetwork | None:
        """The network, if gradients of p(x|z) are written by hand."""
        is_usual = type(self).outputs is Decoder.outputs and type(self).log_prob is Decoder.log_prob
        return self.network if is_usual and isinstance(self.network, TanhNetwork) and self.network.by_hand else None

    def vjp(self, z: Tensor) -> tuple[Outputs, PullBack]:
        """The network's outputs at z [..., d], and the function from their slopes to the gradient in z; both detached.

        Cost: 1 model evaluation each.
        """
        network = self.by_hand
        if network is not None:
            with torch.no_grad():
                return network.vjp(z)
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            outputs = self.outputs(z)

        def pull_back(slopes: Outputs) -> Tensor:
            ends = [end for end in zip(outputs, slopes, strict=True) if _depends(end[0])]
            if not ends:
                return torch.zeros_like(z)
            values, gradients = zip(*ends, strict=True)
            return torch.autograd.grad(values, z, gradients, materialize_grads=True)[0]

        return outputs, pull_back

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: x [N, D], z [..., N, d] -> [..., N].  Cost: 1 evaluation each."""
        network = self.by_hand if torch.is_grad_enabled() and _aligned(x, z) else None
        if network is not None:
            parts = Pixels(network.output_layer, self.observation_model)
            log_prob: Tensor = LogLikelihood.apply(parts, x, z, *network.weights)
            return log_prob
        return self.observation_model.log_prob(x, *self.outputs(z))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """`log_prob`, so that torch.func.functional_call can substitute other parameters."""
        return self.log_prob(x, z)

    def log_prob_of_pairs(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats of every x [N, D] at every z [K, d]: [N, K].  Cost: K evaluations."""
        return self.observation_model.log_prob_of_pairs(x, *self.outputs(z))

    def mean(self, z: Tensor) -> Tensor:
        """E[x|z]: [..., d] -> [..., D]."""
        return self.observation_model.mean(*self.outputs(z))

    def sample(self, z: Tensor, generator: torch.Generator) -> Tensor:
        """A draw of x from p(x|z): [..., d] -> [..., D]."""
        return self.observation_model.sample(*self.outputs(z), generator)


def _depends(output: Tensor | None) -> bool:
    """Whether an output of the network exists and is not constant."""
    return output is not None and output.requires_grad


def _aligned(x: Tensor, z: Tensor) -> bool:
    """Whether each z [..., N, d] has one x of [N, D] or [..., N, D], which is not itself to be differentiated."""
    rows = z.dim() - x.dim()
    return rows >= 0 and x.shape[:-1] == z.shape[rows:-1] and not x.requires_grad
