"""The calibration of the encoder of each model, for the figures that show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from bench import seeds

if TYPE_CHECKING:
    from bench.likelihood.calibration import Calibration
    from bench.results.frames import Results
    from bench.results.grid import Cell
    from bench.results.models import TrainedModel

Calibrated = list[tuple["TrainedModel", "Calibration"]]


def calibrations(results: Results) -> tuple[Calibrated, Mapping[Cell, str]]:
    """The models with an encoder and continuous z, each with its calibration; and why cells have no model."""
    models, missing = results.models
    if "calibrations" not in results.derived:
        from bench.likelihood.calibration import calibrate

        results.derived["calibrations"] = [
            (each, calibrate(each.model, seeds.generator("calibration", list(each.cell), each.seed)))
            for each in models
            if each.model.encoder is not None and each.model.discrete is None
        ]
    return cast("Calibrated", results.derived["calibrations"]), missing
