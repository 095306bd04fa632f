"""Posterior samples of models whose posterior is known."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from bench import seeds
from bench.architecture import Shape
from bench.architectures.linear import Linear
from bench.mcmc import posterior
from bench.mcmc.posterior import NUM_CANDIDATES, offered_prior, resampled_prior, sample_posterior
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observation import observation_model
from bench.models.observations.gaussian import Gaussian

FALSE_ALARM = 1e-4  # false-alarm rate of each statistical test here, if its seed were not fixed


class OfWidth(LatentVariableModel):
    """p(z|x) = N(0, x^2 I): the one pixel sets the posterior's width."""

    def __init__(self) -> None:
        super().__init__(3, Decoder(nn.Linear(3, 1), Gaussian()))

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        return -0.5 * (z / x).square().sum(-1)

    def log_joint_gradient(self, x: Tensor, z: Tensor) -> Tensor:
        return -z / x.square()

    def log_joint_with_gradient(self, x: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.log_joint(x, z), self.log_joint_gradient(x, z)


class Folded(nn.Module):
    """z -> |z|: every x > 0 has two modes, and nothing between them."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return 10 * self.scale * z.abs(), torch.zeros_like(z)


class Straight(nn.Module):
    """z -> z, so that p(z|x) = N(x / 2, 1 / 2) in one dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.scale * z, torch.zeros_like(z)


@pytest.mark.parametrize("target", [0.65, 0.9])
def test_acceptance_meets_its_target_at_every_width(target: float) -> None:
    x = torch.logspace(-2, 0, 200).unsqueeze(-1)
    generator = seeds.generator("test-posterior-widths")
    start = torch.zeros(200, 3)
    run = sample_posterior(
        OfWidth(), x, generator, num_warmup=150, num_samples=300, num_leapfrog=4, target=target, start=start
    )
    assert float(run.acceptance.mean()) == pytest.approx(target, abs=0.02)
    assert float(run.acceptance.quantile(0.05)) > target - 0.12
    relative = run.step_size / x[:, 0]
    assert float(relative.max() / relative.min()) < 3
    assert target < 0.9 or int(run.divergences.sum()) == 0
    white = (run.z[299] / x).flatten()
    assert stats.kstest(white.numpy(), "norm").pvalue > FALSE_ALARM


@pytest.mark.parametrize("with_encoder", [False, True])
def test_draws_gradients_and_cost(with_encoder: bool) -> None:
    generator = seeds.generator("test-posterior-linear")
    shape, architecture = Shape(2, 6, observation_model("gaussian"), False), Linear(init_scale=0.7)
    encoder = architecture.encoder(shape, generator) if with_encoder else None
    model, x = LatentVariableModel(2, architecture.decoder(shape, generator), encoder), torch.randn(5, 6)
    rows = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal rows
        rows += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    model.decoder.network.register_forward_pre_hook(count)
    run = sample_posterior(model, x, generator, num_warmup=10, num_samples=20, num_leapfrog=3)
    assert run.model_evaluations == rows == 5 * (2 + 2 * 3 * 30 + (0 if with_encoder else NUM_CANDIDATES))
    assert run.z.shape == run.gradient.shape == (20, 5, 2)
    z = run.z.clone().requires_grad_()
    log_joint = model.log_joint(x, z)
    torch.testing.assert_close(run.log_joint, log_joint)
    torch.testing.assert_close(run.gradient, torch.autograd.grad(log_joint.sum(), z)[0], rtol=1e-4, atol=1e-4)


def test_resampled_prior_draws_lie_in_the_posterior_in_proportion() -> None:
    model, x = LatentVariableModel(1, Decoder(Folded(), Gaussian())), torch.full((2000, 1), 10.0)
    z = resampled_prior(model, x, seeds.generator("test-posterior-resampled"), num_candidates=2000)[:, 0]
    on_the_right = int((z > 0).sum())
    assert stats.binomtest(on_the_right, 2000, 0.5).pvalue > FALSE_ALARM
    precision = 1 + 100  # of the posterior on either side, centred at 100 / 101
    white = (z.abs() - 100 / precision) * precision**0.5
    assert stats.kstest(white.numpy(), "norm").pvalue > FALSE_ALARM


def offered(model: LatentVariableModel, x: float, chains: Tensor, num_candidates: int, times: int) -> Tensor:
    """One chain at a time, since chains that share candidates are not independent."""
    generator = seeds.generator("test-posterior-offered", num_candidates)
    for _ in range(times):
        rows = chains.split(1)
        chains = torch.cat([offered_prior(model, torch.full((1, 1), x), z, generator, num_candidates) for z in rows])
    return chains[:, 0]


@pytest.mark.parametrize("num_candidates", [1, 3])
def test_prior_draws_on_offer_leave_the_posterior_as_it_is(num_candidates: int) -> None:
    """Chains started from samples of p(z|x) = N(x / 2, 1 / 2): most have moved, and their distribution has not."""
    model = LatentVariableModel(1, Decoder(Straight(), Gaussian()))
    before = 1 + torch.randn(500, 1, generator=seeds.generator("test-posterior-exact")) * 0.5**0.5
    after = offered(model, 2.0, before, num_candidates, times=6)
    assert float((after != before[:, 0]).float().mean()) > 0.8
    assert stats.kstest((after - 1) * 2**0.5, "norm").pvalue > FALSE_ALARM


def test_chains_are_offered_prior_draws_in_parts_and_move_as_if_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x, z = LatentVariableModel(1, Decoder(Folded(), Gaussian())), torch.full((50, 1), 10.0), -torch.ones(50, 1)

    def moved() -> Tensor:
        return offered_prior(model, x, z, seeds.generator("test-posterior-parts"), num_candidates=20)

    whole = moved()
    monkeypatch.setattr(posterior, "SCORED_AT_ONCE", 7 * 21)
    assert torch.equal(moved(), whole)
    assert not torch.equal(whole, z)


def test_prior_draws_on_offer_take_chains_to_the_other_mode() -> None:
    model = LatentVariableModel(1, Decoder(Folded(), Gaussian()))
    after = offered(model, 10.0, torch.ones(500, 1), num_candidates=100, times=2)
    assert stats.binomtest(int((after > 0).sum()), 500, 0.5).pvalue > FALSE_ALARM


class Ragged(nn.Module):
    """z -> z, but no number beyond 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(z > 0.5, torch.nan, self.scale * z), torch.zeros_like(z)


def test_no_chain_moves_to_where_the_density_is_no_number() -> None:
    model = LatentVariableModel(1, Decoder(Ragged(), Gaussian()))
    z = -torch.ones(100, 1)
    for x in (torch.zeros(100, 1), torch.full((100, 1), torch.nan)):
        moved = offered_prior(model, x, z, seeds.generator("test-posterior-ragged"), num_candidates=50)
        assert (moved <= 0.5).all()
        assert bool((moved == z).all()) == bool(x.isnan().all())


def test_the_generator_alone_decides() -> None:
    model, x = LatentVariableModel(1, Decoder(Folded(), Gaussian())), torch.ones(4, 1)

    def run(seed: int) -> Tensor:
        generator = seeds.generator("test-posterior-seed", seed)
        return sample_posterior(model, x, generator, num_warmup=5, num_samples=3, num_leapfrog=2).z

    before = torch.get_rng_state()
    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
    assert torch.equal(torch.get_rng_state(), before)
