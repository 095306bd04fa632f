"""Densities and the lower bound as one node of autograd's graph each.

Each is a function of tensors, of which some are differentiated; ``by_autograd`` is the same in PyTorch's operations.
It defines what the other must agree with, and takes its place if the gradient itself is to be differentiated.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from bench.models.analytic.layers import TwoLayers, Weights
from bench.models.analytic.outputs import OutputLayer
from bench.models.gaussian import Gaussian
from bench.models.observation import ObservationModel


class ByHand(Function):
    """A function of tensors whose gradient is written by hand, and differentiable through `by_autograd`."""

    @staticmethod
    @abstractmethod
    def by_autograd(parts: Any, *inputs: Tensor) -> Tensor:
        """The function in PyTorch's operations; ``parts`` are what is not a tensor."""

    @staticmethod
    @abstractmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient in each of the inputs for the ``slope`` of the value; None for what needs none."""

    @classmethod
    def backward(cls, ctx: Any, *slopes: Any) -> tuple[Tensor | None, ...]:
        """See `torch.autograd.Function.backward`."""
        (slope,) = slopes
        if not torch.is_grad_enabled():
            return (None, *cls.slopes(ctx, slope))
        needed = ctx.needs_input_grad[1:]
        inputs = (*ctx.data, *ctx.saved_tensors)
        value = cls.by_autograd(ctx.parts, *inputs)
        wanted = [each for each, is_needed in zip(inputs, needed, strict=True) if is_needed]
        gradients = iter(torch.autograd.grad(value, wanted, slope, create_graph=True, materialize_grads=True))
        return (None, *(next(gradients) if is_needed else None for is_needed in needed))


def raw_by_autograd(inputs: Tensor, *weights: Tensor) -> Tensor:
    """The affine outputs [..., O] of two layers for inputs [..., I], every operation of which autograd records."""
    first, first_bias, second, second_bias = weights
    return functional.linear(torch.tanh(functional.linear(inputs, first, first_bias)), second, second_bias)


class RawOutputs(ByHand):
    """The affine outputs [N, O] of two layers for inputs [N, I]."""

    @staticmethod
    def forward(ctx: Any, parts: None, inputs: Tensor, *weights: Tensor) -> Tensor:
        """The inputs, then the `Weights`."""
        ctx.parts, ctx.data = parts, ()
        ctx.save_for_backward(inputs, *weights)
        ctx.layers = TwoLayers(inputs, Weights(*weights))
        raw: Tensor = ctx.layers.outputs
        del ctx.layers.outputs
        return raw

    @staticmethod
    def by_autograd(_: None, *inputs: Tensor) -> Tensor:
        """See `ByHand.by_autograd`."""
        return raw_by_autograd(*inputs)

    @staticmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """See `ByHand.slopes`."""
        _, *weights = ctx.saved_tensors
        gradients: tuple[Tensor | None, ...] = ctx.layers.gradients(
            slope, Weights(*weights), of_inputs=ctx.needs_input_grad[1]
        )
        return gradients


class Pixels(NamedTuple):
    """p(x|z): what is made of the decoder's affine outputs, and the observation model."""

    output_layer: OutputLayer
    observation_model: ObservationModel

    def log_prob(self, x: Tensor, raw: Tensor) -> Tensor:
        """log p(x|z) [...] for x [N, D] at the affine outputs ``raw`` [..., N, O]."""
        return self.observation_model.log_prob(x, *self.output_layer.split(raw))

    def slopes(self, x: Tensor, raw: Tensor, slope: Tensor) -> Tensor:
        """The gradient in ``raw`` [..., N, O] for the ``slope`` [..., N] of log p(x|z)."""
        outputs, slope = self.output_layer.split(raw), slope.unsqueeze(-1)
        of_location, of_log_variance = self.observation_model.score(x, *outputs)
        slopes = of_location * slope, None if of_log_variance is None else of_log_variance * slope
        return self.output_layer.slopes(raw, outputs, slopes)


