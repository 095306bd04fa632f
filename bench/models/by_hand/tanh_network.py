"""The paper's network, input -> tanh layer -> affine outputs, whose gradients are written by hand."""

from __future__ import annotations

from operator import itemgetter

import torch
from torch import Tensor, nn
from torch._C._functorch import peek_interpreter_stack  # not None within torch.func.grad, vmap and the like
from torch.autograd import forward_ad
from torch.nn import functional
from torch.nn.modules.module import _has_any_global_hook

from bench.models.by_hand.outputs import OutputLayer, Outputs
from bench.models.by_hand.tanh import tanh

_hooks = itemgetter("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class TanhNetwork(nn.Module):
    """input -> tanh layer -> location and, if ``scales``, log-variance: affine maps of the hidden layer in one product.

    Source: Kingma & Welling 2014, appendix C.

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

    @property
    def weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weight and bias of the hidden layer and of the output layer."""
        hidden, head = self._modules["hidden"], self._modules["head"]  # attribute access on a module is slow
        first, second = vars(hidden)["_parameters"], vars(head)["_parameters"]
        return first["weight"], first["bias"], second["weight"], second["bias"]

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing else to call: a hook, another layer, a derived class's `forward` or tensors."""
        if peek_interpreter_stack() is not None or forward_ad._current_level >= 0 or _has_any_global_hook():  # noqa: SLF001
            return False
        hidden, head = self._modules["hidden"], self._modules["head"]
        if type(self).forward is not TanhNetwork.forward or not (type(hidden) is type(head) is nn.Linear):
            return False
        if any(_hooks(vars(self))) or any(_hooks(vars(hidden))) or any(_hooks(vars(head))):
            return False
        for weight in self.weights:  # noqa: SIM110  # a generator would take longer than what it looks at
            if type(weight) is not nn.Parameter:
                return False
        return True

    def forward(self, inputs: Tensor) -> Outputs:
        """[..., inputs] -> location [..., outputs], log-variance [..., outputs] or None."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or not self.is_plain:
            return self.output_layer.split(self.head(torch.tanh(self.hidden(inputs))))
        first, first_bias, second, second_bias = self.weights
        hidden = tanh(first.device, first.dtype).of_affine(inputs, first, first_bias)
        return self.output_layer.split(functional.linear(hidden, second, second_bias))
