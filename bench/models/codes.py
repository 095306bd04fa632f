"""Codes with a learned codebook, and a prior that is learned with them."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor, nn

from bench.errors import OptionError
from bench.models.decoder import Decoder
from bench.models.discrete import DiscreteLatents
from bench.models.encoder import Encoder
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel


class CodeModel(DiscreteLatents, LatentVariableModel):
    """p(k) p(x|e_k), where ``e_k`` in R^d concatenates one codebook vector in R^(d/G) per group.

    The decoder receives ``e_k`` as z, so that its network is the same as in any other model.  The prior is a
    first-order Markov chain over the groups, normalised for any parameters:
    ``log p(k) = log p(k_1) + sum_g log p(k_g | k_(g-1))``.  q(k|x) is a point mass at the codes whose vectors are
    nearest to the encoder's mean.
    Source: van den Oord et al. 2017, "Neural discrete representation learning", section 3; Jégou et al. 2011, "Product
    quantization for nearest neighbor search", for groups with separate codebooks.
    """

    encoder: Encoder

    def __init__(self, latent_size: int, decoder: Decoder, encoder: Encoder, num_codes: int, num_groups: int) -> None:
        """Codebook and prior logits start at zero, which is a uniform prior; ``num_codes`` is K, ``num_groups`` is G.

        Raises OptionError if G does not divide d.
        """
        super().__init__(latent_size, decoder, encoder)
        if latent_size % num_groups:
            raise OptionError(f"`num_groups` must divide z, which is {latent_size} (got {num_groups}).")
        zero = torch.zeros_like(next(decoder.parameters()).detach().flatten()[0])  # on its device
        self.codebook = nn.Parameter(zero.repeat(num_groups, num_codes, latent_size // num_groups))
        self.initial = nn.Parameter(zero.repeat(num_codes))  # logits of the first group's code
        self.transition = nn.Parameter(zero.repeat(num_groups - 1, num_codes, num_codes))  # logits [.., from, to]

    @classmethod
    def around(cls, model: LatentVariableModel, num_codes: int, num_groups: int) -> Self:
        """Build from the networks of another model, which must have an encoder."""
        if model.encoder is None:
            raise ValueError("Codes are chosen by an encoder, and this model has none.")
        return cls(model.latent_size, model.decoder, model.encoder, num_codes, num_groups)

    @property
    def num_codes(self) -> int:
        """See `DiscreteLatents.num_codes`."""
        return self.codebook.shape[1]

    @property
    def num_groups(self) -> int:
        """See `DiscreteLatents.num_groups`."""
        return self.codebook.shape[0]

    # -- codes and their vectors -----------------------------------------------------------------------------------

    def by_group(self, z: Tensor) -> Tensor:
        """z split into the dimensions of each group: [..., d] -> [..., G, d/G]."""
        parts: Tensor = z.unflatten(-1, (self.num_groups, -1))
        return parts

    def vectors(self, codes: Tensor) -> Tensor:
        """See `DiscreteLatents.vectors`."""
        return self.codebook[torch.arange(self.num_groups, device=codes.device), codes].flatten(-2)

    @torch.no_grad()
    def nearest(self, z: Tensor) -> Tensor:
        """The codes whose vectors are nearest to z, group by group: [N, d] -> [N, G]."""
        parts = self.by_group(z).movedim(1, 0)  # [G, N, d/G]
        distances = torch.cdist(parts, self.codebook, compute_mode="donot_use_mm_for_euclid_dist")  # [G, N, K]
        codes: Tensor = distances.argmin(-1).mT
        return codes

    # -- p(k) ------------------------------------------------------------------------------------------------------

    def log_prior_terms(self, codes: Tensor) -> Tensor:
        """See `DiscreteLatents.log_prior_terms`."""
        first = self.initial.log_softmax(-1)[codes[..., :1]]
        group = torch.arange(self.num_groups - 1, device=codes.device)
        return torch.cat([first, self.transition.log_softmax(-1)[group, codes[..., :-1], codes[..., 1:]]], -1)

    def log_prior(self, z: Tensor) -> Tensor:
        """log p(z) in nats, summed over all codes whose vector is z: [..., d] -> [...]; -inf if there are none.

        Computed by the forward recursion over groups; ``log_prior_of`` is faster if the codes are known.
        """
        meant = torch.where((self.by_group(z).unsqueeze(-2) == self.codebook).all(-1), 0.0, -math.inf)  # [..., G, K]
        log_alpha = self.initial.log_softmax(-1) + meant[..., 0, :]
        for group, transition in enumerate(self.transition.log_softmax(-1), start=1):
            log_alpha = (log_alpha.unsqueeze(-1) + transition).logsumexp(-2) + meant[..., group, :]
        return log_alpha.logsumexp(-1)

    @torch.no_grad()
    def sample_codes(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `DiscreteLatents.sample_codes`: one group after the other."""
        probabilities = self.initial.softmax(-1).expand(num_samples, -1)
        chosen = [torch.multinomial(probabilities, 1, generator=generator)]
        for transition in self.transition.softmax(-1):
            chosen.append(torch.multinomial(transition[chosen[-1][:, 0]], 1, generator=generator))
        return torch.cat(chosen, -1)

    # -- q(k|x) and the bound --------------------------------------------------------------------------------------

    def encode_codes(self, x: Tensor) -> Tensor:
        """See `DiscreteLatents.encode_codes`: the location of the point mass q(k|x)."""
        return self.nearest(self.encoder(x).mean)

    def encode(self, x: Tensor) -> Gaussian:
        """q(z|x), a point mass at the vector of the encoder's codes: a Gaussian of variance zero."""
        mean = self.vectors(self.encode_codes(x))
        return Gaussian(mean, torch.full_like(mean, -math.inf))

    def elbo(
        self, x: Tensor, generator: torch.Generator, num_samples: int = 1, *, seen: Tensor | None = None
    ) -> Tensor:
        """The lower bound ``log p(x) >= log p(x, k)`` at the encoder's codes k: x [N, D] -> [N] nats.

        No sampling is needed: the entropy of a point mass is zero.  Cost: 1 model evaluation per datapoint.
        """
        return self.log_joint_of(x, self.encode_codes(x if seen is None else seen))
