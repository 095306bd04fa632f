"""Passes that are recorded and played again, against passes that are not: the same numbers, to the last bit.

A CUDA graph needs a GPU.  On a CPU a stand-in takes its place, which computes anew what the graph would, and puts the
results where the graph would put them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import plugins
from bench.architectures.mlp import MLP
from bench.models.by_hand import recordings, workplace
from bench.models.latent import LatentVariableModel
from bench.models.observation import observation_model
from bench.models.observations.bernoulli import Bernoulli
from bench.training.problem import Problem

N, PIXELS, Z = 10, 12, 3
Value = Callable[[LatentVariableModel, Tensor, Tensor], Any]


def tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    return [] if result is None else [tensor for part in result for tensor in tensors(part)]


def stand_in(function: Callable[[], Any], forget: Any, device: torch.device) -> tuple[Any, Callable[[], None]]:
    owner = forget.__self__
    function()
    forget()
    result = function()
    memories = [(layers, layers.gradients._flat) for layers in owner.all_layers()]

    def replay() -> None:
        for old, new in zip(tensors(result), tensors(function()), strict=True):
            old.copy_(new)
        for layers, memory in memories:
            if memory is not None:
                memory.copy_(torch.cat([parameter.grad.flatten() for parameter in layers.parameters]))
                for parameter in layers.parameters:
                    parameter.grad = None  # which a graph does not set
        owner.forget()

    return result, replay


DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")),
]


@pytest.fixture(params=DEVICES)
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> LatentVariableModel:
    """A model whose passes are recorded at the third call."""
    if request.param == "cpu":
        monkeypatch.setattr(recordings, "capture", stand_in)
        monkeypatch.setattr(workplace, "_is_on_gpu", lambda each: True)
    monkeypatch.setattr(recordings, "CALLS_BEFORE", 2)
    x = torch.rand(N, PIXELS, device=request.param)
    return Problem(x, Z, MLP(hidden=9), "bernoulli", bounded=True).model(encoder=True)


def datapoints(model: LatentVariableModel, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, z = torch.rand(N, PIXELS, generator=generator), torch.randn(N, Z, generator=generator)
    return x.to(model.device), z.to(model.device)


def all_recorded(model: LatentVariableModel) -> list[object]:
    passes = [each for module in model.modules() for _, each in workplace._passes.get(module, {}).values()]
    return [recording for each in passes if each.recordings is not None for recording in each.recordings._recordings]


def elbo(model: LatentVariableModel, x: Tensor, z: Tensor) -> Any:
    return model.elbo_backward(x, torch.Generator(x.device).manual_seed(int(1e6 * x.sum())))


def elbo_of_noisy(model: LatentVariableModel, x: Tensor, z: Tensor) -> Any:
    return model.elbo_backward(x, torch.Generator(x.device).manual_seed(1), 4, seen=x.flip(1))


def joint(model: LatentVariableModel, x: Tensor, z: Tensor) -> Any:
    return model.log_joint_backward(x, z)


def joint_of_several(model: LatentVariableModel, x: Tensor, z: Tensor) -> Any:
    return model.log_joint_backward(x[: N // 2], z.view(2, N // 2, Z))  # as many pairs, in another layout


def in_z(model: LatentVariableModel, x: Tensor, z: Tensor) -> Any:
    return *model.log_joint_with_gradient(x, z), model.log_joint_gradient(x, z)


def posterior(model: LatentVariableModel, x: Tensor, z: Tensor) -> Any:
    return model.log_posterior_backward(x, z)


VALUES: list[Value] = [elbo, elbo_of_noisy, joint, joint_of_several, in_z, posterior]


def outcome(model: LatentVariableModel, value: Value, x: Tensor, z: Tensor) -> tuple[Any, list[Tensor | None]]:
    model.zero_grad()
    return value(model, x, z), [parameter.grad for parameter in model.parameters()]


def test_what_is_played_again_is_what_would_be_computed(
    model: LatentVariableModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All passes in turn, with other data each time; nobody's earlier result or gradient changes."""
    earlier: list[tuple[Any, Any]] = []
    for seed in range(6):
        x, z = datapoints(model, seed)
        for value in VALUES:
            actual = outcome(model, value, x, z)
            with monkeypatch.context() as patch:
                patch.setattr(workplace, "_is_on_gpu", lambda each: False)
                expected = outcome(copy.deepcopy(model), value, x, z)
            torch.testing.assert_close(actual, expected, rtol=0, atol=0)
            earlier.append((actual, expected))
            junk = [torch.full((size,), float("nan"), device=x.device) for size in (N, 2**8, 2**12, 2**20)]
            del junk  # what was freed, but is still written to or read, is noticed
        model.decoder.network.weights[0].data.mul_(1.1)  # as an optimiser does, where it lies
    torch.testing.assert_close(*map(list, zip(*earlier, strict=True)), rtol=0, atol=0)
    assert len(all_recorded(model)) == len(VALUES)


def test_what_cannot_be_recorded_is_computed(model: LatentVariableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fails(function: Callable[[], Any], *_: Any) -> Any:
        function()
        tried.append(function)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(recordings, "capture", fails)
    for seed in range(5):
        x, z = datapoints(model, seed)
        actual = outcome(model, elbo, x, z)
        torch.testing.assert_close(actual, outcome(copy.deepcopy(model), elbo, x, z), rtol=0, atol=0)
    assert len(tried) == 1


def test_weights_that_move_are_recorded_anew(model: LatentVariableModel) -> None:
    x, z = datapoints(model)
    for _ in range(5):
        outcome(model, joint, x, z)
    assert all_recorded(model)
    weight = model.decoder.network.weights[0]
    weight.data = 2 * weight.data
    actual = outcome(model, joint, x, z)
    assert not all_recorded(model)
    torch.testing.assert_close(actual, outcome(copy.deepcopy(model), joint, x, z), rtol=0, atol=0)


class Counting(Bernoulli):
    """A user's, which does more than launch kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def log_prob_with_slopes(self, x: Tensor, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        return super().log_prob_with_slopes(x, *arguments, **named)


def test_only_what_says_so_is_recorded(model: LatentVariableModel) -> None:
    """A derived class may do what its base does not."""
    counting = model.decoder.observation_model = Counting()
    x, z = datapoints(model)
    for _ in range(9):
        outcome(model, elbo, x, z)
        outcome(model, joint, x, z)
    assert counting.calls == 18
    assert not all_recorded(model)


class Careful(Bernoulli):
    """A user's, which says that it may be recorded."""

    only_launches = True


def test_who_may_be_recorded() -> None:
    for shipped in plugins.find("decoder"):
        assert observation_model(shipped).is_recordable, shipped
    assert Careful().is_recordable
    assert not Counting().is_recordable


def test_nothing_is_recorded_on_a_cpu() -> None:
    model = Problem(torch.rand(N, PIXELS), Z, MLP(hidden=9), "bernoulli", bounded=True).model(encoder=True)
    outcome(model, elbo, torch.rand(N, PIXELS), torch.randn(N, Z))
    ((_, only),) = workplace._passes[model].values()
    assert only.is_recordable
    assert only.recordings is None
