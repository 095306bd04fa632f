"""A density or a bound, and what ``(-value.mean()).backward()`` leaves in the weights' gradients, in one pass.

Each is created for a fixed number of datapoints, and is reused as long as the weights stay at the same memory location.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.models.buffers import Buffers
from bench.models.by_hand.layers import TwoLayers
from bench.models.by_hand.outputs import Outputs
from bench.models.by_hand.recordings import Recordings, recorded
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.gaussian import LOG_2PI, LOG_VARIANCE_LIMIT
from bench.models.observation import ObservationModel

hardtanh_backward = torch.ops.aten.hardtanh_backward.grad_input


class Slopes:
    """The slopes of an encoder's affine outputs: those of the mean, followed by those of the log-variance."""

    def __init__(self, outputs: Tensor) -> None:
        """Use the layout of the ``outputs`` [N, 2 d]."""
        self._all = torch.empty_like(outputs)
        self.of_mean, self._of_log_variance = self._all.chunk(2, dim=-1)

    def within_bounds(self, of_log_variance: Tensor, unbounded: Tensor) -> Tensor:
        """All slopes [N, 2 d], given those of the log-variance, which are 0 where it is out of bounds."""
        limit = LOG_VARIANCE_LIMIT
        hardtanh_backward(of_log_variance, unbounded, -limit, limit, grad_input=self._of_log_variance)
        return self._all


