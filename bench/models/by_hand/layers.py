"""An affine map, tanh, and another affine map: forward, and backward by the chain rule."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FEW = 16  # columns: BLAS is slow at a product with so few of them, but not at its transpose


class TwoLayers:
    """``outputs = tanh(inputs W1' + b1) W2' + b2`` for N inputs, with buffers for all that is computed.

    ``outputs`` [N, O], and whatever else is returned, holds until the next call.  With ``by_columns`` each column of
    the outputs lies together in memory, so that some of them are quick to use.
    """

    def __init__(self, first: nn.Linear, second: nn.Linear, num_inputs: int, *, by_columns: bool = False) -> None:
        """The layers, whose weights are used where they lie, for ``num_inputs`` N inputs at a time."""
        self.parameters = [first.weight, first.bias, second.weight, second.bias]
        self.gradients = [torch.empty_like(parameter, requires_grad=False) for parameter in self.parameters]
        self._weights = [parameter.detach() for parameter in self.parameters]
        self._by_columns = by_columns
        (hidden, inputs), outputs = first.weight.shape, second.weight.shape[0]
        empty = first.weight.new_empty
        self.hidden, self._before = empty(num_inputs, hidden), empty(num_inputs, hidden)
        self._of_inputs = empty(num_inputs, inputs)
        self._narrow = empty(inputs, hidden)
        if by_columns:
            self._columns = empty(outputs, num_inputs)
            self.outputs = self._columns.t()
        else:
            self.outputs = empty(num_inputs, outputs)

    def still_hold(self) -> bool:
        """Whether the weights lie where they did."""
        pairs = zip(self.parameters, self._weights, strict=True)
        return all(parameter.data_ptr() == weight.data_ptr() for parameter, weight in pairs)

    def await_gradients(self) -> bool:
        """Whether all weights are to be trained, and none has a gradient already, which would have to be added to."""
        return all(parameter.grad is None and parameter.requires_grad for parameter in self.parameters)

    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs [N, O] for inputs [N, I]."""
        self.inputs = inputs
        first, first_bias, second, second_bias = self._weights
        _tanh(torch.addmm(first_bias, inputs, first.t(), out=self.hidden))
        if self._by_columns:
            torch.addmm(second_bias[:, None], second, self.hidden.t(), out=self._columns)
        else:
            torch.addmm(second_bias, self.hidden, second.t(), out=self.outputs)
        return self.outputs

    def backward(self, slopes: Tensor) -> None:
        """Set the gradient of every weight for the ``slopes`` [N, O] of the outputs."""
        before = self._before_tanh(slopes)
        of_first, of_first_bias, of_second, of_second_bias = self.gradients
        if self.inputs.shape[1] < FEW:
            of_first.copy_(torch.mm(self.inputs.t(), before, out=self._narrow).t())
        else:
            torch.mm(before.t(), self.inputs, out=of_first)
        torch.sum(before, 0, out=of_first_bias)
        torch.mm(slopes.t(), self.hidden, out=of_second)
        torch.sum(slopes, 0, out=of_second_bias)
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient

    def to_inputs(self, slopes: Tensor | None = None) -> Tensor:
        """The gradient in the inputs [N, I] for the ``slopes`` [N, O] of the outputs, or those of `backward`."""
        before = self._before if slopes is None else self._before_tanh(slopes)
        return torch.mm(before, self._weights[0], out=self._of_inputs)

    def _before_tanh(self, slopes: Tensor) -> Tensor:
        """The gradient in what tanh was applied to: [N, H]."""
        before = torch.mm(slopes, self._weights[2], out=self._before)
        torch.ops.aten.tanh_backward.grad_input(before, self.hidden, grad_input=before)
        return before


def _tanh(values: Tensor) -> None:
    """The hyperbolic tangent in place.

    On CPUs by the logistic function, which PyTorch computes five times as fast: tanh(a) = 1 - 2 / (1 + exp(2 a)), whose
    error is below two units in the last place of 1.
    """
    if values.is_cpu:
        values.mul_(-2).sigmoid_().mul_(-2).add_(1)
    else:
        values.tanh_()
