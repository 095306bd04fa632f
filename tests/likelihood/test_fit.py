"""Proposals for posteriors with several modes: each is found, weighted by its mass, and no other proposal changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import seeds
from bench.estimators.importance import Importance
from bench.estimators.quadrature import Quadrature
from bench.likelihood import fit
from bench.likelihood.fit import fit_mixture
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observation import ObservationModel
from bench.models.observations.unit_gaussian import UnitGaussian


class Folded(nn.Module):
    """z -> 30 |z - c|: two modes in each dimension, of deviation 1/30 and of unequal mass unless c = 0."""

    def __init__(self, centre: tuple[float, ...]) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.tensor(centre))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return 30 * (z - self.centre).abs(), None


class ByBroadcasting(UnitGaussian):
    """An observation model whose pairs are not matrix products."""

    log_prob_of_pairs = ObservationModel.log_prob_of_pairs


def folded(*centre: float, observation_model: ObservationModel | None = None) -> LatentVariableModel:
    return LatentVariableModel(len(centre), Decoder(Folded(centre), observation_model or UnitGaussian()))


def truth_of(model: LatentVariableModel, x: Tensor) -> Tensor:
    return Quadrature().estimate(model, x, seeds.generator("truth")).log_likelihoods


@pytest.mark.parametrize(("centre", "modes"), [((0.4,), 2), ((0.4, -0.2), 4)], ids=["two modes", "four modes"])
def test_each_mode_gets_a_component_and_its_mass(centre: tuple[float, ...], modes: int) -> None:
    model, x = folded(*centre), 20 + 0.1 * torch.arange(40.0).unsqueeze(-1).expand(-1, len(centre))
    proposal, _ = fit_mixture(model, x, seeds.generator("test-modes"))
    torch.testing.assert_close(proposal.log_mass.logsumexp(0).double(), truth_of(model, x), rtol=0, atol=0.05)
    assert [len(component.rows) for component in proposal.components] == [40] * modes
    means = torch.stack([component.gaussian.mean for component in proposal.components])  # [M, N, d]
    apart = (means.unsqueeze(0) - means.unsqueeze(1)).norm(dim=-1) + 9 * torch.eye(modes).unsqueeze(-1)
    assert float(apart.min()) > 1.0


@pytest.mark.parametrize("most", [1, fit.MOST_COMPONENTS])
def test_no_mode_is_missed_unseen(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(fit, "MOST_COMPONENTS", most)
    model, x = folded(0.4, -0.2), torch.full((60, 2), 20.0)
    found = Importance().estimate(model, x, seeds.generator("test-modes"))
    off = found.log_likelihoods - truth_of(model, x[:1])
    if most == 1:
        assert ((off < -0.2) & (off < -5 * found.standard_errors)).double().mean() > 0.1
    else:
        assert 0.8 < float((off / found.standard_errors).square().mean().sqrt()) < 1.2
        assert float(found.diagnostics["effective_sample_size"].min()) > 200
        assert found.warnings == ()


def test_a_row_to_which_nothing_is_added_has_the_same_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """At x = 60 the second mode has 0.03 % of the mass, at x = 10 half of it or more."""
    model, x = folded(2.0), torch.tensor([60.0, 10.0]).repeat(20).unsqueeze(-1)
    found = Importance().estimate(model, x, seeds.generator("test-same")).log_likelihoods
    monkeypatch.setattr(fit, "MOST_COMPONENTS", 1)
    without = Importance().estimate(model, x, seeds.generator("test-same")).log_likelihoods
    assert torch.equal(found[::2], without[::2])
    assert not (found[1::2] == without[1::2]).any()


def test_nothing_is_added_for_a_gaussian_posterior(linear_gaussian: Any) -> None:
    for latent_size in (1, 2, 5, 20):
        known = linear_gaussian(latent_size, 200, encoder=False)
        proposal, _ = fit_mixture(known.model, known.x, seeds.generator("test-one-mode", latent_size))
        assert len(proposal.components) == 1


@pytest.mark.parametrize(
    ("observation_model", "searched"), [(UnitGaussian(), fit.SEARCHED), (ByBroadcasting(), fit.FEW_SEARCHED)]
)
def test_the_cost_is_that_of_all_chains_and_of_the_search(observation_model: ObservationModel, searched: int) -> None:
    model, rows = folded(0.4, observation_model=observation_model), 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    model.decoder.network.register_forward_pre_hook(count)
    proposal, cost = fit_mixture(model, torch.full((7, 1), 20.0), seeds.generator("test-cost"))
    assert len(proposal.components) == 2
    assert cost == rows == 7 * (902 + 802) + searched
