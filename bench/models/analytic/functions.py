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

from bench.models.analytic import layers
from bench.models.analytic.layers import Weights
from bench.models.analytic.outputs import OutputLayer, Outputs
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
        inputs = ctx.saved_tensors[: ctx.num_inputs]
        wanted = [each for each, is_needed in zip(inputs, ctx.needs_input_grad[1:], strict=True) if is_needed]
        value = cls.by_autograd(ctx.parts, *inputs)
        found = iter(torch.autograd.grad(value, wanted, slope, create_graph=True, materialize_grads=True))
        return (None, *(next(found) if is_needed else None for is_needed in ctx.needs_input_grad[1:]))


def raw_by_autograd(inputs: Tensor, *weights: Tensor) -> Tensor:
    """The affine outputs [..., O] of two layers for inputs [..., I], every operation of which autograd records."""
    first, first_bias, second, second_bias = weights
    return functional.linear(torch.tanh(functional.linear(inputs, first, first_bias)), second, second_bias)


class RawOutputs(ByHand):
    """The affine outputs [N, O] of two layers for inputs [N, I]."""

    @staticmethod
    def forward(ctx: Any, parts: None, inputs: Tensor, *weights: Tensor) -> Tensor:
        """The inputs, then the `Weights`."""
        hidden = layers.tanh_layer(inputs, Weights(*weights))
        ctx.parts, ctx.num_inputs = parts, 5
        ctx.save_for_backward(inputs, *weights, hidden)
        return layers.outputs_of(hidden, Weights(*weights))

    @staticmethod
    def by_autograd(_: None, *inputs: Tensor) -> Tensor:
        """See `ByHand.by_autograd`."""
        return raw_by_autograd(*inputs)

    @staticmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """See `ByHand.slopes`."""
        inputs, *weights, hidden = ctx.saved_tensors
        return layers.gradients(slope, inputs, hidden, Weights(*weights), of_inputs=ctx.needs_input_grad[1])


class Pixels(NamedTuple):
    """p(x|z): what is made of the decoder's affine outputs, and the observation model."""

    output_layer: OutputLayer
    observation_model: ObservationModel

    def outputs(self, raw: Tensor, shape: torch.Size) -> Outputs:
        """What the observation model needs, of ``shape`` [..., D], from the affine outputs [R, O] for R draws of z."""
        location, log_variance = self.output_layer.split(raw)
        return location.view(shape), None if log_variance is None else log_variance.view(shape)

    def slopes_of_raw(self, raw: Tensor, x: Tensor, outputs: Outputs, slope: Tensor) -> Tensor:
        """The gradient in ``raw`` for the ``slope`` [...] of log p(x|z)."""
        of_location, of_log_variance = self.observation_model.score(x, *outputs)
        slope = slope.unsqueeze(-1)
        slopes = of_location * slope, None if of_log_variance is None else of_log_variance * slope
        shape = (*outputs[0].shape[:-1], raw.shape[-1])
        return self.output_layer.slopes_of_raw(raw.view(shape), outputs, slopes).view(raw.shape)


class LogLikelihood(ByHand):
    """log p(x|z) [...] for x [N, D] and z [..., N, d]."""

    @staticmethod
    def forward(ctx: Any, parts: Pixels, x: Tensor, z: Tensor, *weights: Tensor) -> Tensor:
        """x, z, and the decoder's `Weights`."""
        hidden = layers.tanh_layer(z.reshape(-1, z.shape[-1]), Weights(*weights))
        raw = layers.outputs_of(hidden, Weights(*weights))
        ctx.parts, ctx.num_inputs = parts, 6
        ctx.save_for_backward(x, z, *weights, hidden, raw)
        return parts.observation_model.log_prob(x, *parts.outputs(raw, torch.Size([*z.shape[:-1], x.shape[-1]])))

    @staticmethod
    def by_autograd(parts: Pixels, *inputs: Tensor) -> Tensor:
        """See `ByHand.by_autograd`."""
        x, z, *weights = inputs
        return parts.observation_model.log_prob(x, *parts.output_layer.split(raw_by_autograd(z, *weights)))

    @staticmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """See `ByHand.slopes`."""
        x, z, *weights, hidden, raw = ctx.saved_tensors
        outputs = ctx.parts.outputs(raw, torch.Size([*z.shape[:-1], x.shape[-1]]))
        of_raw = ctx.parts.slopes_of_raw(raw, x, outputs, slope)
        rows = z.reshape(-1, z.shape[-1])
        of_z, *of_weights = layers.gradients(of_raw, rows, hidden, Weights(*weights), of_inputs=ctx.needs_input_grad[2])
        return None, None if of_z is None else of_z.view(z.shape), *of_weights


