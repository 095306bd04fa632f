"""The hyperbolic tangent, from a function that is faster on CPUs."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


class Tanh:
    """The hyperbolic tangent, in place, of values already multiplied by ``scale``, which a product does for free.

    On CPUs it is computed from the logistic function, which is five times as fast in PyTorch:
    tanh(a) = 1 - 2 / (1 + exp(2 a)), whose error is below two units in the last place of 1.
    """

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        """For values on this device and in this precision."""
        self._is_on_cpu = device.type == "cpu"
        self.scale = -2 if self._is_on_cpu else 1
        with torch.inference_mode(mode=False):
            self._one = torch.ones((), dtype=dtype)

    def of_scaled(self, values: Tensor) -> Tensor:
        """Replace ``scale`` a by tanh(a), and return it."""
        if self._is_on_cpu:
            return torch.sub(self._one, values.sigmoid_(), alpha=2, out=values)
        return values.tanh_()

    def of_affine(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The tanh of ``inputs`` [..., I] times ``weight`` [H, I] plus ``bias`` [H]: [..., H]."""
        rows = inputs if inputs.dim() == 2 else inputs.reshape(-1, inputs.shape[-1])
        hidden = self.of_scaled(torch.addmm(bias, rows, weight.t(), beta=self.scale, alpha=self.scale))
        return hidden if inputs.dim() == 2 else hidden.view(*inputs.shape[:-1], hidden.shape[-1])


@cache
def tanh(device: torch.device, dtype: torch.dtype) -> Tanh:
    """The hyperbolic tangent of values on this device and in this precision."""
    return Tanh(device, dtype)
