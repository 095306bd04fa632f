"""An affine map, tanh, and another affine map: forward, and backward by the chain rule."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.models.by_hand.gradients import GradientMemory
from bench.models.by_hand.tanh import tanh
from bench.models.by_hand.tanh_network import TanhNetwork

tanh_backward = torch.ops.aten.tanh_backward.grad_input
FEW = 16  # columns: BLAS is slow for a product with this few of them, but not for its transpose


class TwoLayers:
    """``outputs = tanh(inputs W1' + b1) W2' + b2`` for N inputs, with buffers for all results.

    ``outputs`` [N, O], their ``halves``, and whatever else is returned, holds until the next call.  With
    ``by_columns``, each column of the outputs is contiguous in memory, so that subsets of columns are fast to access.
    """

    def __init__(self, network: TanhNetwork, num_inputs: int, *, by_columns: bool = False) -> None:
        """The layers of a network, whose weights are used in place, for ``num_inputs`` N inputs at a time."""
        self.network = network
        self.num_inputs = num_inputs
        self.parameters = network.weights
        weights = [parameter.detach() for parameter in self.parameters]
        self._first, self._first_bias, self._second, self._second_bias = weights
        self.gradients = GradientMemory(weights)
        self._places = [parameter.data_ptr() for parameter in self.parameters]
        (hidden, inputs), outputs, empty = self._first.shape, self._second.shape[0], self._first.new_empty
        self._hidden, self._before, self._of_inputs = (empty(num_inputs, size) for size in (hidden, hidden, inputs))
        self._columns = empty(outputs, num_inputs) if by_columns else None
        self.outputs = empty(num_inputs, outputs) if self._columns is None else self._columns.t()
        self.halves = self.outputs[:, : outputs // 2], self.outputs[:, outputs // 2 :]
        # A view costs as much as an addition, so the views that are needed are created only once.
        self._first_t, self._second_t, self._hidden_t, self._before_t = (
            each.t() for each in (self._first, self._second, self._hidden, self._before)
        )
        self._second_bias_column = self._second_bias[:, None]
        self._of_first_t = empty(inputs, hidden) if inputs < FEW else None
        self._tanh = tanh(self._hidden.device, self._hidden.dtype)

    def still_hold(self) -> bool:
        """Whether the network's weights are the same, at the same memory location."""
        for weight, parameter, place in zip(self.network.weights, self.parameters, self._places, strict=True):
            if weight is not parameter or weight.data_ptr() != place:
                return False
        return True

    def await_gradients(self) -> bool:
        """Whether all weights are trainable, and none has a gradient already that would have to be added to."""
        for parameter in self.parameters:  # noqa: SIM110  # a generator would take longer than what it looks at
            if parameter.grad is not None or not parameter.requires_grad:
                return False
        return True

    def forward(self, inputs: Tensor) -> Tensor:
        """The outputs [N, O] for inputs [N, I]."""
        self.inputs = inputs
        scale = self._tanh.scale
        torch.addmm(self._first_bias, inputs, self._first_t, beta=scale, alpha=scale, out=self._hidden)
        self._tanh.of_scaled(self._hidden)
        if self._columns is None:
            torch.addmm(self._second_bias, self._hidden, self._second_t, out=self.outputs)
        else:
            torch.addmm(self._second_bias_column, self._second, self._hidden_t, out=self._columns)
        return self.outputs

    def backward(self, slopes: Tensor) -> None:
        """Set the gradient of every weight for the ``slopes`` [N, O] of the outputs."""
        before = self._before_tanh(slopes)
        gradients = self.gradients.take()
        of_first, of_first_bias, of_second, of_second_bias = gradients
        if self._of_first_t is None:
            torch.mm(self._before_t, self.inputs, out=of_first)
        else:
            of_first.copy_(torch.mm(self.inputs.t(), before, out=self._of_first_t).t())
        torch.sum(before, 0, out=of_first_bias)
        torch.mm(slopes.t(), self._hidden, out=of_second)
        torch.sum(slopes, 0, out=of_second_bias)
        self.set_gradients(gradients)

    def set_gradients(self, gradients: Sequence[Tensor]) -> None:
        """Set the gradient of every weight."""
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient

    def to_inputs(self, slopes: Tensor | None = None) -> Tensor:
        """The gradient in the inputs [N, I] given the ``slopes`` [N, O] of the outputs, or those of `backward`."""
        before = self._before if slopes is None else self._before_tanh(slopes)
        return torch.mm(before, self._first, out=self._of_inputs)

    def _before_tanh(self, slopes: Tensor) -> Tensor:
        """The gradient with respect to the input of tanh: [N, H]."""
        before = torch.mm(slopes, self._second, out=self._before)
        tanh_backward(before, self._hidden, grad_input=before)
        return before
