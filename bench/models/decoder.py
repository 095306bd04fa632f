"""p(x|z) as a module: a network from z to the parameters of an observation model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.by_hand.passes import LogLikelihood
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.by_hand.workplace import awaits_gradients, kept
from bench.models.observation import ObservationModel


class Decoder(nn.Module):
    """p(x|z): ``network`` outputs the observation model's parameters for each pixel.

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

    def log_prob(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats, summed over pixels: x [N, D], z [..., N, d] -> [..., N].  Cost: 1 evaluation each."""
        by_hand = None if torch.is_grad_enabled() else self.by_hand(x, z)
        if by_hand is None:
            return self.observation_model.log_prob(x, *self.outputs(z))
        with torch.inference_mode():
            log_prob = by_hand.value(x, z)
        return log_prob.clone()  # unlike inference tensors, it can be used in autograd

    def log_prob_backward(self, x: Tensor, z: Tensor) -> Tensor:
        """`log_prob`, detached; sets gradients like ``(-log_prob.mean()).backward()``; z [..., N, d] is a constant.

        Cost: 2 model evaluations each.
        """
        by_hand = self.by_hand(x, z)
        if by_hand is not None and awaits_gradients(by_hand):
            with torch.inference_mode():
                log_prob = by_hand.backward(x, z)
            return log_prob.clone()  # unlike inference tensors, it can be used in autograd
        log_prob = self.log_prob(x, z.detach())
        (-log_prob.mean()).backward()
        return log_prob.detach()

    def by_hand(self, x: Tensor, z: Tensor) -> LogLikelihood | None:
        """The pass for z [..., N, d] with hand-written gradients; None if there is none for this network.

        Each z must correspond to one x of [N, D].
        """
        network = self.plain_network
        rows = z.dim() - x.dim()
        if network is None or rows < 0 or x.shape[:-1] != z.shape[rows:-1]:
            return None
        return kept(self, LogLikelihood, (network, self.observation_model), (z.shape[:-1].numel(),))

    @property
    def plain_network(self) -> TanhNetwork | None:
        """The network, if its gradients are written by hand."""
        network = self.network
        is_usual = type(self).outputs is Decoder.outputs and type(self).log_prob is Decoder.log_prob
        return network if is_usual and isinstance(network, TanhNetwork) and network.is_plain else None

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
