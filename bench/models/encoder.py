"""q(z|x): a network from x to a diagonal Gaussian over z."""

from __future__ import annotations

from torch import Tensor, nn

from bench.models.analytic.tanh_network import TanhNetwork
from bench.models.gaussian import Gaussian


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

    def forward(self, x: Tensor) -> Gaussian:
        """The posterior approximation for each row of x: [..., D] -> Gaussian over [..., d]."""
        return Gaussian(*self.network(x))

    @property
    def by_hand(self) -> TanhNetwork | None:
        """The network, if gradients of q(z|x) are written by hand."""
        network = self.network
        is_usual = type(self).forward is Encoder.forward
        return network if is_usual and isinstance(network, TanhNetwork) and network.by_hand else None
