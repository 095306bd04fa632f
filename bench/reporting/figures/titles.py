"""Titles of panels."""

from __future__ import annotations

from matplotlib.axes import Axes


def set_title(axes: Axes, title: str, size: float = 9) -> None:
    """Above the left end of the panel; without ``y`` matplotlib would look for ticks that it may cover."""
    axes.set_title(title, loc="left", y=1.0, fontsize=size, parse_math=False)


def with_heading(heading: str, titles: list[str]) -> list[str]:
    """The titles of panels side by side, the first with a ``heading`` that lies above all of them."""
    lines = max(title.count("\n") for title in titles) - titles[0].count("\n")
    return [heading + "\n" * (lines + 1) + titles[0], *titles[1:]]
