"""A density or a bound, and what ``(-value.mean()).backward()`` leaves in the weights' gradients, in one pass.

Each is made for a number of datapoints, and used as long as the weights lie where they did.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.models.by_hand.buffers import Buffers
from bench.models.by_hand.layers import TwoLayers
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.gaussian import LOG_2PI
from bench.models.observation import ObservationModel


class LogLikelihood:
    """log p(x|z) for R pairs of x and z, and its gradient in the decoder's weights, and in z."""

    def __init__(self, network: TanhNetwork, observation_model: ObservationModel, num_pairs: int) -> None:
        """The decoder's network and observation model."""
        self.layers = TwoLayers(network.hidden, network.head, num_pairs)
        self._output_layer = network.output_layer
        self._observation_model = observation_model
        self._buffers = Buffers()

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """See `Pass.all_layers`."""
        return (self.layers,)

    def z_gradient(self, x: Tensor, z: Tensor, *, with_value: bool) -> tuple[Tensor | None, Tensor]:
        """log p(x|z) [..., N] if asked for, and its gradient in z [..., N, d]; nothing is done to the weights."""
        raw = self.layers.forward(z.reshape(-1, z.shape[-1])).view(*z.shape[:-1], -1)
        outputs = self._output_layer.split(raw)
        slopes = self._observation_model.score(x, *outputs)
        log_prob = self._observation_model.log_prob(x, *outputs) if with_value else None
        of_raw = self._output_layer.slopes(raw, outputs, slopes)
        return log_prob, self.layers.to_inputs(of_raw.reshape(-1, raw.shape[-1])).view(z.shape)

    def backward(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) [..., N] for x [N, D] and z [..., N, d]."""
        raw = self.layers.forward(z.reshape(-1, z.shape[-1])).view(*z.shape[:-1], -1)
        outputs = self._output_layer.split(raw)
        log_prob, slopes = self._observation_model.log_prob_with_slopes(
            x, *outputs, weight=-1 / len(self.layers.hidden), buffers=self._buffers
        )
        self.layers.backward(self._output_layer.slopes(raw, outputs, slopes).view(-1, raw.shape[-1]))
        return log_prob


class LowerBound:
    """E[log p(x|z)] - KL(q(z|x) || N(0, I)) for N datapoints, with L draws of z each (equation 7)."""

    def __init__(
        self,
        encoder: TanhNetwork,
        decoder: TanhNetwork,
        observation_model: ObservationModel,
        num_data: int,
        num_samples: int,
    ) -> None:
        """The networks of both, for N and L."""
        self._layers = TwoLayers(encoder.hidden, encoder.head, num_data, by_columns=True)
        self._output_layer = encoder.output_layer
        self._likelihood = LogLikelihood(decoder, observation_model, num_data * num_samples)

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """See `Pass.all_layers`."""
        return self._layers, self._likelihood.layers

    def backward(self, x: Tensor, seen: Tensor, noise: Tensor) -> Tensor:
        """The bound [N] for x [N, D] by an encoder that sees ``seen`` [N, D], at z = mean + sd * noise [L, N, d]."""
        raw, weight = self._layers.forward(seen), -1 / len(x)
        mean, log_variance = self._output_layer.split_scales(raw)
        deviation = (0.5 * log_variance).exp_()
        # Without an axis for one draw, everything below has the layout of `raw`.
        z = torch.addcmul(mean, deviation, noise[0] if len(noise) == 1 else noise)  # [N, d] or [L, N, d]
        expected = self._likelihood.backward(x, z)
        excess = deviation.square_().sub_(1)  # of q's variance over the prior's
        twice_kl = torch.addcmul(excess - log_variance, mean, mean).sum(-1)
        of_z = self._likelihood.layers.to_inputs().view(z.shape)
        of_half_log_variance = of_z * (z - mean)  # dz / dlog sd = sd * noise = z - mean
        if z.dim() == 3:
            expected, of_z, of_half_log_variance = expected.mean(0), of_z.sum(0), of_half_log_variance.sum(0)
        of_mean = torch.add(of_z, mean, alpha=-weight)
        of_log_variance = of_half_log_variance.add_(excess, alpha=-weight).mul_(0.5)
        self._layers.backward(self._output_layer.slopes(raw, (mean, log_variance), (of_mean, of_log_variance)))
        return expected.sub_(twice_kl, alpha=0.5)


class LogPosterior:
    """log q(z|x) for N pairs of x and z, and its gradient in the encoder's weights."""

    def __init__(self, encoder: TanhNetwork, num_data: int) -> None:
        """The encoder's network."""
        self._layers = TwoLayers(encoder.hidden, encoder.head, num_data, by_columns=True)
        self._output_layer = encoder.output_layer

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """See `Pass.all_layers`."""
        return (self._layers,)

    def backward(self, x: Tensor, z: Tensor) -> Tensor:
        """log q(z|x) [N] for x [N, D] and z [N, d]."""
        raw, weight = self._layers.forward(x), -1 / len(x)
        mean, log_variance = self._output_layer.split_scales(raw)
        error = z - mean
        scaled = error * (-log_variance).exp_()
        of_mean, squares = scaled * weight, error.mul_(scaled)
        of_log_variance = (squares - 1).mul_(0.5 * weight)
        self._layers.backward(self._output_layer.slopes(raw, (mean, log_variance), (of_mean, of_log_variance)))
        return squares.add_(log_variance).sum(-1).add_(z.shape[-1] * LOG_2PI).mul_(-0.5)
