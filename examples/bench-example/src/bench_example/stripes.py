"""Binary images of horizontal stripes."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bench import Data, Dataset, option


@dataclass(frozen=True)
class StripesOptions:
    """Options of the stripes."""

    size: int = option(6, "rows and columns of an image", unit="pixels", minimum=2)


class Stripes(Dataset):
    """Binary images of horizontal stripes, drawn at random."""

    Options = StripesOptions
    hidden = 20

    def load(self, generator: torch.Generator) -> Data:
        """1000 images for training and 200 for testing."""
        size = self.options.size
        rows = torch.bernoulli(torch.full((1200, size, 1), 0.5), generator=generator)
        x = rows.expand(-1, -1, size).reshape(1200, size * size)  # [N, D], float32
        return Data(x[:1000], x[1000:], image_shape=(size, size), observation_model="bernoulli", pixels="binary")
