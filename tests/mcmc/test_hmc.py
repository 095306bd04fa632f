"""Hamiltonian Monte Carlo against its known properties: reversibility, order, invariance, moments."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from bench import seeds
from bench.architecture import Shape
from bench.architectures.linear import Linear
from bench.mcmc import hmc
from bench.mcmc.density import Differentiated
from bench.mcmc.posterior import LogPosterior
from bench.models.latent import LatentVariableModel
from bench.models.observation import observation_model

FALSE_ALARM = 1e-4  # false-alarm rate of each statistical test here, if its seed were not fixed

MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.6, 0.2], [0.6, 0.8, -0.1], [0.2, -0.1, 0.5]], dtype=torch.float64)
PRECISION: Tensor = torch.linalg.inv(COVARIANCE)
ROOT: Tensor = torch.linalg.cholesky(COVARIANCE)


@Differentiated
def correlated(z: Tensor) -> Tensor:
    """log N(z; MEAN, COVARIANCE) up to a constant."""
    square: Tensor = torch.einsum("...i,ij,...j->...", z - MEAN, PRECISION, z - MEAN)
    return square.mul(-0.5)


@Differentiated
def steep(z: Tensor) -> Tensor:
    """A density that is not Gaussian, with correlated dimensions: log sech and a quartic."""
    return -z.cosh().log().sum(-1) - 0.1 * z.sum(-1).square().square()


def exact_draws(num: int, generator: torch.Generator) -> Tensor:
    return MEAN + torch.randn(num, 3, generator=generator, dtype=torch.float64) @ ROOT.T


def whitened(z: Tensor) -> Tensor:
    white: Tensor = torch.linalg.solve_triangular(ROOT, (z - MEAN).T, upper=False)
    return white.T


def p_values(z: Tensor) -> list[float]:
    """For the hypothesis that rows of z are samples of the correlated Gaussian: each coordinate, and the distance."""
    white = whitened(z)
    marginals = [float(stats.kstest(white[:, j].numpy(), "norm").pvalue) for j in range(3)]
    return [*marginals, float(stats.kstest(white.square().sum(-1).numpy(), stats.chi2(3).cdf).pvalue)]


def test_mean_and_covariance_of_a_correlated_gaussian() -> None:
    num = 2000
    generator = seeds.generator("test-hmc-moments")
    state = hmc.init(correlated, torch.full((num, 3), 5.0, dtype=torch.float64))
    for _ in range(40):  # one state per chain is used, so that the samples are independent
        state, _ = hmc.step(correlated, state, 0.4, 5, generator)
    white = whitened(state.z)
    mean_statistic = num * white.mean(0).square().sum()
    assert stats.chi2(3).sf(float(mean_statistic)) > FALSE_ALARM
    deviation = white.T @ white / num - torch.eye(3)
    variance = (1 + torch.eye(3)) / num
    upper = torch.ones(3, 3).triu().bool()
    assert stats.chi2(6).sf(float((deviation.square() / variance)[upper].sum())) > FALSE_ALARM


@pytest.mark.parametrize("step_size", [0.3, 0.6])
def test_a_step_leaves_exact_draws_exact(step_size: float) -> None:
    generator = seeds.generator("test-hmc-invariance")
    state = hmc.init(correlated, exact_draws(20_000, generator))
    state, info = hmc.step(correlated, state, step_size, 3, generator)
    assert min(p_values(state.z)) > FALSE_ALARM
    assert float(info.acceptance.mean()) < 0.99  # otherwise the test could not show whether proposals are ever rejected


def test_the_invariance_test_notices_a_missing_rejection() -> None:
    generator = seeds.generator("test-hmc-invariance")
    state = hmc.init(correlated, exact_draws(20_000, generator))
    momentum = torch.randn(state.z.shape, generator=generator, dtype=torch.float64)
    end, _ = hmc.leapfrog(correlated, state, momentum, 0.6, 3)
    assert min(p_values(end.z)) < FALSE_ALARM


def test_accepted_with_the_probability_that_is_told() -> None:
    generator = seeds.generator("test-hmc-accepted")
    state = hmc.init(correlated, exact_draws(20_000, generator))
    _, info = hmc.step(correlated, state, 0.7, 3, generator)
    torch.testing.assert_close(info.acceptance, (-info.energy_error).exp().clamp(max=1))
    expected, variance = info.acceptance.sum(), (info.acceptance * (1 - info.acceptance)).sum()
    deviation = (info.accepted.sum() - expected) / variance.sqrt()
    assert abs(float(deviation)) < stats.norm.isf(FALSE_ALARM / 2)


@pytest.mark.parametrize("density", [correlated, steep])
def test_a_step_is_a_trajectory_and_its_energies(density: Differentiated) -> None:
    state = hmc.init(density, torch.full((20, 3), 0.3, dtype=torch.float64))
    momentum = torch.randn(20, 3, generator=seeds.generator("test-hmc-energies"), dtype=torch.float64)
    end, end_momentum = hmc.leapfrog(density, state, momentum, 0.4, 3)
    energy, end_energy = (0.5 * p.square().sum(-1) - density(s.z) for p, s in ((momentum, state), (end_momentum, end)))
    after, info = hmc.step(density, state, 0.4, 3, seeds.generator("test-hmc-energies"))
    torch.testing.assert_close(info.energy_error, end_energy - energy)
    torch.testing.assert_close(after.z, torch.where(info.accepted.unsqueeze(-1), end.z, state.z))


@pytest.mark.parametrize("density", [correlated, steep])
def test_leapfrog_is_its_own_inverse(density: Differentiated) -> None:
    generator = seeds.generator("test-hmc-reversible")
    start = hmc.init(density, torch.randn(50, 3, generator=generator, dtype=torch.float64))
    momentum = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    end, end_momentum = hmc.leapfrog(density, start, momentum, 0.2, 15)
    assert float((end.z - start.z).abs().mean()) > 0.3
    back, back_momentum = hmc.leapfrog(density, end, -end_momentum, 0.2, 15)
    torch.testing.assert_close(back.z, start.z, rtol=0, atol=1e-11)
    torch.testing.assert_close(-back_momentum, momentum, rtol=0, atol=1e-11)


@pytest.mark.parametrize("density", [correlated, steep])
def test_energy_error_falls_with_the_square_of_the_step(density: Differentiated) -> None:
    generator = seeds.generator("test-hmc-order")
    start = hmc.init(density, torch.randn(200, 3, generator=generator, dtype=torch.float64))
    momentum = torch.randn(200, 3, generator=generator, dtype=torch.float64)
    errors = []
    for num_leapfrog in (20, 40, 80):
        end, end_momentum = hmc.leapfrog(density, start, momentum, 1 / num_leapfrog, num_leapfrog)
        gained = 0.5 * (end_momentum.square() - momentum.square()).sum(-1) - end.log_density + start.log_density
        errors.append(float(gained.square().mean().sqrt()))
    orders = [math.log2(errors[0] / errors[1]), math.log2(errors[1] / errors[2])]
    assert orders == pytest.approx([2, 2], abs=0.1)


@pytest.mark.parametrize("num_leapfrog", [1, 4, 10])
def test_gradients_evaluated(num_leapfrog: int) -> None:
    calls = []

    @Differentiated
    def counted(z: Tensor) -> Tensor:
        calls.append(1)
        return correlated(z)

    state = hmc.init(counted, torch.zeros(2, 3, dtype=torch.float64))
    assert len(calls) == 1
    for steps in (1, 2):
        state, _ = hmc.step(counted, state, 0.1, num_leapfrog, seeds.generator("test-hmc-count"))
        assert len(calls) == 1 + steps * num_leapfrog


def test_each_chain_has_its_own_step_size() -> None:
    step_size = torch.tensor([1e-6, 0.5], dtype=torch.float64)
    state = hmc.init(correlated, MEAN.expand(7, 2, 3))
    moved, _ = hmc.step(correlated, state, step_size, 1, seeds.generator("test-hmc-sizes"))
    distance = (moved.z - state.z).norm(dim=-1)
    assert float(distance[:, 0].max()) < 1e-4 < float(distance[:, 1].mean())


@pytest.mark.parametrize("beyond", [-math.inf, math.nan, math.inf])
def test_proposals_of_non_finite_energy_are_rejected_and_counted(beyond: float) -> None:
    @Differentiated
    def walled(z: Tensor) -> Tensor:
        return torch.where(z[..., 0] > 0, -0.5 * z.square().sum(-1), beyond)

    generator = seeds.generator("test-hmc-wall")
    start = torch.randn(4000, 2, generator=generator, dtype=torch.float64)
    start[:, 0].abs_()
    state, divergences = hmc.init(walled, start), 0
    for _ in range(10):
        state, info = hmc.step(walled, state, 0.4, 3, generator)
        assert not (info.divergent & info.accepted).any()
        torch.testing.assert_close(info.divergent, ~torch.isfinite(info.energy_error))
        divergences += int(info.divergent.sum())
    assert divergences > 1000
    assert all(torch.isfinite(part).all() for part in state)
    assert (state.z[:, 0] > 0).all()
    assert stats.kstest(state.z[:, 0].numpy(), "halfnorm").pvalue > FALSE_ALARM


def test_a_large_energy_error_is_a_divergence() -> None:
    state = hmc.init(correlated, MEAN.expand(100, 3))
    after, info = hmc.step(correlated, state, 100.0, 3, seeds.generator("test-hmc-large"))
    assert info.divergent.all()
    assert torch.isfinite(info.energy_error).all()
    assert torch.equal(after.z, state.z)


def test_a_chain_without_a_density_disturbs_no_other() -> None:
    @Differentiated
    def broken(z: Tensor) -> Tensor:
        return torch.where(torch.arange(len(z)) == 1, math.nan, correlated(z))

    start = torch.zeros(3, 3, dtype=torch.float64)
    sound, ill = hmc.init(correlated, start), hmc.init(broken, start)
    sound, _ = hmc.step(correlated, sound, 0.3, 3, seeds.generator("test-hmc-broken"))
    ill, info = hmc.step(broken, ill, 0.3, 3, seeds.generator("test-hmc-broken"))
    assert torch.equal(sound.z[[0, 2]], ill.z[[0, 2]])
    assert torch.equal(ill.z[1], start[1])
    assert info.divergent.tolist() == [False, True, False]
    assert float(info.acceptance[1]) == 0


def test_the_generator_alone_decides() -> None:
    def run(seed: int) -> Tensor:
        state = hmc.init(correlated, torch.zeros(5, 3, dtype=torch.float64))
        for _ in range(3):
            state, _ = hmc.step(correlated, state, 0.3, 2, generator=seeds.generator("test-hmc-seed", seed))
        return state.z

    before = torch.get_rng_state()
    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_models_parameters_gather_no_gradients() -> None:
    decoder = Linear().decoder(Shape(2, 5, observation_model("gaussian"), False), seeds.generator("test-hmc-model"))
    model, x = LatentVariableModel(2, decoder), torch.ones(4, 5)
    with torch.no_grad():
        state = hmc.init(LogPosterior(model, x), torch.zeros(4, 2))
        state, _ = hmc.step(LogPosterior(model, x), state, 0.1, 2, seeds.generator("test-hmc-model"))
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(part.requires_grad for part in state)
