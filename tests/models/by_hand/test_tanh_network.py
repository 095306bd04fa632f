"""Without gradients, the network computes tanh from the logistic function: the same but for rounding."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn.modules.module import register_module_forward_hook

from bench.models.by_hand import tanh_network
from bench.models.by_hand.tanh import tanh
from bench.models.by_hand.tanh_network import TanhNetwork


def network(dtype: torch.dtype = torch.float32) -> TanhNetwork:
    made = TanhNetwork(5, 8, 3, scales=True).to(dtype)
    with torch.no_grad():
        for number, parameter in enumerate(made.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(number)))
    return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tanh_is_as_accurate_as_its_precision(dtype: torch.dtype) -> None:
    function = tanh(torch.device("cpu"), dtype)
    values = torch.cat([torch.linspace(-30, 30, 10_001, dtype=dtype), torch.tensor([-1e30, 1e30, 0.0], dtype=dtype)])
    expected = torch.tanh(values.double())
    error = (function.of_scaled(function.scale * values).double() - expected).abs().max()
    assert error <= 2 * torch.finfo(dtype).eps
    assert torch.isnan(function.of_scaled(torch.tensor([float("nan")], dtype=dtype))).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(4, 5), (5,), (2, 4, 5), (0, 5), (3, 0, 5), (2, 3, 4, 5)])
def test_outputs_are_those_of_autograd(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    made = network(dtype)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(9)).to(dtype)
    with_gradients = made(inputs)
    with torch.no_grad():
        without = made(inputs)
        transposed = made(inputs.T.contiguous().T) if inputs.dim() == 2 else without
    for one, other, third in zip(with_gradients, without, transposed, strict=True):
        assert one is not None
        assert other is not None
        assert not other.requires_grad
        assert other.shape == (*shape[:-1], 3)
        torch.testing.assert_close(other, one, rtol=0, atol=40 * torch.finfo(dtype).eps)
        torch.testing.assert_close(third, other, rtol=0, atol=40 * torch.finfo(dtype).eps)


def test_inputs_stay_as_they_are_and_results_belong_to_the_caller() -> None:
    made, inputs = network(), torch.ones(4, 5)
    with torch.no_grad():
        first = [output.clone() for output in made(inputs) if output is not None]
        kept = made(inputs)
        made(2 * inputs)
    assert torch.equal(inputs, torch.ones(4, 5))
    for one, other in zip(first, kept, strict=True):
        assert other is not None
        assert torch.equal(one, other)


def test_it_is_used_without_gradients_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(tanh_network, "tanh", lambda *arguments: calls.append(1) or tanh(*arguments))
    made = network()
    made(torch.ones(4, 5))
    assert not calls
    with torch.no_grad():
        made(torch.ones(4, 5))
        assert calls == [1]
        made.to(torch.float64)(torch.ones(4, 5, dtype=torch.float64))
    assert calls == [1, 1]


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # PyTorch's own use
def test_forward_mode_differentiation() -> None:
    made, inputs = network(torch.float64), torch.ones(4, 5, dtype=torch.float64)
    with torch.no_grad(), forward_ad.dual_level():
        location, _ = made(forward_ad.make_dual(inputs, torch.ones_like(inputs)))
        tangent = forward_ad.unpack_dual(location).tangent
    assert tangent is not None
    with torch.no_grad():
        ahead, behind = (made(inputs + step)[0] for step in (1e-6, -1e-6))
    torch.testing.assert_close(tangent, (ahead - behind) / 2e-6, rtol=1e-6, atol=1e-8)


def test_hooks_and_other_layers_are_called() -> None:
    made, calls = network(), []
    made.hidden.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        made(torch.ones(4, 5))
    assert calls == [1]
    handle = register_module_forward_hook(lambda *_: calls.append(2))
    with torch.no_grad():
        network()(torch.ones(4, 5))
    handle.remove()
    assert calls == [1, 2, 2, 2]
    made = network()
    made.hidden = nn.Sequential(nn.Linear(5, 8), nn.Dropout(1.0))  # type: ignore[assignment]
    with torch.no_grad():
        location, _ = made(torch.ones(4, 5))
    torch.testing.assert_close(location[0], made.head.bias[:3])


def test_in_inference_mode_and_under_autocast() -> None:
    made, inputs = network(), torch.ones(4, 5)
    expected, _ = made(inputs)
    with torch.inference_mode():
        torch.testing.assert_close(made(inputs)[0], expected.detach())
    with torch.no_grad():
        torch.testing.assert_close(made(inputs)[0], expected.detach())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            torch.testing.assert_close(made(inputs)[0].float(), expected.detach(), rtol=0.1, atol=0.1)
