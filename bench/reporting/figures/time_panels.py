"""Figures of the time to a target: one column per place, one panel per clock, one line of marks per algorithm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.reporting.figures.grid import COLUMNS
from bench.reporting.figures.legends import add_legends_and_caption
from bench.reporting.figures.log_axis import set_logarithmic
from bench.reporting.figures.looks import GREY, Look, legend_entries, style
from bench.reporting.figures.titles import set_title
from bench.results.curves import CLOCKS
from bench.results.grid import Place

NEVER = 0.2  # the share of an axis that is kept for seeds that never reach the target


def draw(times: Mapping[str, pd.DataFrame], looks: Mapping[str, Look], caption: Sequence[str]) -> Figure:
    """``times`` are those of `bench.results.curves.times` by clock; the algorithms are those of ``looks``.

    Columns are broken into blocks that are nearly equally wide; a clock has the same range in all of them.
    """
    places = [Place(*row) for row in next(iter(times.values()))[list(Place._fields)].drop_duplicates().to_numpy()]
    columns = math.ceil(len(places) / math.ceil(len(places) / COLUMNS))
    blocks = [places[start : start + columns] for start in range(0, len(places), columns)]
    height = len(times) * (0.35 * len(looks) + 0.6) + 0.35
    with style():
        figure = Figure(figsize=(max(2.9 * columns + 0.4, 6.4), height * len(blocks)), layout="constrained")
        grid = figure.add_gridspec(len(blocks) * len(times), columns)
        for b, block in enumerate(blocks):
            for j, place in enumerate(block):
                for i, (clock, every) in enumerate(times.items()):
                    ax = figure.add_subplot(grid[b * len(times) + i, j])
                    at_place = every[(every[list(Place._fields)] == list(place)).all(axis=1)]
                    _draw_panel(ax, at_place, looks, every["time"])
                    ax.set_xlabel(CLOCKS[clock])
                    if i == 0:
                        aim = f"z = {place.z}: to {at_place['target'].iloc[0]:.2f} nats"
                        above = f"{place.dataset}, {place.n_train} training points"
                        set_title(ax, f"{above}\n{aim}")
        add_legends_and_caption(figure, [legend_entries(dict(looks), line=False)], caption)
    return figure


def _draw_panel(ax: Axes, at_place: pd.DataFrame, looks: Mapping[str, Look], every: pd.Series) -> None:
    unreached = bool(np.isinf(every).any())
    left, right = set_logarithmic(ax, every, right=NEVER if unreached else 0.04)
    margin = (right / left) ** (NEVER / (1.04 + NEVER))
    never = right / margin**0.5
    for i, (name, look) in enumerate(looks.items()):
        values = at_place.loc[at_place["algorithm"] == name, "time"].to_numpy()
        if len(values):
            x = np.where(np.isfinite(values), values, never)
            median = float(np.quantile(x, 0.5, method="inverted_cdf"))
            ax.scatter(x, np.full(len(x), i), s=16, color=look.colour, marker=look.marker, alpha=0.6, linewidths=0)
            ax.plot([median, median], [i - 0.3, i + 0.3], color=look.colour, linewidth=2.5)
    if unreached:
        ax.axvspan(right / margin**0.9, right, color="0.95", linewidth=0, zorder=0)
        ax.text(never, -0.5, "never", ha="center", va="bottom", fontsize=7, color=GREY)
    ax.set_yticks([])
    ax.set_ylim(len(looks) - 0.5, -0.5)
    ax.grid(True, axis="x", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)
