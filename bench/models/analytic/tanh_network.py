"""The paper's network, input -> tanh layer -> affine outputs, with gradients written by hand (AEVB, appendix C)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.analytic.functions import RawOutputs
from bench.models.analytic.layers import TwoLayers, Weights
from bench.models.analytic.outputs import OutputLayer, Outputs, PullBack
from bench.models.analytic.paths import hooks_of, is_open


class TanhNetwork(nn.Module):
    """input -> tanh layer -> location and, if ``scales``, log-variance: affine maps of the hidden layer in one product.

    >>> network = TanhNetwork(5, 10, 2, scales=True)
    >>> [output.shape for output in network(torch.zeros(3, 5))]
    [torch.Size([3, 2]), torch.Size([3, 2])]
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, scales: bool, squash: bool = False) -> None:
        """``squash`` passes the location through a sigmoid, as the paper does for Frey Face."""
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.head = nn.Linear(hidden, 2 * outputs if scales else outputs)
        self.output_layer = OutputLayer(scales, squash)

        self._hooks = tuple(hooks for layer in (self, self.hidden, self.head) for hooks in hooks_of(layer))

    @property
    def weights(self) -> Weights:
        """The four weights, in the order of the layers."""
        hidden, head = self.hidden, self.head
        return Weights(hidden.weight, hidden.bias, head.weight, head.bias)

    @property
    def by_hand(self) -> bool:
        """Whether the gradients written by hand hold: the network is as it was built, and nothing has to see inside."""
        return type(self).forward is TanhNetwork.forward and is_open() and not any(self._hooks)

    def forward(self, inputs: Tensor) -> Outputs:
        """[..., inputs] -> location [..., outputs], log-variance [..., outputs] or None."""
        if not self.by_hand:
            return self.output_layer.split(self.head(torch.tanh(self.hidden(inputs))))
        rows = inputs.reshape(-1, inputs.shape[-1])
        if torch.is_grad_enabled():
            raw = RawOutputs.apply(None, rows, *self.weights)
        else:
            raw = TwoLayers(rows, self.weights).outputs
        return self.output_layer.split(raw.view(*inputs.shape[:-1], raw.shape[-1]))

    def vjp(self, inputs: Tensor) -> tuple[Outputs, PullBack]:
        """The outputs for inputs [..., I], and the function from their slopes to the gradient in the inputs."""
        weights = self.weights
        layers = TwoLayers(inputs.reshape(-1, inputs.shape[-1]), weights)
        raw = layers.outputs.view(*inputs.shape[:-1], -1)
        outputs = self.output_layer.split(raw)

        def pull_back(slopes: Outputs) -> Tensor:
            of_raw = self.output_layer.slopes(raw, outputs, slopes)
            return layers.input_gradient(of_raw.reshape(-1, of_raw.shape[-1]), weights).view(inputs.shape)

        return outputs, pull_back
