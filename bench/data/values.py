"""A user's array as the tensor that models take."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from bench.errors import OptionError
from bench.models.observation import ObservationModel


def as_values(x: ArrayLike | Tensor, observation_model: ObservationModel, dtype: torch.dtype = torch.float32) -> Tensor:
    """Convert x, [N, D] or [N, rows, columns], to a tensor [N, D] of finite values on the CPU, in ``dtype``.

    x may be a tensor, an array of any layout and byte order, a data frame, or lists of lists.  Raises OptionError for
    other shapes, for anything but real numbers, for missing, NaN or infinite values, and for values that the
    observation model refuses.

    >>> from bench.models.observation import observation_model
    >>> as_values([[[0, 1], [1, 1]]], observation_model("bernoulli"))
    tensor([[0., 1., 1., 1.]])
    """
    values = x.detach().to_dense().cpu() if isinstance(x, Tensor) else _tensor(x)
    if values.is_complex() or values.is_quantized:
        raise OptionError(f"`x` must hold real numbers (got {values.dtype}).")
    if values.ndim < 2 or values.numel() == 0:
        raise OptionError(f"`x` must be [N, D] with at least one row (got shape {tuple(values.shape)}).")
    given = values.reshape(values.shape[0], -1)
    values = given.to(dtype)
    if not torch.isfinite(values).all():
        num_bad = int((~torch.isfinite(given)).sum())
        what = f"{num_bad} NaN or infinite values" if num_bad else f"values that {dtype} cannot hold"
        raise OptionError(f"`x` must be finite (got {what}).")
    refusal = observation_model.refusal(values)
    if refusal:
        raise OptionError(
            f"`x` does not suit the observation model {observation_model.plugin_name()}, which {refusal}: rescale it, "
            "or choose another observation model, such as gaussian."
        )
    return values


def image_shape(x: ArrayLike | Tensor) -> tuple[int, int] | None:
    """The rows and columns of each datapoint of x [N, rows, columns] or [N, 1, rows, columns]; None for [N, D].

    >>> image_shape(np.zeros((5, 8, 6))), image_shape(np.zeros((5, 48)))
    ((8, 6), None)
    """
    sizes = tuple(x.shape) if hasattr(x, "shape") else np.shape(x)
    if len(sizes) == 3 or (len(sizes) == 4 and sizes[1] == 1):
        return int(sizes[-2]), int(sizes[-1])
    return None


def _tensor(x: ArrayLike) -> Tensor:
    """A tensor with the same values; objects are taken for numbers."""
    if hasattr(x, "toarray"):
        raise OptionError(f"`x` must be a dense array (got a sparse {type(x).__name__}): give x.toarray().")
    if np.ma.is_masked(x):
        raise OptionError("`x` must not have masked values: fill them, or leave their rows out.")
    try:
        array = np.asarray(x)
        if array.dtype.kind not in "biufO":
            raise OptionError(f"`x` must hold real numbers (got dtype {array.dtype}).")
        wide = array.dtype.kind == "O" or array.dtype.itemsize > np.dtype(np.float64).itemsize
        native = np.dtype(np.float64) if wide else array.dtype.newbyteorder("=")
        return torch.from_numpy(np.require(array, native, ["C", "W"]))  # torch knows no other layout and byte order
    except (TypeError, ValueError) as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(
            f"`x` must be a rectangular array of real numbers without missing values (got {type(x).__name__}: {error})."
        ) from error
