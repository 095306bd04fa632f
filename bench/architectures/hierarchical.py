"""Two stochastic layers: z2 -> z1 -> x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from bench.architecture import Architecture, Shape
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.initialisation import draw_glorot_weights
from bench.options import option


@dataclass(frozen=True)
class HierarchicalOptions:
    """Options of the `hierarchical` architecture."""

    hidden: int = option(200, "units in the hidden layer of each network", unit="units", minimum=1)
    top: int | Literal["auto"] = option(
        "auto", "latent dimensions of the upper layer, z2, below z; auto: a third of z, as in 100 and 50", minimum=1
    )


class TwoLayerDecoder(nn.Module):
    """(e1, z2) [..., d] -> the outputs for x at ``z1 = mean(z2) + deviation(z2) * e1``."""

    def __init__(self, conditional: nn.Module, likelihood: nn.Module, top: int) -> None:
        """``conditional`` maps z2 to mean and log-variance of p(z1|z2), ``likelihood`` z1 to the outputs for x."""
        super().__init__()
        self.conditional = conditional
        self.likelihood = likelihood
        self.top = top

    def lower(self, z: Tensor) -> Tensor:
        """z1 for z = (e1, z2): [..., d] -> [..., d - top]."""
        noise, upper = z[..., : -self.top], z[..., -self.top :]
        mean, log_variance = self.conditional(upper)
        return torch.addcmul(mean, (0.5 * log_variance).exp(), noise)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """See the class."""
        location, log_variance = self.likelihood(self.lower(z))
        return location, log_variance


class TwoLayerEncoder(nn.Module):
    """x [..., D] -> (mean [..., d], log-variance [..., d]) of e1 and z2: two tanh layers, sharing the first."""

    def __init__(self, num_pixels: int, hidden: int, lower: int, top: int) -> None:
        """``lower`` and ``top`` are the sizes of e1 and z2."""
        super().__init__()
        self.first = nn.Sequential(nn.Linear(num_pixels, hidden), nn.Tanh())
        self.of_noise = TanhNetwork(hidden, hidden, lower, scales=True)
        self.of_upper = TanhNetwork(hidden, hidden, top, scales=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        hidden = self.first(x)
        (noise_mean, noise_log_variance), (mean, log_variance) = self.of_noise(hidden), self.of_upper(hidden)
        return torch.cat([noise_mean, mean], -1), torch.cat([noise_log_variance, log_variance], -1)


class Hierarchical(Architecture):
    """Two stochastic layers: z2 ~ N(0, I), z1 ~ N(m(z2), diag(s(z2)^2)) with learned m and s, and x given z1.

    The model's z is (e1, z2), where ``z1 = m(z2) + s(z2) * e1``: its prior is N(0, I) for any m and s, and p(x) is that
    of z2 -> z1 -> x.  Every algorithm can therefore train it, and every estimator evaluate it, like any other model,
    and the KL divergence has a closed form.  The encoder is a diagonal Gaussian over (e1, z2): given z2, it is a
    diagonal Gaussian over z1 whose mean and standard deviation depend on z2 through m and s.  ``top`` is the size of
    z2; z must have more dimensions.

    The networks have one hidden tanh layer (two for the encoder) and Glorot initialisation.
    Sources: Burda et al. 2016, 1509.00519, section 5.1 (two stochastic layers of 100 and 50); Kingma & Welling 2014,
    1402.0480, section 3 (non-centred parametrisation); Glorot & Bengio 2010, equation 16.

    >>> Hierarchical(hidden=20).sizes(150)
    (100, 50)
    """

    Options = HierarchicalOptions
    options: HierarchicalOptions

    def sizes(self, latent_size: int) -> tuple[int, int]:
        """The numbers of latent dimensions of z1 and z2."""
        top = self.options.top
        upper = max(1, latent_size // 3) if top == "auto" else top
        return latent_size - upper, upper

    def refusal(self, shape: Shape) -> str:
        """See `Architecture.refusal`."""
        lower, upper = self.sizes(shape.latent_size)
        if lower >= 1:
            return ""
        return f"divides z between two layers and needs more than {upper} latent dimensions (got {shape.latent_size})"

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        hidden, (lower, upper) = self.options.hidden, self.sizes(shape.latent_size)
        conditional = TanhNetwork(upper, hidden, lower, scales=True)
        has_scale = shape.observation_model.has_log_variance
        likelihood = TanhNetwork(lower, hidden, shape.num_pixels, scales=has_scale, squash=shape.squash)
        return draw_glorot_weights(TwoLayerDecoder(conditional, likelihood, upper), generator)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        sizes = self.sizes(shape.latent_size)
        return draw_glorot_weights(TwoLayerEncoder(shape.num_pixels, self.options.hidden, *sizes), generator)
