"""A model whose posterior has two Gaussian modes of known masses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observation import ObservationModel
from bench.models.observations.unit_gaussian import UnitGaussian


class Given(UnitGaussian):
    """The location is log p(x|z)."""

    def log_prob(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob`."""
        return location.squeeze(-1) + 0 * x.squeeze(-1)

    log_prob_of_pairs = ObservationModel.log_prob_of_pairs
    score = ObservationModel.score
    log_prob_in = ObservationModel.log_prob_in
    log_prob_with_slopes = ObservationModel.log_prob_with_slopes


class TwoModes(nn.Module):
    """log p(x|z), whatever x, for which p(z|x) has modes at -1 and 1, and p(x) = 1."""

    def __init__(self, share: float, deviations: tuple[float, float] = (0.02, 0.02)) -> None:
        """``share`` is that of the mode at 1."""
        super().__init__()
        self.log_shares = nn.Parameter(torch.tensor([1 - share, share]).log())
        self.deviations = nn.Parameter(torch.tensor(deviations))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        """[..., 1] -> [..., 1]."""
        modes = torch.distributions.Normal(torch.tensor([-1.0, 1.0]), self.deviations)
        log_posterior = (self.log_shares + modes.log_prob(z)).logsumexp(-1, keepdim=True)
        return log_posterior - torch.distributions.Normal(0.0, 1.0).log_prob(z), None


def two_modes(share: float, deviations: tuple[float, float] = (0.02, 0.02)) -> LatentVariableModel:
    """See `TwoModes`."""
    return LatentVariableModel(1, Decoder(TwoModes(share, deviations), Given()))
