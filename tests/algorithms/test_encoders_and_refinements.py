"""betavae, flowvae, svi, semiamortized and hmcvae: options, counted cost, and the q(z|x) that estimators get."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import plugins, seeds
from bench.errors import OptionError
from bench.estimator import estimate_log_likelihood
from bench.models.latent import LatentVariableModel
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem

N, D, Z, M = 60, 12, 2, 20


def rows() -> Tensor:
    """Binary rows around two prototypes."""
    stream = seeds.generator("rows of two kinds")
    prototypes = torch.bernoulli(torch.full((2, D), 0.5), generator=stream) * 0.9 + 0.05
    return torch.bernoulli(prototypes[torch.randint(2, (N,), generator=stream)], generator=stream)


def begun(name: str, x: Tensor, z: int = Z, model: str = "mlp[hidden=8]", decoder: str = "bernoulli") -> Any:
    plugin, settings = plugins.resolve("algorithm", name)
    settings = {"learning_rate": 0.05, **settings}
    algorithm = plugin.load()(z, model=model, decoder=decoder, device="cpu", **settings)
    problem = Problem(x, z, algorithm.architecture, decoder, bounded=decoder == "bernoulli")
    algorithm.setup(problem, seeds.generator("noise"))
    return algorithm


def trained(name: str, x: Tensor, updates: int = 60, **settings: str) -> Any:
    algorithm, minibatches = begun(name, x, **settings), Minibatches(x, M, seed=0)  # type: ignore[arg-type]  # names alone
    for update in range(updates):
        algorithm.step(minibatches[update])
    return algorithm


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("betavae[initial_beta=3]", "`initial_beta` of betavae has no effect without `annealing` (got 3)"),
        ("betavae[annealing=9,initial_beta=4]", "no effect if `initial_beta` and `beta` are equal (got 4 for both)"),
        ("betavae[beta=0]", "`beta` of betavae must be a number above 0"),
        ("flowvae[flow=planar,flow_hidden=8]", "`flow_hidden` of flowvae has no effect with flow=planar (got 8)"),
        ("flowvae[flow=radial]", "`flow` of flowvae must be 'planar' or 'coupling' or 'iaf' (got 'radial')"),
        ("svi[local_rate=1.5]", "`local_rate` of svi must be a number above 0 and at most 1"),
        ("semiamortized[gradient=none]", "`gradient` of semiamortized must be 'through' or 'start' (got 'none')"),
    ],
)
def test_options_that_make_no_sense_are_refused(name: str, message: str) -> None:
    with pytest.raises(OptionError) as raised:
        begun(name, rows())
    assert message in str(raised.value)


@pytest.mark.parametrize("flow", ["coupling", "iaf"])
def test_flows_that_need_two_dimensions_say_so(flow: str) -> None:
    with pytest.raises(OptionError, match="if z has one dimension"):
        begun(f"flowvae[flow={flow}]", rows(), z=1)
    assert trained("flowvae[flow=planar]", rows(), updates=2, z=1).model.latent_size == 1


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("betavae[num_samples=3]", 2 * 3),
        ("flowvae[num_samples=3]", 2 * 3),
        ("svi[num_updates=4,num_pairs=2,num_samples=3]", 4 * 4 * 2 + 2 * 3),
        ("semiamortized[gradient=start,num_updates=4,num_pairs=2,num_samples=3]", 4 * 4 * 2 + 4 * 3),
        ("semiamortized[num_updates=4,num_pairs=2,num_samples=3]", 8 * 4 * 2 + 2 * 3),
        ("hmcvae[num_transitions=3,num_leapfrog=4]", 6 + 2 * 3 * 4),
    ],
)
def test_evaluations_are_those_of_the_decoder(name: str, cost: int) -> None:
    x = rows()
    algorithm, seen = begun(name, x), 0

    def count(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal seen
        seen += inputs[0][..., 0].numel() * (2 if torch.is_grad_enabled() else 1)

    algorithm.model.decoder.network.register_forward_pre_hook(count)
    info = algorithm.step(Minibatches(x, M, seed=0)[0])
    twice = 4 * 4 * 2 if name.startswith("semiamortized[num") else 0  # the steps are differentiated once more
    assert info.model_evaluations == seen + M * twice == M * cost


def test_svi_keeps_a_q_for_each_datapoint_and_moves_those_of_the_minibatch() -> None:
    x = rows()
    svi = begun("svi", x, model="mlp[hidden=8,init_scale=0.5]")
    batch = Minibatches(x, M, seed=0)[0]
    before = copy.deepcopy(svi.posterior)
    svi.step(batch)
    after = svi.posterior
    for one, other in ((before.mean, after.mean), (before.log_variance, after.log_variance)):
        moved = (one != other).any(-1)
        assert moved[batch.index].all()
        assert int(moved.sum()) == M
    assert svi.model.encoder is None
    assert {"mean", "precision"} < svi.state_dict().keys()


def elbo(model: LatentVariableModel, x: Tensor) -> float:
    with torch.no_grad():
        return float(model.elbo(x, seeds.generator("bound"), 500).mean())


@pytest.mark.parametrize("gradient", ["through", "start"])
def test_the_refined_q_is_what_estimators_get_and_better_than_the_encoders(gradient: str) -> None:
    """The same at each call, for each datapoint alone and while gradients are off."""
    x = rows()
    model = trained(f"semiamortized[gradient={gradient}]", x, updates=20).model
    refined, start = model.encode(x), model.encoder(x)
    assert torch.equal(model.encode(x).mean, refined.mean)
    torch.testing.assert_close(model.encode(x[7:8]).log_variance, refined.log_variance[7:8])
    assert not refined.mean.requires_grad
    alone = LatentVariableModel(Z, model.decoder, model.encoder)
    assert (refined.mean - start.mean).abs().max() > 0.01
    assert elbo(model, x) > elbo(alone, x) + 0.01
    model.zero_grad()  # the hand-written bound would not be added to gradients
    bounds = [float(each(x, seeds.generator("same"), 3).detach().mean()) for each in (model.elbo, model.elbo_backward)]
    assert bounds[0] == pytest.approx(bounds[1], rel=1e-5)  # the bound of the encoder alone is not taken instead


@pytest.mark.parametrize(
    "name", ["flowvae[flow=planar]", "flowvae[flow=coupling]", "flowvae[flow=iaf]", "semiamortized"]
)
def test_estimates_by_the_encoder_are_those_of_the_exact_likelihood(name: str) -> None:
    """Importance sampling with q as the proposal, which is evaluated at draws, and both sides of `bdmc`."""
    stream = seeds.generator("pixels in a plane")
    x = torch.randn(N, Z, generator=stream) @ torch.randn(Z, D, generator=stream)
    x += 0.7 * torch.randn(N, D, generator=stream)
    model = trained(name, x, updates=100, model="linear", decoder="gaussian").model.eval()
    exact = estimate_log_likelihood(model, x, "exact").mean
    found = estimate_log_likelihood(model, x, "importance[num_samples=500,proposal=encoder]")
    assert found.mean == pytest.approx(exact, abs=5 * found.standard_error + 0.01)
    assert elbo(model, x) < exact
    simulated = estimate_log_likelihood(model, x, "bdmc[num_steps=20,num_points=60]")
    assert simulated.summary["eubo"] > simulated.mean - 5 * simulated.summary["forward_kl_se"]
    assert simulated.summary["forward_kl"] > 0
