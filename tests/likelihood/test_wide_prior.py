"""The draws among which modes are searched: their density, and that they reach beyond the prior."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench import seeds
from bench.likelihood.wide_prior import sample_wide_prior
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.unit_gaussian import UnitGaussian


class Shifted(LatentVariableModel):
    """N(5, I)."""

    def log_prior(self, z: Tensor) -> Tensor:
        return super().log_prior(z - 5)

    def sample_prior(self, num_samples: int, generator: torch.Generator) -> Tensor:
        return super().sample_prior(num_samples, generator) + 5


class Stored(LatentVariableModel):
    """An empirical prior: its draws are views of what the model keeps."""

    def __init__(self, bank: Tensor) -> None:
        super().__init__(2, Decoder(nn.Identity(), UnitGaussian()))
        self.bank = bank

    def sample_prior(self, num_samples: int, generator: torch.Generator) -> Tensor:
        return self.bank[:num_samples]


def test_what_the_model_returns_is_left_as_it_is() -> None:
    bank = torch.randn(100, 2, generator=seeds.generator("test-bank"))
    for kept in (bank.clone(), bank[:1].expand(100, 2)):
        draws, _ = sample_wide_prior(Stored(kept), 50, seeds.generator("test-bank"))
        assert torch.equal(kept, bank if kept.stride(0) else bank[:1].expand(100, 2))
        assert torch.equal(draws[::3], kept[:50:3])


@pytest.mark.parametrize(("kind", "centre"), [(LatentVariableModel, 0.0), (Shifted, 5.0)])
def test_weights_by_their_density_give_the_moments_of_the_prior(kind: type[LatentVariableModel], centre: float) -> None:
    model = kind(2, Decoder(nn.Identity(), UnitGaussian()))
    draws, log_density = sample_wide_prior(model, 300_000, seeds.generator("test-wide-prior", centre))
    weights = (model.log_prior(draws) - log_density).double().exp()
    away = (draws - centre).double()
    assert float(weights.mean()) == pytest.approx(1.0, abs=0.01)
    torch.testing.assert_close((weights.unsqueeze(-1) * away).mean(0), torch.zeros(2).double(), rtol=0, atol=0.02)
    torch.testing.assert_close(
        (weights[:, None, None] * away.unsqueeze(-1) * away.unsqueeze(-2)).mean(0),
        torch.eye(2).double(),
        rtol=0,
        atol=0.03,
    )
    assert away.square().mean(0).tolist() == pytest.approx([(1 + 4 + 9) / 3] * 2, rel=0.02)
