"""An affine map, tanh, and another affine map: forward, and backward by the chain rule."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Weights(NamedTuple):
    """``outputs = tanh(inputs W1' + b1) W2' + b2``."""

    first: Tensor  # W1 [H, I]
    first_bias: Tensor  # b1 [H]
    second: Tensor  # W2 [O, H]
    second_bias: Tensor  # b2 [O]


class Gradients(NamedTuple):
    """The gradient in the inputs [N, I], if it was asked for, and in each of the `Weights`."""

    inputs: Tensor | None
    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor


def tanh_layer(inputs: Tensor, weights: Weights) -> Tensor:
    """tanh(inputs W1' + b1): [N, I] -> [N, H].

    On CPUs by the logistic function, which PyTorch computes four times as fast: tanh(a) = 1 - 2 / (1 + exp(2 a)), with
    an error of less than two units in the last place of 1.
    """
    if inputs.device.type != "cpu":
        return torch.addmm(weights.first_bias, inputs, weights.first.t()).tanh_()
    doubled = torch.addmm(weights.first_bias, inputs, weights.first.t(), beta=-2, alpha=-2)
    return torch.rsub(doubled.sigmoid_(), 1, alpha=2)


def outputs_of(hidden: Tensor, weights: Weights) -> Tensor:
    """Hidden W2' + b2: [N, H] -> [N, O]."""
    return torch.addmm(weights.second_bias, hidden, weights.second.t())


def columns_of(hidden: Tensor, weights: Weights) -> Tensor:
    """`outputs_of`, each column of which lies together in memory, so that parts of them are computed with quickly."""
    return torch.addmm(weights.second_bias[:, None], weights.second, hidden.t()).t()


def input_gradient(slopes: Tensor, hidden: Tensor, weights: Weights) -> Tensor:
    """The gradient in the inputs [N, I] for the ``slopes`` [N, O] of the outputs."""
    return torch.mm(_before_tanh(slopes, hidden, weights), weights.first)


def gradients(slopes: Tensor, inputs: Tensor, hidden: Tensor, weights: Weights, *, of_inputs: bool) -> Gradients:
    """The gradient in all weights, and in the inputs if ``of_inputs``, for the ``slopes`` [N, O] of the outputs."""
    before = _before_tanh(slopes, hidden, weights)
    return Gradients(
        torch.mm(before, weights.first) if of_inputs else None,
        _outer(before, inputs),
        before.sum(0),
        _outer(slopes, hidden),
        slopes.sum(0),
    )


def _before_tanh(slopes: Tensor, hidden: Tensor, weights: Weights) -> Tensor:
    """The gradient in what tanh was applied to: [N, H]."""
    gradient: Tensor = torch.ops.aten.tanh_backward(torch.mm(slopes, weights.second), hidden)
    return gradient


def _outer(left: Tensor, right: Tensor) -> Tensor:
    """left' right: [N, A], [N, B] -> [A, B]; BLAS is slow at a product with few columns, fast at its transpose."""
    if right.shape[1] < 16:
        return torch.mm(right.t(), left).t()
    return torch.mm(left.t(), right)