class LogLikelihood:
    """log p(x|z) for R pairs of x and z, and its gradient in the decoder's weights, and in z."""

    def __init__(self, network: TanhNetwork, observation_model: ObservationModel, num_pairs: int) -> None:
        """The decoder's network and observation model."""
        self.layers = TwoLayers(network, num_pairs)
        self._output_layer = network.output_layer
        self._observation_model = observation_model
        self.recordings: Recordings | None = None
        self._buffers = Buffers()
        self._weight = self.layers.outputs.new_tensor(-1 / num_pairs)

    @property
    def is_recordable(self) -> bool:
        """See `Pass.is_recordable`."""
        return self._observation_model.is_recordable

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """See `Recorded.all_layers`."""
        return (self.layers,)

    def forget(self) -> None:
        """See `Recorded.forget`."""
        self.layers.gradients.release()
        self._buffers.clear()

    def value(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) [..., N] for x [N, D] and z [..., N, d], without gradients."""
        return self.of_outputs(x, self._output_layer.split(self._raw(z)))

    def of_outputs(self, x: Tensor, outputs: Outputs) -> Tensor:
        """log p(x|z) [..., N] given the network's outputs."""
        return self._observation_model.log_prob_in(self._buffers, x, *outputs)

    @recorded
    def z_gradient(self, x: Tensor, z: Tensor) -> tuple[Outputs, Tensor]:
        """The network's outputs at z [..., N, d], and the gradient of log p(x|z) in z; the weights get no gradient."""
        raw = self._raw(z)
        outputs = self._output_layer.split(raw)
        of_raw = self._output_layer.slopes(raw, outputs, self._observation_model.score(x, *outputs))
        return outputs, self.layers.to_inputs(of_raw.reshape(-1, raw.shape[-1])).view(z.shape)

    @recorded
    def backward(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) [..., N] for x [N, D] and z [..., N, d]."""
        raw = self._raw(z)
        outputs = self._output_layer.split(raw)
        log_prob, slopes = self._observation_model.log_prob_with_slopes(
            x, *outputs, weight=self._weight, buffers=self._buffers
        )
        of_raw = self._output_layer.slopes(raw, outputs, slopes)
        self.layers.backward(of_raw if of_raw.dim() == 2 else of_raw.view(-1, of_raw.shape[-1]))
        return log_prob

    def _raw(self, z: Tensor) -> Tensor:
        """The affine outputs at z [..., N, d]."""
        if z.dim() == 2:
            return self.layers.forward(z)
        return self.layers.forward(z.reshape(-1, z.shape[-1])).view(*z.shape[:-1], -1)


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
        self._layers = TwoLayers(encoder, num_data, by_columns=True)
        self._slopes = Slopes(self._layers.outputs)
        self._output_layer = encoder.output_layer
        self._likelihood = LogLikelihood(decoder, observation_model, num_data * num_samples)
        self.recordings: Recordings | None = None
        self._half, self._minus_one = (self._layers.outputs.new_tensor(number) for number in (0.5, -1.0))
        self._shares = self._layers.outputs.new_full((num_data,), 1 / num_data)
        self._half_share = self._layers.outputs.new_tensor(0.5 / num_data)

    @property
    def is_recordable(self) -> bool:
        """See `Pass.is_recordable`."""
        return self._likelihood.is_recordable

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """See `Recorded.all_layers`."""
        return self._layers, self._likelihood.layers

    def forget(self) -> None:
        """See `Recorded.forget`."""
        self._layers.gradients.release()
        self._likelihood.forget()

    @recorded
    def backward(self, x: Tensor, seen: Tensor, noise: Tensor) -> Tensor:
        """The bound [N] for x [N, D] with an encoder that sees ``seen`` [N, D], at z = mean + sd * noise.

        ``noise`` is [L, N, d], or [N, d] for one draw, so that everything has the layout of the outputs.
        """
        self._layers.forward(seen)
        mean, log_variance = self._output_layer.of_halves(*self._layers.halves)
        deviation = (self._half * log_variance).exp_()
        z = torch.addcmul(mean, deviation, noise)
        expected = self._likelihood.backward(x, z)
        excess = torch.addcmul(self._minus_one, deviation, deviation)  # of q's variance over the prior's
        twice_kl = torch.addcmul(excess - log_variance, mean, mean).sum(-1)
        of_z = self._likelihood.layers.to_inputs()
        of_z = of_z if z.dim() == 2 else of_z.view(z.shape)
        num_data, of_noise = x.shape[0], z - mean  # dz / dlog sd = sd * noise = z - mean
        if z.dim() == 2:
            of_log_variance = torch.addcmul(excess, of_z, of_noise, value=num_data)
        else:
            of_log_variance = torch.add(excess, (of_z * of_noise).sum(0), alpha=num_data)
            expected, of_z = expected.mean(0), of_z.sum(0)
        torch.add(of_z, mean, alpha=1 / num_data, out=self._slopes.of_mean)
        of_log_variance.mul_(self._half_share)
        self._layers.backward(self._slopes.within_bounds(of_log_variance, self._layers.halves[1]))
        return expected.sub_(twice_kl, alpha=0.5)

    def mean(self, bounds: Tensor) -> Tensor:
        """The mean of bounds [N], as a dot product, which takes a third of the time of `Tensor.mean`."""
        return torch.dot(bounds, self._shares)


class LogPosterior:
    """log q(z|x) for N pairs of x and z, and its gradient in the encoder's weights."""

    is_recordable = True

    def __init__(self, encoder: TanhNetwork, num_data: int) -> None:
        """The encoder's network."""
        self._layers = TwoLayers(encoder, num_data, by_columns=True)
        self._slopes = Slopes(self._layers.outputs)
        self._output_layer = encoder.output_layer
        self.recordings: Recordings | None = None

    def all_layers(self) -> tuple[TwoLayers, ...]:
        """See `Recorded.all_layers`."""
        return (self._layers,)

    def forget(self) -> None:
        """See `Recorded.forget`."""
        self._layers.gradients.release()

    @recorded
    def backward(self, x: Tensor, z: Tensor) -> Tensor:
        """log q(z|x) [N] for x [N, D] and z [N, d]."""
        self._layers.forward(x)
        mean, log_variance = self._output_layer.of_halves(*self._layers.halves)
        weight = -1 / x.shape[0]
        error = z - mean
        scaled = error * (-log_variance).exp_()
        torch.mul(scaled, weight, out=self._slopes.of_mean)
        squares = error.mul_(scaled)
        of_log_variance = (squares - 1).mul_(0.5 * weight)
        self._layers.backward(self._slopes.within_bounds(of_log_variance, self._layers.halves[1]))
        return squares.add_(log_variance).sum(-1).add_(z.shape[-1] * LOG_2PI).mul_(-0.5)
