"""Point masses, for models whose z is discrete."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from bench.likelihood import enumeration, gibbs
from bench.likelihood.family import Bounds, Latents
from bench.models.discrete import DiscreteLatents


@dataclass(frozen=True)
class CodeFamily:
    """The encoder's code, and the best code for each datapoint."""

    model: DiscreteLatents

    def bounds(self, x: Tensor, num_gap_points: int, generator: torch.Generator) -> Bounds:
        """See `Family`.  The best code by trying all, or by a local search from the encoder's if there are too many."""
        model, x_gap = self.model, x[:num_gap_points]
        codes = model.encode_codes(x)
        chosen = codes[: len(x_gap)]
        enumerable = enumeration.is_enumerable(model)
        best_codes = enumeration.best_codes(model, x_gap) if enumerable else gibbs.climb(model, x_gap, chosen)
        best, bound = (model.log_joint_of(x_gap, each).double() for each in (best_codes, chosen))
        exactly = torch.zeros_like(best)
        in_use = len(codes.unique(dim=0))
        return Bounds(best, exactly, bound, exactly, _of_codes(model, codes), _of_codes(model, best_codes), in_use)


def _of_codes(model: DiscreteLatents, codes: Tensor) -> Latents:
    """The information in codes [N, G]: since q is a point mass, I(x; z) is the entropy of their use over datapoints."""
    use = codes.unique(dim=0, return_counts=True)[1].double() / len(codes)
    shares = functional.one_hot(codes, model.num_codes).double().mean(0)  # [G, K]
    return Latents(
        kl=-model.log_prior_terms(codes).double().mean(0),
        variance=1 - shares.square().sum(-1),
        mutual_information=max(0.0, -float((use * use.log()).sum())),
    )
