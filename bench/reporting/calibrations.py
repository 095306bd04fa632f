"""The calibration of the encoder of each model, and what is common to the figures that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from bench import seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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


def calibration_figure(
    results: Results,
    x_label: str,
    y_label: str,
    draw_place: Callable[[Axes, int], None],
    draw_model: Callable[[Axes, Calibration, tuple[float, float, float]], None],
    explanations: tuple[str, ...],
) -> Figure | None:
    """A panel for each place and the verdicts in the caption, after ``explanations``; None if there is no encoder.

    ``draw_place`` gets a panel and the smallest number of ranks of a latent dimension there; ``draw_model`` a panel,
    a calibration and the colour of its algorithm.
    """
    calibrated, missing = calibrations(results)
    if not calibrated:
        return None
    from bench.likelihood.calibration import NUM_POINTS
    from bench.reporting.figures.legends import add_legends_and_caption
    from bench.reporting.figures.looks import legend_entries, looks, style
    from bench.reporting.figures.place_panels import place_panels
    from bench.results.models import about, left_out

    with style():
        every = looks(dict.fromkeys(results.trials["algorithm"]))
        places = sorted({each.cell.place for each, _ in calibrated})
        figure, axes = place_panels(places, x_label, y_label)
        for place in places:
            draw_place(axes[place], min(len(c.ranks) for each, c in calibrated if each.cell.place == place))
        for each, calibration in calibrated:
            draw_model(axes[each.cell.place], calibration, every[each.cell.algorithm].colour)
        entries = legend_entries({each.cell.algorithm: every[each.cell.algorithm] for each, _ in calibrated})
        for entry in entries.values():
            entry.set_marker("")
        seeds_shown = about([each for each, _ in calibrated])
        caption = [
            f"{NUM_POINTS} datapoints drawn from each model. {seeds_shown} Without an encoder there is no line.",
            *explanations,
            *(f"{each.cell.place.words}: {each.cell.algorithm} is {c.verdict}." for each, c in calibrated),
            *left_out(missing),
        ]
        add_legends_and_caption(figure, [entries], caption)
    return figure
