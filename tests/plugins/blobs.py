"""A user's own data set in one file: noisy copies of four binary prototypes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bench import Data, Dataset, option


@dataclass(frozen=True)
class Options:
    """Options."""

    num_train: int = option(200, "training points", minimum=1)


class Blobs(Dataset[Options]):
    """Noisy copies of four binary prototypes (a user's own file)."""

    Options = Options
    hidden = 8

    def load(self, generator: torch.Generator) -> Data:
        """200 training and 50 test points of 12 pixels."""
        prototypes = torch.bernoulli(torch.full((4, 12), 0.5), generator=generator) * 0.9 + 0.05
        count = self.options.num_train + 50
        x = torch.bernoulli(prototypes[torch.randint(4, (count,), generator=generator)], generator=generator)
        return Data(x[:-50], x[-50:], (3, 4), "bernoulli", pixels="binary")
