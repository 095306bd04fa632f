"""q(z|x): a network from x to a diagonal Gaussian over z."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.by_hand.outputs import OutputLayer
from bench.models.by_hand.passes import LogPosterior
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.by_hand.workplace import awaits_gradients, kept
from bench.models.gaussian import Gaussian
from bench.models.posterior import Posterior

USUAL_OUTPUTS = OutputLayer(scales=True, squash=False)


class Encoder(nn.Module):
    """q(z|x) = N(mean(x), diag(exp(log_variance(x)))), the recognition model of the paper (appendix C.2).

    >>> import torch
    >>> from bench.models.affine import AffineGaussian
    >>> Encoder(AffineGaussian(5, 2, scales=2))(torch.zeros(3, 5)).mean.shape
    torch.Size([3, 2])
    """

    def __init__(self, network: nn.Module) -> None:
        """``network`` maps x [..., D] to (mean [..., d], log-variance [..., d]), and keeps the latter within bounds."""
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Posterior:
        """The posterior approximation for each row of x: [..., D] -> a Gaussian over [..., d]."""
        return Gaussian(*self.network(x))

    def log_prob_backward(self, x: Tensor, z: Tensor) -> Tensor:
        """log q(z|x) [N] for x [N, D] and z [N, d], detached; sets gradients like ``(-log_prob.mean()).backward()``.

        In nats.  Cost: no evaluation of the decoder.
        """
        network = self.plain_network
        if network is not None and x.dim() == z.dim() == 2:
            by_hand = kept(self, LogPosterior, (network,), (x.shape[0],))
            if awaits_gradients(by_hand):
                with torch.inference_mode():
                    log_prob = by_hand.backward(x, z)
                return log_prob.clone()  # unlike inference tensors, it can be used in autograd
        log_prob = self(x).log_prob(z)
        (-log_prob.mean()).backward()
        detached: Tensor = log_prob.detach()
        return detached

    @property
    def plain_network(self) -> TanhNetwork | None:
        """The network, if its gradients are written by hand."""
        network, is_usual = self.network, type(self).forward is Encoder.forward
        if is_usual and isinstance(network, TanhNetwork) and network.is_plain and network.output_layer == USUAL_OUTPUTS:
            return network
        return None
