"""The abilities of models whose z takes one of finitely many values."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from bench.models.decoder import Decoder
from bench.models.encoder import Encoder


class DiscreteLatents:
    """p(k) p(x|z_k): G groups with one of K codes each, and a vector z in R^d for every combination of codes.

    A model with these abilities derives from this class first and then from `LatentVariableModel`; its ``discrete`` is
    the model itself, whereas that of other models is None.  Estimators that need continuous z refuse it; others sum
    over codes, or draw them.
    """

    decoder: Decoder
    encoder: Encoder | None

    @property
    def discrete(self) -> Self:
        """The model itself."""
        return self

    @property
    def random(self) -> RandomCodes | None:
        """The model itself if its encoder draws codes at random; None if it chooses them deterministically."""
        return None

    @property
    @abstractmethod
    def num_codes(self) -> int:
        """K, the number of codes per group."""

    @property
    @abstractmethod
    def num_groups(self) -> int:
        """G, the number of groups."""

    @abstractmethod
    def vectors(self, codes: Tensor) -> Tensor:
        """The z that the decoder receives for codes [..., G]: [..., d]."""

    @abstractmethod
    def log_prior_terms(self, codes: Tensor) -> Tensor:
        """log p(k_g | k_1 ... k_(g-1)) in nats for each group: [..., G] -> [..., G]."""

    @abstractmethod
    def sample_codes(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Draws from p(k): [num_samples, G]."""

    @abstractmethod
    def encode_codes(self, x: Tensor) -> Tensor:
        """The codes that the encoder chooses for each row of x [N, D]: [N, G]."""

    @property
    def num_states(self) -> int:
        """The number of values that z can take: K^G."""
        return int(self.num_codes**self.num_groups)

    @property
    def latents_in_words(self) -> str:
        """Their name in messages: ``128 codes`` or ``128^4 codes``."""
        return f"{self.num_codes}{f'^{self.num_groups}' if self.num_groups > 1 else ''} codes"

    def states(self, chunk: int) -> Iterator[Tensor]:
        """All K^G combinations of codes in chunks [S, G] of at most S; the last group's code changes fastest."""
        device = next(self.decoder.parameters()).device
        bases = self.num_codes ** torch.arange(self.num_groups - 1, -1, -1, device=device)
        for start in range(0, self.num_states, chunk):
            index = torch.arange(start, min(start + chunk, self.num_states), device=device)
            yield index.unsqueeze(-1) // bases % self.num_codes

    def log_prior_of(self, codes: Tensor) -> Tensor:
        """log p(k) in nats: [..., G] -> [...]."""
        return self.log_prior_terms(codes).sum(-1)

    def log_joint_of(self, x: Tensor, codes: Tensor) -> Tensor:
        """log p(x, k) in nats: x [N, D], codes [..., N, G] -> [..., N].  Cost: 1 model evaluation for each k."""
        return self.log_prior_of(codes) + self.decoder.log_prob(x, self.vectors(codes))

    def sample_prior(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `LatentVariableModel.sample_prior`: the vectors of `sample_codes`."""
        return self.vectors(self.sample_codes(num_samples, generator))

    def _outputs(self, z: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor | None]]:
        raise ValueError("z is discrete in this model: log p(x, z) has no gradient in z.")


class RandomCodes(DiscreteLatents):
    """Discrete latents with an encoder whose q(k|x) is a distribution, independent over groups."""

    @property
    def random(self) -> Self:
        """The model itself."""
        return self

    @abstractmethod
    def log_posterior_of_each(self, x: Tensor) -> Tensor:
        """log q(k_g|x) in nats of each code of each group, normalised: x [N, D] -> [N, G, K]."""
