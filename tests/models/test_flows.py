"""Flow posteriors: volumes against automatic differentiation, densities against integrals and sums, shapes of truth."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from bench import seeds
from bench.estimator import estimate_log_likelihood
from bench.likelihood.calibration import calibrate
from bench.likelihood.diagnosis import diagnose
from bench.likelihood.gaussian_family import mutual_information
from bench.models.decoder import Decoder
from bench.models.flow_posterior import FlowEncoder, FlowPosterior
from bench.models.flows import Chain, Planar
from bench.models.gaussian import LOG_2PI, Gaussian, standard_normal_log_prob
from bench.models.initialisation import draw_glorot_weights
from bench.models.latent import LatentVariableModel
from bench.models.network_flows import Coupling, InverseAutoregressive
from bench.models.observation import observation_model

C = 3  # features
STANDARD_ERRORS = 4.0  # for Monte Carlo checks: one false alarm in 16,000

KINDS = {
    "planar": lambda d: Planar(d, C),
    "coupling": lambda d: Coupling(d, C, hidden=8),
    "iaf": lambda d: InverseAutoregressive(d, C, hidden=8),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def bent(kind: str, d: int, count: int = 3, scale: float = 0.45) -> Chain:
    """Flows in float64 whose weights take their map far from the identity."""
    flow = Chain([KINDS[kind](d) for _ in range(count)]).double()
    stream = seeds.generator("flow weights", kind, d)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.normal_(0.0, scale, generator=stream)
    return flow


def posterior(kind: str, d: int = 2, num_data: int = 1) -> FlowPosterior:
    stream = seeds.generator("flow posterior", d)
    mean, log_variance, features = (
        torch.randn(num_data, size, generator=stream, dtype=torch.float64) for size in (d, d, C)
    )
    return FlowPosterior(Gaussian(0.5 * mean, 0.3 * log_variance), features, bent(kind, d))


@every_kind
@pytest.mark.parametrize("d", [2, 5])
def test_volumes_are_those_of_the_jacobian_and_the_inverse_returns(kind: str, d: int) -> None:
    flow, stream = bent(kind, d), seeds.generator("points")
    z, features = (torch.randn(20, size, generator=stream, dtype=torch.float64) for size in (d, C))
    moved, log_det = flow(z, features)
    assert (moved - z).abs().mean() > 0.2, "the identity proves nothing"
    for n in range(20):
        jacobian = torch.autograd.functional.jacobian(lambda at, n=n: flow(at, features[n])[0], z[n])
        torch.testing.assert_close(log_det[n], torch.linalg.slogdet(jacobian)[1])
    back, log_det_there = flow.inverse(moved, features)
    torch.testing.assert_close(back, z, atol=1e-7, rtol=1e-7)
    torch.testing.assert_close(log_det_there, log_det, atol=1e-7, rtol=1e-7)


@every_kind
def test_the_inverse_is_differentiated_correctly(kind: str) -> None:
    q = posterior(kind)
    z = q.rsample(seeds.generator("z"), 4).detach().requires_grad_()
    assert torch.autograd.gradcheck(q.log_prob, z, atol=1e-5, rtol=1e-3)
    weight = next(q.flow.parameters())
    (slope,) = torch.autograd.grad(q.log_prob(z).sum(), weight)
    index = tuple(slope.abs().nonzero()[0].tolist())
    with torch.no_grad():
        weight[index] += 1e-5
        up = q.log_prob(z).sum()
        weight[index] -= 2e-5
        down = q.log_prob(z).sum()
    assert float(slope[index]) == pytest.approx(float(up - down) / 2e-5, rel=1e-4)


@every_kind
@torch.no_grad()
def test_integrates_to_one(kind: str) -> None:
    """A sum over a fine grid around all of 20,000 draws."""
    q = posterior(kind)
    draws = q.rsample(seeds.generator("range"), 20_000)
    low, high = draws.amin((0, 1)) - 2, draws.amax((0, 1)) + 2
    axes = [torch.linspace(float(a), float(b), 501, dtype=torch.float64) for a, b in zip(low, high, strict=True)]
    density = q.log_prob(torch.cartesian_prod(*axes).unsqueeze(1)).exp()  # [G, 1]
    assert float(density.sum()) * math.prod(float(axis[1] - axis[0]) for axis in axes) == pytest.approx(1, abs=1e-3)


@every_kind
def test_draws_come_with_their_density(kind: str) -> None:
    q = posterior(kind, d=3, num_data=4)
    z, log_q = q.rsample_with_log_prob(seeds.generator("draws"), 50)
    assert z.shape == (50, 4, 3)
    assert torch.equal(z, q.rsample(seeds.generator("draws"), 50))
    torch.testing.assert_close(log_q, q.log_prob(z), atol=1e-6, rtol=1e-6)
    pairs = q.log_prob_of_pairs(z[0])
    torch.testing.assert_close(pairs.diagonal(), log_q[0], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(pairs[1, 2], q.first(3).log_prob(z[0, 1].expand(3, 3))[2])
    whitened = q.whiten(q.rsample(seeds.generator("whitened"), 20_000)).flatten(0, 1)
    assert (whitened.mean(0).abs() < STANDARD_ERRORS / len(whitened) ** 0.5).all()
    torch.testing.assert_close(whitened.T.cov(), torch.eye(3, dtype=torch.float64), atol=0.03, rtol=0)


@every_kind
def test_moments_and_divergence_are_those_of_many_draws(kind: str) -> None:
    """128 fixed draws are within their own error of 20,000 others; all of the divergence is shared out."""
    q = posterior(kind, d=2, num_data=5)
    z, log_q = q.rsample_with_log_prob(seeds.generator("many"), 20_000)
    ratio = log_q - standard_normal_log_prob(z)
    assert ((q.mean - z.mean(0)).abs() < STANDARD_ERRORS * z.std(0) / 128**0.5).all()
    assert ((q.kl_to_standard_normal() - ratio.mean(0)).abs() < STANDARD_ERRORS * ratio.std(0) / 128**0.5).all()
    torch.testing.assert_close(q.kl_terms().sum(-1), q.kl_to_standard_normal())
    drawn, kl = q.rsample_with_kl(seeds.generator("many"), 20_000)
    assert torch.equal(drawn, z)
    torch.testing.assert_close(kl, ratio.mean(0))


def test_a_flow_at_the_identity_is_its_gaussian() -> None:
    base = Gaussian(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, -0.4]]))
    q = FlowPosterior(base, torch.zeros(1, C), bent("coupling", 2, scale=0.0).float())
    z = base.rsample(seeds.generator("identity"), 10)
    torch.testing.assert_close(q.log_prob(z.flip(-1).flip(-1)), base.log_prob(z))
    torch.testing.assert_close(q.mean, base.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(q.kl_to_standard_normal(), base.kl_to_standard_normal(), atol=0.15, rtol=0)
    broken = FlowPosterior(
        Gaussian(torch.tensor([[0.0, 0.0], [math.nan, 0.0]]), torch.zeros(2, 2)), torch.zeros(2, C), q.flow
    )
    assert broken.finite().mean.shape == (1, 2)


def banana(z: Tensor) -> Tensor:
    """log of a normalised density that is curved: z_1 ~ N(0, 1.5^2), z_2 ~ N(z_1^2 / 2 - 1, 0.4^2)."""
    bend = z[..., 1] - 0.5 * z[..., 0].square() + 1
    widths = 1.5, 0.4
    return -0.5 * ((z[..., 0] / 1.5).square() + (bend / 0.4).square()) - LOG_2PI - math.log(math.prod(widths))


@pytest.mark.parametrize(("kind", "share"), [("planar", 0.8), ("coupling", 0.4), ("iaf", 0.4)])
def test_is_closer_than_a_gaussian_to_a_banana(kind: str, share: float) -> None:
    """KL(q || banana) of each best q: that of the best diagonal Gaussian is known by a fine search."""
    stream = seeds.generator("banana", kind)
    flow = Chain([KINDS[kind](2) for _ in range(4)]).double()
    flow.draw_weights(stream)
    base = nn.Parameter(torch.zeros(2, 1, 2, dtype=torch.float64))
    features = torch.zeros(1, C, dtype=torch.float64)
    q = lambda: FlowPosterior(Gaussian(*base), features, flow)  # noqa: E731  # the weights change
    optimiser = torch.optim.Adam([base, *flow.parameters()], lr=0.03)
    for _ in range(300):
        z, log_q = q().rsample_with_log_prob(stream, 50)
        optimiser.zero_grad()
        (log_q - banana(z)).mean().backward()
        optimiser.step()
    with torch.no_grad():
        z, log_q = q().rsample_with_log_prob(stream, 20_000)
    divergence, gaussian = float((log_q - banana(z)).mean()), best_gaussian()
    assert 0 < divergence < share * gaussian, f"{divergence:.3f}, and {gaussian:.3f} of the best Gaussian"


def best_gaussian() -> float:
    """The least KL(N(m, diag(s^2)) || banana), in closed form for each s_1: m_1 = 0, and m_2, s_2 at their optimum.

    E[(z_2 - z_1^2 / 2 + 1)^2] = s_2^2 + s_1^4 / 2 at m_2 = s_1^2 / 2 - 1, so that s_2 = 0.4.
    """
    s1 = torch.linspace(0.05, 2, 2000, dtype=torch.float64)
    energy = 0.5 * (s1.square() / 1.5**2 + (0.4**2 + s1.pow(4) / 2) / 0.4**2) + LOG_2PI + math.log(1.5 * 0.4)
    entropy = 1 + LOG_2PI + s1.log() + math.log(0.4)
    return float((energy - entropy).min())


class Affine(nn.Module):
    """z -> 2 z + 1 as means of pixels; x -> the exact posterior of unit noise, and constant features."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        """Location, no log-variance."""
        return 2 * inputs + 1, None


class Inverse(nn.Module):
    """x -> mean and log-variance of z given ``x = 2 z + 1 + e``, before a flow that is the identity."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """[..., 2 + C] each."""
        mean = torch.cat([0.4 * (inputs - 1), torch.zeros_like(inputs[..., :1]).expand(*inputs.shape[:-1], C)], -1)
        return mean, torch.full_like(mean, math.log(0.2))


@pytest.mark.parametrize(("scale", "verdict"), [(0.0, "calibrated"), (0.8, "not")])
def test_calibration_and_information_of_a_flow(scale: float, verdict: str) -> None:
    """A flow that is the identity leaves the exact posterior, whose mutual information is known; another does not."""
    encoder = FlowEncoder(Inverse(), bent("coupling", 2, scale=scale).float(), latent_size=2)
    model = LatentVariableModel(2, Decoder(Affine(), observation_model("unit_gaussian")), encoder)
    found = calibrate(model, seeds.generator("calibration"))
    assert (found.verdict == "calibrated") == (verdict == "calibrated")
    if scale == 0:
        z = torch.randn(2000, 2, generator=seeds.generator("z"))
        x = model.decoder.sample(z, seeds.generator("x"))
        with torch.no_grad():
            information = mutual_information(model.encode(x), seeds.generator("information"))
        assert information == pytest.approx(math.log(5), abs=0.15)  # 1/2 log 5 for each dimension
        assert found.divergences == pytest.approx(0, abs=1e-5)


class Parabola(nn.Module):
    """z -> ``4 z_2 - 2 z_1^2``: given x, with noise of variance 1, the posterior is curved and narrow."""

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        """[..., 2] -> [..., 1]."""
        return 4 * z[..., 1:] - 2 * z[..., :1].square(), None


class Outputs(nn.Module):
    """x [..., 1] -> mean and log-variance [..., 2 + C]."""

    def __init__(self, stream: torch.Generator) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 2 * (2 + C)))
        draw_glorot_weights(self, stream)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Two halves."""
        mean, log_variance = self.layers(0.2 * x).chunk(2, -1)
        return mean, log_variance


@pytest.mark.parametrize("kind", ["planar", "iaf"])
def test_an_encoder_with_a_flow_has_a_higher_bound_than_the_best_gaussians(kind: str) -> None:
    """On a curved posterior the diagnosis says so: more than half of the approximation gap is closed."""
    stream = seeds.generator("curved", kind)
    flow = Chain([KINDS[kind](2) for _ in range(4)])
    flow.draw_weights(stream)
    encoder = FlowEncoder(Outputs(stream), flow, latent_size=2)
    model = LatentVariableModel(2, Decoder(Parabola(), observation_model("unit_gaussian")), encoder)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(400):
        x = model.decoder.sample(model.sample_prior(100, stream), stream)
        optimiser.zero_grad()
        model.elbo_backward(x, stream)
        optimiser.step()
    exact = estimate_log_likelihood(model, x[:20], "quadrature")
    found = diagnose(model, x[:20], exact.log_likelihoods, exact.standard_errors, stream)
    assert found.approximation_gap > 0.1
    assert found.amortisation_gap < -0.5 * found.approximation_gap
    assert found.bound < found.log_likelihood
    assert float(found.latents.kl.sum()) == pytest.approx(
        float(model.encode(x[:20]).kl_to_standard_normal().detach().mean())
    )
