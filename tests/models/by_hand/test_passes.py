"""Gradients written by hand, against those of autograd on the same weights, data and noise, in float64.

What autograd itself must give is checked by finite differences in tests/algorithms/test_gradients.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bench import plugins
from bench.architectures.mlp import MLP
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.latent import LatentVariableModel
from bench.models.observation import ObservationModel, observation_model
from bench.training.problem import Batch, Problem

N, Z = 7, 3
Value = Callable[[LatentVariableModel], Tensor]


def problem(pixels_model: str, num_pixels: int = 12, *, bounded: bool = True) -> Problem:
    x = torch.rand(N, num_pixels, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Problem(x, Z, MLP(hidden=9, init_scale=0.7), pixels_model, bounded)


def by_autograd(monkeypatch: pytest.MonkeyPatch, function: Callable[[], object]) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(TanhNetwork, "is_plain", False)
        function()


def gradients(model: nn.Module) -> dict[str, Tensor | None]:
    return {name: None if each.grad is None else each.grad.clone() for name, each in model.named_parameters()}


def both_ways(monkeypatch: pytest.MonkeyPatch, model: LatentVariableModel, value: Value) -> None:
    """The value and all gradients are the same by hand and by autograd, and by hand again."""
    values, found = [], []

    def once() -> None:
        model.zero_grad()
        values.append(value(model).clone())
        found.append(gradients(model))

    once()
    by_autograd(monkeypatch, once)
    once()
    for each in (0, 2):
        torch.testing.assert_close(values[each], values[1], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found[each], found[1], rtol=1e-8, atol=1e-10)
    assert not values[0].requires_grad
    assert any(gradient is not None and gradient.abs().max() > 1e-3 for gradient in found[0].values())


CASES = [
    pytest.param(name, pixels, bounded, id=f"{name}-{pixels}-{'bounded' if bounded else 'real'}")
    for name, pixels, bounded in (
        ("bernoulli", 12, True),
        ("bernoulli", 784, True),  # wide enough for logarithms of products
        ("gaussian", 12, True),  # the mean passes through a sigmoid
        ("gaussian", 12, False),
        ("unit_gaussian", 12, True),
        ("unit_gaussian", 12, False),
    )
]


class Laplace(ObservationModel):
    """A user's, whose slopes only automatic differentiation knows."""

    def log_prob(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        return -(x - location).abs().sum(-1)

    def mean(self, location: Tensor, log_variance: Tensor | None) -> Tensor:
        return location

    def sample(self, location: Tensor, log_variance: Tensor | None, generator: torch.Generator) -> Tensor:
        return location


def test_slopes_by_automatic_differentiation(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem("bernoulli")
    model = asked.model(encoder=True)
    model.decoder.observation_model = Laplace()
    both_ways(monkeypatch, model, lambda model: model.elbo_backward(asked.x, torch.Generator().manual_seed(2)))
    z = torch.zeros(N, Z, dtype=torch.float64)
    both_ways(monkeypatch, model, lambda model: model.log_joint_backward(asked.x, z))


@pytest.mark.parametrize("num_samples", [1, 4])
@pytest.mark.parametrize(("observation_model", "pixels", "bounded"), CASES)
def test_the_bound(
    monkeypatch: pytest.MonkeyPatch, observation_model: str, pixels: int, bounded: bool, num_samples: int
) -> None:
    asked = problem(observation_model, pixels, bounded=bounded)
    seen = asked.x.flip(1)
    both_ways(
        monkeypatch,
        asked.model(encoder=True),
        lambda model: model.elbo_backward(asked.x, torch.Generator().manual_seed(2), num_samples, seen=seen),
    )


def test_the_bound_is_that_of_each_datapoint_and_its_mean_can_be_used_in_autograd() -> None:
    asked = problem("bernoulli")
    model = asked.model(encoder=True)
    expected = model.elbo(asked.x, torch.Generator().manual_seed(2), 4).detach()
    mean = model.elbo_backward(asked.x, torch.Generator().manual_seed(2), 4)
    torch.testing.assert_close(mean, expected.mean())
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    (scale * mean).backward()
    torch.testing.assert_close(scale.grad, mean)
    model.zero_grad()
    by_hand = model._bound_by_hand(asked.x, 4)
    assert by_hand is not None
    noise = torch.randn(4, N, Z, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    torch.testing.assert_close(by_hand.backward(asked.x, asked.x, noise).clone(), expected)


@pytest.mark.parametrize("shape", [(N,), (4, N)])
@pytest.mark.parametrize(("observation_model", "pixels", "bounded"), CASES)
def test_the_joint_density(
    monkeypatch: pytest.MonkeyPatch, observation_model: str, pixels: int, bounded: bool, shape: tuple[int, ...]
) -> None:
    asked = problem(observation_model, pixels, bounded=bounded)
    z = torch.randn(*shape, Z, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    model = asked.model(encoder=True)
    both_ways(monkeypatch, model, lambda model: model.log_joint_backward(asked.x, z))
    assert all(parameter.grad is None for parameter in model.phi)
    in_z = [model.log_joint_gradient(asked.x, z), *model.log_joint_with_gradient(asked.x, z)]
    by_autograd(
        monkeypatch,
        lambda: in_z.extend([model.log_joint_gradient(asked.x, z), *model.log_joint_with_gradient(asked.x, z)]),
    )
    for one, other in zip(in_z[:3], in_z[3:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(N,), (4, N)])
@pytest.mark.parametrize(("observation_model", "pixels", "bounded"), CASES)
def test_the_value(observation_model: str, pixels: int, bounded: bool, shape: tuple[int, ...]) -> None:
    """Without a graph it is calculated in buffers, which the next value must not change."""
    asked = problem(observation_model, pixels, bounded=bounded)
    model = asked.model(encoder=True)
    z = 5 * torch.randn(2, *shape, Z, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        found = [model.decoder.log_prob(asked.x, each) for each in z]
    for each, value in zip(z, found, strict=True):
        torch.testing.assert_close(value, model.decoder.log_prob(asked.x, each).detach(), rtol=1e-12, atol=1e-9)
    assert found[0].add_(1).requires_grad is False  # the caller's to change


def test_functions_of_functions_use_no_buffers() -> None:
    asked = problem("bernoulli")
    model = asked.model(encoder=True).requires_grad_(requires_grad=False)
    z = torch.randn(4, N, Z, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        together = torch.func.vmap(lambda each: model.decoder.log_prob(asked.x, each))(z)
        torch.testing.assert_close(together, model.decoder.log_prob(asked.x, z))
        slope = torch.func.grad(lambda each: model.log_joint(asked.x, each).sum())(z)
    torch.testing.assert_close(slope, model.log_joint_gradient(asked.x, z))


def test_the_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = problem("bernoulli")
    z = torch.randn(N, Z, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    both_ways(monkeypatch, asked.model(encoder=True), lambda model: model.log_posterior_backward(asked.x, z))


@pytest.mark.parametrize("kind", ["log_variance", "none"])
def test_a_log_variance_out_of_bounds_has_no_slope(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Of some units the bias is so large that the log-variance is clamped: to +14, to -14."""
    asked = problem("gaussian")
    model = asked.model(encoder=True)
    if kind == "log_variance":
        for network in (model.encoder.network, model.decoder.network):  # type: ignore[union-attr]
            with torch.no_grad():
                network.head.bias[-1] = 40.0
                network.head.bias[-2] = -40.0
    both_ways(
        monkeypatch, model, lambda model: model.elbo_backward(asked.x, torch.Generator().manual_seed(2), num_samples=2)
    )


@pytest.mark.parametrize("scale", [30.0, 1000.0])
def test_extreme_logits_of_many_pixels(scale: float) -> None:
    """Factors of a product: none may underflow, and no logarithm of 0 may be taken."""
    asked = problem("bernoulli", 784)
    model = asked.model(encoder=True).float()
    with torch.no_grad():
        model.decoder.network.head.bias.copy_(torch.linspace(-scale, scale, 784))  # type: ignore[union-attr]
    x, z = asked.x.float(), torch.zeros(N, Z)
    found = model.log_joint_backward(x, z)
    torch.testing.assert_close(found, model.log_joint(x, z).detach(), rtol=1e-6, atol=1e-3)
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.theta if parameter.grad is not None)


def test_gradients_are_added_to_those_that_are_there() -> None:
    """As `backward` does."""
    asked = problem("bernoulli")
    model = asked.model(encoder=True)
    z = torch.zeros(N, Z, dtype=torch.float64)
    model.log_joint_backward(asked.x, z)
    once = gradients(model)
    model.log_joint_backward(asked.x, z)
    for name, parameter in model.named_parameters():
        if once[name] is not None:
            torch.testing.assert_close(parameter.grad, 2 * once[name])  # type: ignore[operator]


@pytest.mark.parametrize("keep", [lambda each: each, lambda each: each.view(-1)[1:], lambda each: each.numpy()])
def test_gradients_that_somebody_keeps_stay_as_they_are(keep: Callable[[Tensor], object]) -> None:
    asked = problem("bernoulli")
    model = asked.model(encoder=True)
    stream = torch.Generator().manual_seed(0)
    for _ in range(2):
        model.zero_grad()
        model.elbo_backward(asked.x, stream)
    name, parameter = list(model.named_parameters())[2]
    assert parameter.grad is not None
    kept, copied = keep(parameter.grad), copy.deepcopy(keep(parameter.grad))
    model.zero_grad()
    model.elbo_backward(asked.x.flip(0), stream)
    torch.testing.assert_close(kept, copied, rtol=0, atol=0)
    assert not torch.equal(torch.as_tensor(copied), torch.as_tensor(keep(parameter.grad))), name


def test_memory_of_gradients_is_used_again() -> None:
    asked = problem("bernoulli")
    model, places = asked.model(encoder=True), set()
    for _ in range(5):
        model.zero_grad()
        model.elbo_backward(asked.x, torch.Generator().manual_seed(0))
        places.add(next(model.parameters()).grad.data_ptr())  # type: ignore[union-attr]
    assert len(places) == 1


def test_parameters_that_are_not_trained_get_none() -> None:
    asked = problem("bernoulli")
    model = asked.model(encoder=True)
    for parameter in model.phi:
        parameter.requires_grad_(False)
    model.elbo_backward(asked.x, torch.Generator().manual_seed(0))
    assert all(parameter.grad is None for parameter in model.phi)
    assert all(parameter.grad is not None for parameter in model.theta)


def test_weights_that_lie_elsewhere_are_the_ones_that_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copied, converted, or replaced; a copy of the model must not share its buffers."""
    asked = problem("bernoulli")
    model = asked.model(encoder=True)
    value: Value = lambda model: model.elbo_backward(asked.x.to(model.dtype), torch.Generator().manual_seed(0))  # noqa: E731
    value(model)
    copied = copy.deepcopy(model)
    model.zero_grad()
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.mul_(1.5)
    both_ways(monkeypatch, copied, value)
    both_ways(monkeypatch, model, value)
    model.zero_grad()
    model.load_state_dict(copied.state_dict(), assign=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.8)
    both_ways(monkeypatch, model, value)
    model.zero_grad()
    model.decoder.network = copy.deepcopy(copied.decoder.network)
    with torch.no_grad():
        model.decoder.network.head.bias.add_(1.0)  # type: ignore[union-attr]
    both_ways(monkeypatch, model, value)
    model.decoder.network.hidden = nn.Linear(Z, 9, dtype=torch.float64)  # type: ignore[assignment]
    both_ways(monkeypatch, model, value)
    model.zero_grad()
    model.decoder.observation_model = observation_model("unit_gaussian")
    both_ways(monkeypatch, model, value)
    model.float()
    model.zero_grad()
    assert value(model).dtype == torch.float32


def test_hooks_are_called() -> None:
    asked = problem("bernoulli")
    model, calls = asked.model(encoder=True), []
    value: Value = lambda model: model.elbo_backward(asked.x, torch.Generator().manual_seed(0))  # noqa: E731
    value(model)
    for module in (model.decoder.network, model.encoder.network.head):  # type: ignore[union-attr]
        handle = module.register_forward_hook(lambda *_: calls.append(1))
        model.zero_grad()
        value(model)
        handle.remove()
    assert len(calls) == 2


class Tilted(LatentVariableModel):
    """Another prior, with a parameter."""

    def __init__(self, of: LatentVariableModel) -> None:
        super().__init__(of.latent_size, of.decoder, of.encoder)
        self.tilt = nn.Parameter(torch.full((Z,), 0.5, dtype=torch.float64))

    def log_prior(self, z: Tensor) -> Tensor:
        return super().log_prior(z - self.tilt)


def test_a_prior_with_parameters_has_their_gradient_too() -> None:
    asked = problem("bernoulli")
    model = Tilted(asked.model(encoder=True))
    z = torch.randn(N, Z, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    model.log_joint_backward(asked.x, z)
    torch.testing.assert_close(model.tilt.grad, -(z - model.tilt.detach()).mean(0))


@pytest.mark.parametrize("name", ["aevb", "wakesleep", "mcem"])
def test_a_training_is_the_same_within_rounding(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Thirty updates in float64: a gradient that is wrong or old would lead elsewhere."""

    def trained() -> Tensor:
        x = torch.bernoulli(torch.full((60, 10), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(0))
        algorithm = plugins.find("algorithm")[name].load()(2, model="mlp[hidden=5]", device="cpu", learning_rate=0.1)
        algorithm.setup(Problem(x, 2, algorithm.architecture, "bernoulli"), torch.Generator().manual_seed(2))
        for update in range(30):
            index = torch.arange(60) if name == "mcem" else torch.arange(20) + 20 * (update % 3)
            algorithm.step(Batch(x[index], index))
        return torch.cat([parameter.detach().flatten() for parameter in algorithm.model.parameters()])

    here, there = trained(), []
    by_autograd(monkeypatch, lambda: there.append(trained()))
    torch.testing.assert_close(here, there[0], rtol=1e-6, atol=1e-8)
    assert here.abs().max() > 0.1
