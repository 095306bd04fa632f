"""Draws the time to a target: a row of panels for each clock, a column for each place, a line of marks an algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.drawing import figures
from bench.drawing.figures import GREY, Look
from bench.drawing.place_panels import legend
from bench.measures import Place

LABELS = {"samples": "training samples", "model_evaluations": "model evaluations", "train_seconds": "training seconds"}


def draw(times: Mapping[str, pd.DataFrame], looks: Mapping[str, Look], caption: list[str]) -> Figure:
    """``times`` as `measures.times` gives them, for each clock; the algorithms are those of ``looks``."""
    places = [Place._make(key) for key in _keys(next(iter(times.values())))]
    height = 0.35 * len(looks) + 0.75
    with figures.style():
        size = (max(2.9 * len(places) + 0.4, 6.4), height * len(times))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(times), len(places), squeeze=False, sharey=True, sharex="row")
        for row, (clock, every) in zip(axes, times.items(), strict=True):
            never = _beyond(every["time"].to_numpy())
            for place, ax in zip(places, row, strict=True):
                here = every[(every[list(Place._fields)] == list(place)).all(axis=1)]
                _draw_panel(ax, here, looks, never)
                ax.set_xlabel(LABELS[clock])
                if ax in axes[0]:
                    aim = f"z = {place.z}: to {here['target'].iloc[0]:.2f} nats"
                    title = f"{place.dataset}, {place.n_train} training points\n{aim}"
                    ax.set_title(title, loc="left", fontsize=9, parse_math=False)
        figures.add_legends_and_caption(figure, [legend(dict(looks), line=False)], caption)
    return figure


def _keys(times: pd.DataFrame) -> list[Any]:
    return list(times.groupby(list(Place._fields), sort=False).groups)


def _beyond(times: NDArray[np.float64]) -> float:
    """Where the seeds stand that never get there."""
    finite = times[np.isfinite(times)]
    return float(finite.max() * 3) if len(finite) else 1.0


def _draw_panel(ax: Axes, here: pd.DataFrame, looks: Mapping[str, Look], never: float) -> None:
    ax.set_xscale("log")
    for i, (name, look) in enumerate(looks.items()):
        own = here.loc[here["algorithm"] == name, "time"].to_numpy()
        if len(own):
            x = np.where(np.isfinite(own), own, never)
            median = float(np.quantile(x, 0.5, method="inverted_cdf"))
            ax.scatter(x, np.full(len(x), i), s=16, color=look.colour, marker=look.marker, alpha=0.6, linewidths=0)
            ax.plot([median, median], [i - 0.3, i + 0.3], color=look.colour, linewidth=2.5)
    if np.isinf(here["time"]).any():
        ax.axvline(never / 1.7, color=GREY, linewidth=0.7, linestyle=":")
        ax.text(never, -0.45, "never", ha="center", va="top", fontsize=7, color=GREY)
    figures.label_logarithmic(ax)
    ax.set_yticks([])
    ax.set_ylim(len(looks) - 0.5, -0.5)
    ax.grid(True, axis="x", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
