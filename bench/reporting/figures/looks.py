"""Colours and markers of algorithms, and the settings that all figures are drawn in."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import matplotlib.style
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

GREY = "0.35"
# seaborn's palette "colorblind", which differs in lightness too; seaborn takes half a second to import.
COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"]
_MARKERS = "osD^vPX*<>"


@dataclass(frozen=True)
class Look:
    """The appearance of one algorithm in all figures: its colour and, in grey print, its marker."""

    colour: tuple[float, float, float]
    marker: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name; colour-blind readers can tell the first ten apart, all others have hues between them."""
    names = list(names)
    colours = [to_rgb(colour) for colour in COLOURS]
    if len(names) > len(colours):
        import seaborn as sns

        colours += sns.husl_palette(len(names) - len(colours), l=0.45)
    return {name: Look(colours[i], _MARKERS[i % len(_MARKERS)]) for i, name in enumerate(names)}


def style() -> AbstractContextManager[None]:
    """The drawing settings: matplotlib's defaults with a few changes, regardless of the user's settings.

    The font is the one that comes with matplotlib, so that figures are the same everywhere without a font search.
    """
    changes = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY}
    return matplotlib.style.context(["default", {**changes, "font.family": ["DejaVu Sans"]}])


def legend_entries(looks: dict[str, Look], *, line: bool = True) -> dict[str, Line2D]:
    """An entry of the legend for each algorithm."""
    width = 1.5 if line else 0
    return {
        name: Line2D([], [], color=look.colour, marker=look.marker, markersize=5, linewidth=width)
        for name, look in looks.items()
    }
