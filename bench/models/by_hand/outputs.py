"""The parameters of a distribution as functions of a network's affine outputs."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bench.models.gaussian import LOG_VARIANCE_LIMIT

Outputs = tuple[Tensor, Tensor | None]  # the location and the log-variance, [..., O] each


class OutputLayer(NamedTuple):
    """Affine outputs [..., O or 2 O] -> a location [..., O], and a log-variance [..., O] if ``scales``, else None."""

    scales: bool
    squash: bool  # whether the location passes through a sigmoid

    def split(self, raw: Tensor) -> Outputs:
        """Location and log-variance of the affine outputs."""
        return self.of_halves(*raw.chunk(2, dim=-1)) if self.scales else (self._location(raw), None)

    def of_halves(self, location: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
        """`split` of two halves; the log-variance is kept where its exponential is a number."""
        return self._location(location), log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)

    def slopes(self, raw: Tensor, outputs: Outputs, slopes: Outputs) -> Tensor:
        """The gradient in ``raw`` given the ``slopes`` of the ``outputs`` that `split` computed from it."""
        (location, _), (of_location, of_log_variance) = outputs, slopes
        if self.squash:
            of_location = torch.ops.aten.sigmoid_backward(of_location, location)
        if of_log_variance is None:
            return of_location
        unbounded, limit = raw.chunk(2, dim=-1)[1], LOG_VARIANCE_LIMIT
        of_log_variance = torch.ops.aten.hardtanh_backward(of_log_variance, unbounded, -limit, limit)
        return torch.cat([of_location, of_log_variance], dim=-1)

    def _location(self, raw: Tensor) -> Tensor:
        return torch.sigmoid(raw) if self.squash else raw
