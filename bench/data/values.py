"""A user's array as the tensor that models take."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench.errors import OptionError
from bench.models.observation import ObservationModel


def as_values(x: ArrayLike | Tensor, observation_model: ObservationModel, dtype: torch.dtype = torch.float32) -> Tensor:
    """x, [N, D] or [N, rows, columns], as a tensor [N, D] of finite values on the CPU, in ``dtype``.

    Raises OptionError for another shape, for NaN or infinite values, and for values that the observation model refuses.

    >>> from bench.models.observation import observation_model
    >>> as_values([[[0, 1], [1, 1]]], observation_model("bernoulli"))
    tensor([[0., 1., 1., 1.]])
    """
    values = (x.detach().cpu() if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))).to(dtype)
    if values.ndim < 2 or values.numel() == 0:
        raise OptionError(f"`x` must be [N, D] with at least one row (got shape {tuple(values.shape)}).")
    values = values.reshape(values.shape[0], -1)
    if not torch.isfinite(values).all():
        raise OptionError(f"`x` must be finite (got {int((~torch.isfinite(values)).sum())} NaN or infinite values).")
    refusal = observation_model.refusal(values)
    if refusal:
        raise OptionError(
            f"`x` does not suit the observation model {observation_model.plugin_name()}, which {refusal}: rescale it, "
            "or choose another observation model, such as gaussian."
        )
    return values
