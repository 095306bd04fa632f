"""A random split into training and test rows, for data that come without one."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.errors import DataError


def split(num_rows: int, num_test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The indices of the training rows [num_rows - num_test] and of the test rows [num_test], in random order.

    Raises DataError where one of the two would be empty.
    """
    if not 1 <= num_test < num_rows:
        raise DataError(
            f"`num_test` must be at least 1 and below the number of datapoints, {num_rows} (got {num_test}): "
            "training and test need one each."
        )
    order = torch.randperm(num_rows, generator=generator)
    return order[num_test:], order[:num_test]
