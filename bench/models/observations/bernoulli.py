"""Bernoulli pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from bench.models.buffers import Buffers
from bench.models.draws import draw_bernoulli
from bench.models.observation import ObservationModel


class Bernoulli(ObservationModel):
    """Each pixel is 0 or 1; the network outputs the logit of the probability of a 1.

    Grey pixels in [0, 1] are used as they are: ``x log p + (1 - x) log(1 - p)``, as in the authors' code.  This is not
    a normalised density of x, which is why the preprocessing of the pixels is reported beside every number.

    >>> import torch
    >>> Bernoulli().mean(torch.tensor([0.0]), None)
    tensor([0.5000])
    """

    location_is = "logit"

    def log_prob(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob`; ``x l - log(1 + e^l)`` for logits l, numerically stable for any l."""
        return (location * x).sum(-1) - functional.softplus(location).sum(-1)

    def log_prob_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob_of_pairs`."""
        return x @ location.T - functional.softplus(location).sum(-1)

    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `ObservationModel.score`; ``x - p`` for probabilities p."""
        probability = torch.sigmoid(location)
        return torch.sub(x, probability, out=probability), None

    def log_prob_in(self, buffers: Buffers, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob_in`."""
        work = buffers.like("products", location)
        if not _has_slow_logarithms(location):
            softplus = torch.ops.aten.softplus.out(location, out=buffers.like("softplus", location))
            return torch.mul(location, x, out=work).sub_(softplus).sum(-1)
        logarithms = _sum_of_logarithms(torch.abs(location, out=work).sigmoid_())
        positive = torch.clamp(location, min=0, out=work)
        return logarithms.sub_(torch.addcmul(positive, location, x, value=-1, out=work).sum(-1))

    def log_prob_with_slopes(
        self, x: Tensor, location: Tensor, log_variance: Tensor | None, *, weight: Tensor, buffers: Buffers
    ) -> tuple[Tensor, tuple[Tensor, Tensor | None]]:
        """See `ObservationModel.log_prob_with_slopes`."""
        probability = torch.sigmoid(location, out=buffers.like("probability", location))
        products = torch.mul(location, x, out=buffers.like("products", location))
        if _has_slow_logarithms(location):
            log_prob = products.sum(-1)
            larger = torch.maximum(probability, torch.sub(1, probability, out=products), out=products)
            log_prob.add_(_sum_of_logarithms(larger)).sub_(torch.clamp(location, min=0, out=products).sum(-1))
        else:
            softplus = torch.ops.aten.softplus.out(location, out=buffers.like("softplus", location))
            log_prob = products.sub_(softplus).sum(-1)
        return log_prob, (torch.sub(x, probability, out=probability).mul_(weight), None)

    def mean(self, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.mean`: the probability of a 1."""
        return torch.sigmoid(location)

    def sample(self, location: Tensor, log_variance: Tensor | None, generator: torch.Generator) -> Tensor:
        """See `ObservationModel.sample`: zeros and ones."""
        return draw_bernoulli(torch.sigmoid(location), generator)

    def refusal(self, x: Tensor) -> str:
        """See `ObservationModel.refusal`: x must lie in [0, 1]."""
        low, high = (float(end) for end in torch.aminmax(x))
        return "" if low >= 0 and high <= 1 else f"needs data in [0, 1] (got {low:.9g} to {high:.9g})"


def _has_slow_logarithms(location: Tensor) -> bool:
    """Whether log(1 + e^l) for logits l [..., D] is slower than ``max(l, 0) - log max(p, 1 - p)`` with p = sigmoid(l).

    On CPUs, the logarithm of a product replaces many logarithms (`_sum_of_logarithms`).
    """
    return location.is_cpu and location.shape[-1] >= 256 and location.shape[-1] % 16 == 0


def _sum_of_logarithms(factors: Tensor) -> Tensor:
    """The sum [...] of the logarithms of factors [..., D] between 1/2 and 1, which are overwritten.

    A product of 16 such factors does not underflow in float32.
    """
    width = factors.shape[-1]
    for _ in range(4):
        width //= 2
        factors = factors[..., :width].mul_(factors[..., width:])
    return factors.log_().sum(-1)
