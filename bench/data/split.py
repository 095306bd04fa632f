"""A random split into training and test rows, for data without a standard one."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.errors import DataError


def split(num_rows: int, num_test: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the indices of the training rows [num_rows - num_test] and test rows [num_test], in random order.

    Raises DataError if one of the two would be empty.

    >>> train, test = split(10, 3, torch.Generator().manual_seed(0))
    >>> len(train), len(test)
    (7, 3)
    """
    if not 1 <= num_test < num_rows:
        raise DataError(
            f"`num_test` must be at least 1 and below the number of datapoints, {num_rows} (got {num_test}): "
            "training and test data need at least one each."
        )
    order = torch.randperm(num_rows, generator=generator)
    return order[num_test:], order[:num_test]
