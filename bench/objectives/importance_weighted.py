"""K draws of z per datapoint, their importance weights, and the bounds and gradients made of them.

The multi-sample algorithms differ only slightly.  With respect to theta, all of them ascend
``sum_k v_k d log p(x, z_k)``, where v_k are the normalised weights ``w_k = p(x, z_k) / q(z_k|x)``.  The gradient
reaches phi in two ways: along the path ``z_k = m + s epsilon_k`` (let D_k be the derivative of log w_k through z_k),
and through the parameters of q in log q(z_k|x) (the score S_k).  An estimator is defined by the choice of ways (`Ways`)
and, along the path, by a factor for each draw:

=====================  ==============  =======================  ===========================================
estimator              ways            factor                   gradient in phi
=====================  ==============  =======================  ===========================================
standard               "both"          1                        sum v_k (D_k - S_k)
STL                    "path"          1                        sum v_k D_k
DReG                   "path"          a + (1 - a) v_k          sum v_k^2 D_k if a = 0, as in IWAE
wake phase             "parameters"                             sum v_k S_k
wake phase, DReG       "path"          1 - v_k                  sum (v_k - v_k^2) D_k
=====================  ==============  =======================  ===========================================

For the Renyi bound of order a, v_k are the normalised ``w_k^(1 - a)``.  All of this is implemented once, in this
module, so that an algorithm only specifies which bound it ascends, and with which estimator.
Sources: Burda et al. 2016 (IWAE); Roeder et al. 2017 (STL); Tucker et al. 2019 (DReG, of the wake phase as well);
Li & Turner 2016 (Renyi bound); Daudel et al. 2023 (its DReG); Bornschein & Bengio 2015 (wake phase).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.models.latent import LatentVariableModel

Ways = Literal["both", "path", "parameters"]  # on which a gradient reaches phi
Gradient = Literal["standard", "stl", "dreg"]  # of a bound in phi


@dataclass(frozen=True)
class WeightedDraws:
    """K draws of z from q(z|x) for each of M datapoints, with the log-densities that weigh them.

    >>> draws = WeightedDraws(torch.zeros(2, 1, 3), torch.tensor([[0.0], [0.0]]), torch.tensor([[0.0], [-1.0986]]))
    >>> draws.log_w.exp(), draws.shares()  # weights 1 and 3
    (tensor([[1.0000],
            [3.0000]]), tensor([[0.2500],
            [0.7500]]))
    >>> draws.bound().exp(), draws.bound(alpha=1)
    (tensor([2.0000]), tensor([0.5493]))
    """

    z: Tensor  # [K, M, d]
    log_p: Tensor  # log p(x, z) in nats, [K, M]
    log_q: Tensor  # log q(z|x) in nats, [K, M]

    @property
    def log_w(self) -> Tensor:
        """The log importance weights ``log p(x, z) - log q(z|x)``, in nats: [K, M]."""
        return self.log_p - self.log_q

    def shares(self, alpha: float = 0.0) -> Tensor:
        """``v_k``, the share of each draw in ``sum_k w_k^(1 - alpha)``, detached: [K, M]."""
        return ((1 - alpha) * self.log_w.detach()).softmax(0)

    def bound(self, alpha: float = 0.0) -> Tensor:
        """``log(mean_k w_k^(1 - alpha)) / (1 - alpha)`` for each datapoint, [M] nats; for alpha = 1 ``mean_k log w_k``.

        Its gradient is ``sum_k v_k d log w_k``.  With alpha = 0 it is the importance-weighted bound; with alpha = 1 it
        is the standard lower bound.  No precision is lost if the powers are nearly equal, as for alpha near 1.
        Sources: Burda et al. 2016, section 3; Li & Turner 2016, section 4.1.
        """
        if alpha == 1:
            return self.log_w.mean(0)
        powers = (1 - alpha) * self.log_w
        largest = powers.detach().amax(0)
        return (largest + (powers - largest).expm1().mean(0).log1p()) / (1 - alpha)

    def scale_path(self, factor: Tensor) -> None:
        """Multiply any gradient that passes through each z by a ``factor`` [K, M] from now on."""
        if self.z.requires_grad:
            self.z.register_hook(lambda gradient: gradient * factor.unsqueeze(-1))


def weighted_draws(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_samples: int, ways: Ways = "both"
) -> WeightedDraws:
    """Draw K = ``num_samples`` values of z from the encoder's q(z|x) for each row of x [M, D].

    ``ways`` specifies the ways in which a gradient may reach phi.  Raises ValueError if the model has no encoder.
    Cost: K model evaluations per datapoint.
    """
    posterior = model.encode(x)
    z = posterior.rsample(generator, num_samples)  # [K, M, d]
    if ways == "parameters":
        z = z.detach()
    log_q = posterior.log_prob(z)
    if ways == "path":  # without the score, whatever the family of q
        of_parameters = posterior.log_prob(z.detach())
        log_q = log_q - (of_parameters - of_parameters.detach())
    return WeightedDraws(z, model.log_joint(x, z), log_q)


def draws_for_bound(
    model: LatentVariableModel,
    x: Tensor,
    generator: torch.Generator,
    num_samples: int,
    *,
    gradient: Gradient,
    alpha: float = 0.0,
) -> WeightedDraws:
    """Like `weighted_draws`, but the gradient of ``bound(alpha)`` with respect to phi is the requested estimator.

    ``standard`` and ``dreg`` have the same expectation as the gradient of the bound; for ``stl`` this holds only if
    K = 1 or alpha = 1.
    """
    draws = weighted_draws(model, x, generator, num_samples, "both" if gradient == "standard" else "path")
    if gradient == "dreg":
        draws.scale_path(alpha + (1 - alpha) * draws.shares(alpha))
    return draws