class LogLikelihood(ByHand):
    """log p(x|z) [...] for x [N, D] and z [..., N, d]."""

    @staticmethod
    def forward(ctx: Any, parts: Pixels, x: Tensor, z: Tensor, *weights: Tensor) -> Tensor:
        """x, z, and the decoder's `Weights`."""
        ctx.parts, ctx.data = parts, (x,)
        ctx.save_for_backward(z, *weights)
        ctx.layers = TwoLayers(z.reshape(-1, z.shape[-1]), Weights(*weights))
        ctx.raw = ctx.layers.outputs.view(*z.shape[:-1], -1)
        return parts.log_prob(x, ctx.raw)

    @staticmethod
    def by_autograd(parts: Pixels, *inputs: Tensor) -> Tensor:
        """See `ByHand.by_autograd`."""
        x, z, *weights = inputs
        return parts.log_prob(x, raw_by_autograd(z, *weights))

    @staticmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """See `ByHand.slopes`."""
        z, *weights = ctx.saved_tensors
        of_raw = ctx.parts.slopes(*ctx.data, ctx.raw, slope).view(-1, ctx.raw.shape[-1])
        of_z, *of_weights = ctx.layers.gradients(of_raw, Weights(*weights), of_inputs=ctx.needs_input_grad[2])
        return None, None if of_z is None else of_z.view(z.shape), *of_weights


class Bound(NamedTuple):
    """q(z|x), of which only what is made of its affine outputs, and p(x|z)."""

    encoder: OutputLayer
    pixels: Pixels


class LowerBound(ByHand):
    """E[log p(x|z)] - KL(q(z|x) || N(0, I)) [N] at draws z = mean + sd * noise (equation 7).

    For x [N, D], which the encoder may see otherwise (``seen`` [N, D]), and noise [N, d], or [L, N, d] for L draws.
    """

    @staticmethod
    def forward(ctx: Any, parts: Bound, x: Tensor, seen: Tensor, noise: Tensor, *weights: Tensor) -> Tensor:
        """x, seen, noise, the encoder's `Weights` and the decoder's."""
        ctx.parts, ctx.data = parts, (x, seen, noise)
        ctx.save_for_backward(*weights)
        ctx.encoder = TwoLayers(seen, Weights(*weights[:4]), by_columns=True)
        mean, log_variance = parts.encoder.split_scales(ctx.encoder.outputs)
        deviation = (0.5 * log_variance).exp_()
        z = torch.addcmul(mean, deviation, noise)
        ctx.decoder = TwoLayers(z.reshape(-1, z.shape[-1]), Weights(*weights[4:]))
        ctx.raw = ctx.decoder.outputs.view(*z.shape[:-1], -1)
        expected = parts.pixels.log_prob(x, ctx.raw)
        excess = deviation.square().sub_(1)  # of the variance over the prior's
        twice_kl = torch.addcmul(excess - log_variance, mean, mean).sum(-1)
        ctx.posterior = mean, log_variance, excess, z
        return (expected if z.dim() == 2 else expected.mean(0)).sub_(twice_kl, alpha=0.5)

    @staticmethod
    def by_autograd(parts: Bound, *inputs: Tensor) -> Tensor:
        """See `ByHand.by_autograd`."""
        x, seen, noise, *weights = inputs
        mean, log_variance = parts.encoder.split_scales(raw_by_autograd(seen, *weights[:4]))
        z = torch.addcmul(mean, (0.5 * log_variance).exp(), noise)
        expected = parts.pixels.log_prob(x, raw_by_autograd(z, *weights[4:]))
        kl = Gaussian(mean, log_variance).kl_to_standard_normal()
        return (expected if z.dim() == 2 else expected.mean(0)) - kl

    @staticmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """See `ByHand.slopes`."""
        weights, (mean, log_variance, excess, z) = ctx.saved_tensors, ctx.posterior
        phi, theta = Weights(*weights[:4]), Weights(*weights[4:])
        of_pixels = ctx.parts.pixels.slopes(ctx.data[0], ctx.raw, slope if z.dim() == 2 else slope / len(z))
        of_z, *of_theta = ctx.decoder.gradients(of_pixels.view(-1, ctx.raw.shape[-1]), theta, of_inputs=True)
        of_deviation = of_z.view(z.shape) * (z - mean)  # times the deviation: z - mean = sd * noise
        if z.dim() == 3:
            of_z, of_deviation = of_z.view(z.shape).sum(0), of_deviation.sum(0)
        slope = slope.unsqueeze(-1)
        of_mean = torch.addcmul(of_z, mean, slope, value=-1)
        of_log_variance = of_deviation.addcmul_(excess, slope, value=-1).mul_(0.5)
        outputs = mean, log_variance
        of_raw = ctx.parts.encoder.slopes(ctx.encoder.outputs, outputs, (of_mean, of_log_variance))
        _, *of_phi = ctx.encoder.gradients(of_raw, phi, of_inputs=False)
        return None, None, None, *of_phi, *of_theta
