"""Draws scores against the values of hyperparameters: a row of panels per hyperparameter and kind of score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bench.reporting.figures.grid import label_panels, panel_grid
from bench.reporting.figures.legends import add_legends_and_caption
from bench.reporting.figures.log_axis import set_logarithmic
from bench.reporting.figures.looks import Look, legend_entries, looks, style
from bench.reporting.sensitivity.points import FINAL
from bench.reporting.tables.formatting import broken

QUANTITIES = {
    FINAL: "log p(x), test,\nend of training (nats)",
    "halving": "validation score\nwhile tuning (nats)",
    "paper": "first objective\nwhile tuning (nats)",
}
Dash = Literal[":", "-.", "--", "-"]
DASHES: tuple[Dash, ...] = (":", "-.", "--", "-")  # of the rounds of a choice, the last one last
FAR = 10.0  # a value is off the axis if it is this many times further below the best than the median is
CHARACTERS = 40  # that the names of categories may have side by side below a panel
EDGE = 0.03  # height of the marks at the lower edge, of the panel's
GROUP = ["dataset", "n_train", "hyperparameter", "quantity"]


def draw(rows: pd.DataFrame, names: Sequence[str], caption: Sequence[str]) -> Figure:
    """The `points`; ``names`` of algorithms come first when looks are handed out, ``caption`` is continued."""
    rows = rows.sort_values(GROUP, key=lambda column: column.map({each: i for i, each in enumerate(column.unique())}))
    groups = [(key, group) for key, group in rows.groupby(GROUP, sort=False)]
    with style():
        figure, axes = panel_grid([group["z"].nunique() for _, group in groups])
        every = looks(dict.fromkeys([*names, *rows["family"]]))
        shown = {name: every[name] for name in dict.fromkeys(rows["family"])}
        below: list[str] = []
        for ((dataset, n_train, name, quantity), group), panels in zip(groups, axes, strict=True):
            sizes = sorted(group["z"].unique())
            titles = [f"z = {z}" for z in sizes]
            heading = f"{dataset}, {n_train} training points"
            label_panels(panels, titles, heading, str(name).replace("_", " "), QUANTITIES.get(str(quantity), "score"))
            place = rows[(rows[GROUP[:3]] == [dataset, n_train, name]).all(axis=1)]
            frame = _Frame.around(panels, group, list(dict.fromkeys(place["setting"])))
            for z, ax in zip(sizes, panels, strict=True):
                below += _draw_panel(ax, group[group["z"] == z], shown, frame)
        rounds = sorted(rows["samples"].dropna().unique())
        legends = [legend_entries(shown), _round_entries(rounds)] if len(rounds) > 1 else [legend_entries(shown)]
        texts = [*caption, *_edge_caption(rows, below)]
        add_legends_and_caption(figure, legends, texts)
    return figure


@dataclass(frozen=True)
class _Frame:
    """Positions of values on the axes of a group of panels: ``x`` by setting, ``lowest`` on the vertical one."""

    x: Mapping[str, float]
    lowest: float
    rounds: Sequence[float]

    @classmethod
    def around(cls, panels: Sequence[Axes], group: pd.DataFrame, settings: Sequence[str]) -> _Frame:
        """Set both axes: numbers on a logarithmic one if all are positive, other settings as categories."""
        ax = panels[0]
        numbers = {each: _number(each) for each in settings}
        if any(value is None for value in numbers.values()):
            settings = sorted(settings, key=lambda each: (numbers[each] is not None, numbers[each] or 0, each))
            x = {each: float(i) for i, each in enumerate(settings)}
            room = max(6, CHARACTERS // len(settings))
            ax.set_xticks(list(x.values()), [broken(each, room) for each in settings], parse_math=False)
            ax.set_xlim(-0.5, len(settings) - 0.5)
        else:
            x = {each: value for each, value in numbers.items() if value is not None}
            if min(x.values()) > 0:
                set_logarithmic(ax, x.values())
        scores = group["score"].dropna().to_numpy()
        lowest = _lowest(scores)
        seen = [*scores[scores >= lowest], *group.loc[group["low"] >= lowest, "low"], *group["high"].dropna()]
        inside = [each for each in seen if each >= lowest]
        if inside:
            margin = 0.08 * (max(inside) - min(inside)) or 1.0
            ax.set_ylim(min(inside) - (2 if _has_marks(group, lowest) else 1) * margin, max(inside) + margin)
        return cls(x, lowest, sorted(group["samples"].dropna().unique()))


def _number(setting: str) -> float | None:
    try:
        value = float(setting)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _lowest(scores: NDArray[np.float64]) -> float:
    """Below this, a score would flatten all others; -inf if none does."""
    distances = np.sort(scores.max() - scores)[1:] if len(scores) else scores
    if len(distances) < 2 or distances[-1] <= FAR * np.median(distances):
        return -math.inf
    return float(scores.max() - FAR * np.median(distances))


def _has_marks(group: pd.DataFrame, lowest: float) -> bool:
    return bool((group["failed"] > 0).any() or (group["score"] < lowest).any())


def _draw_panel(ax: Axes, rows: pd.DataFrame, shown: Mapping[str, Look], frame: _Frame) -> list[str]:
    """Draw the lines of a panel; returns what lies below it, in words."""
    below = []
    for family, of_family in rows.groupby("family", sort=False):
        look = shown[str(family)]
        for _, line in of_family.groupby("samples", sort=True, dropna=False):
            _draw_line(ax, line, look, frame)
        last = of_family[of_family["samples"].isna() | (of_family["samples"] == of_family["samples"].max())]
        chosen = last[last["chosen"] & (last["score"] >= frame.lowest)]
        x = [frame.x[each] for each in chosen["setting"]]
        ax.scatter(x, chosen["score"], s=70, facecolors="none", edgecolors=[look.colour], zorder=3)
        off = of_family[of_family["score"] < frame.lowest]
        _mark_edge(ax, [frame.x[each] for each in off["setting"]], look, "v")
        _mark_edge(ax, [frame.x[each] for each in of_family.loc[of_family["failed"] > 0, "setting"]], look, "x")
        below += [f"{family} at {each}: {score:.3g}" for each, score in zip(off["setting"], off["score"], strict=True)]
    return below


def _draw_line(ax: Axes, line: pd.DataFrame, look: Look, frame: _Frame) -> None:
    """The scores after equally many training samples, the lowest to the highest seed as bars."""
    line = line[line["score"] >= frame.lowest].assign(x=lambda rows: [frame.x[each] for each in rows["setting"]])
    line = line.sort_values("x")
    final = bool(line["samples"].isna().all())
    dash: Dash = "-" if final else _dash(frame.rounds.index(line["samples"].iloc[0]), len(frame.rounds))
    ax.plot(
        line["x"],
        line["score"],
        color=look.colour,
        marker=look.marker,
        markersize=4,
        linewidth=1,
        linestyle=dash,
        markerfacecolor=look.colour if final else "white",
    )
    ax.vlines(line["x"], line["low"].clip(lower=frame.lowest), line["high"], color=look.colour, linewidth=0.8)


def _dash(number: int, count: int) -> Dash:
    """The last rounds have the strongest lines; the earliest of many share the weakest."""
    return DASHES[max(0, len(DASHES) - count + number)]


def _round_entries(rounds: Sequence[float]) -> dict[str, Line2D]:
    return {
        f"after {samples:,.0f} samples": Line2D([], [], color="0.35", linewidth=1, linestyle=_dash(i, len(rounds)))
        for i, samples in enumerate(rounds)
    }


def _mark_edge(ax: Axes, x: Sequence[float], look: Look, marker: str) -> None:
    across = ax.get_xaxis_transform()
    for each in x:
        ax.plot([each], [EDGE], transform=across, color=look.colour, marker=marker, markersize=5, linestyle="none")


def _edge_caption(rows: pd.DataFrame, below: Sequence[str]) -> list[str]:
    """The meaning of the marks at the lower edge."""
    lost = ["× at the lower edge: diverged or failed, for one seed at least."] if (rows["failed"] > 0).any() else []
    off = [f"▼ at the lower edge: far below the axis ({'; '.join(below)})."] if below else []
    return [*lost, *off]