class Bound(NamedTuple):
    """q(z|x), of which only what is made of its affine outputs, and p(x|z)."""

    encoder: OutputLayer
    pixels: Pixels


class LowerBound(ByHand):
    """E[log p(x|z)] - KL(q(z|x) || N(0, I)) [N] at draws z = mean + sd * noise (equation 7): x [N, D], noise [L, N, d].

    The encoder may see other values than x (``seen`` [N, D]).
    """

    @staticmethod
    def forward(ctx: Any, parts: Bound, x: Tensor, seen: Tensor, noise: Tensor, *weights: Tensor) -> Tensor:
        """x, seen, noise, the encoder's `Weights` and the decoder's."""
        phi, theta = Weights(*weights[:4]), Weights(*weights[4:])
        hidden = layers.tanh_layer(seen, phi)
        raw = layers.columns_of(hidden, phi)
        mean, log_variance = parts.encoder.split_scales(raw)
        deviation = (0.5 * log_variance).exp_()
        z = torch.addcmul(mean, deviation, noise)
        decoded = layers.tanh_layer(z.view(-1, z.shape[-1]), theta)
        raw_pixels = layers.outputs_of(decoded, theta)
        outputs = parts.pixels.outputs(raw_pixels, torch.Size([*z.shape[:-1], x.shape[-1]]))
        expected = parts.pixels.observation_model.log_prob(x, *outputs).mean(0)
        ctx.parts, ctx.num_inputs = parts, 11
        ctx.save_for_backward(x, seen, noise, *weights, hidden, raw, z, decoded, raw_pixels)
        twice_kl = torch.addcmul(deviation.square() - log_variance, mean, mean).sub_(1).sum(-1)
        return expected.sub_(twice_kl, alpha=0.5)

    @staticmethod
    def by_autograd(parts: Bound, *inputs: Tensor) -> Tensor:
        """See `ByHand.by_autograd`."""
        x, seen, noise, *weights = inputs
        mean, log_variance = parts.encoder.split_scales(raw_by_autograd(seen, *weights[:4]))
        z = torch.addcmul(mean, (0.5 * log_variance).exp(), noise)
        expected = LogLikelihood.by_autograd(parts.pixels, x, z, *weights[4:]).mean(0)
        return expected - Gaussian(mean, log_variance).kl_to_standard_normal()

    @staticmethod
    def slopes(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """See `ByHand.slopes`."""
        x, seen, _, *weights, hidden, raw, z, decoded, raw_pixels = ctx.saved_tensors
        parts, phi, theta = ctx.parts, Weights(*weights[:4]), Weights(*weights[4:])
        outputs = parts.pixels.outputs(raw_pixels, torch.Size([*z.shape[:-1], x.shape[-1]]))
        of_pixels = parts.pixels.slopes_of_raw(raw_pixels, x, outputs, slope / z.shape[0])
        rows = z.view(-1, z.shape[-1])
        of_z, *of_theta = layers.gradients(of_pixels, rows, decoded, theta, of_inputs=True)
        of_z = of_z.view(z.shape)
        mean, log_variance = parts.encoder.split_scales(raw)
        slope = slope.unsqueeze(-1)
        of_mean = torch.addcmul(of_z.sum(0), mean, slope, value=-1)
        # d z / d log-variance is half of sd * noise = z - mean, and d KL / d log-variance half of variance - 1.
        of_log_variance = (of_z * (z - mean)).sum(0).addcmul_(log_variance.exp().sub_(1), slope, value=-1).mul_(0.5)
        of_raw = parts.encoder.slopes_of_raw(raw, (mean, log_variance), (of_mean, of_log_variance))
        _, *of_phi = layers.gradients(of_raw, seen, hidden, phi, of_inputs=False)
        return None, None, None, *of_phi, *of_theta
