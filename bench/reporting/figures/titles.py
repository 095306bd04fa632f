"""Titles of panels."""

from __future__ import annotations


def with_heading(heading: str, titles: list[str]) -> list[str]:
    """The titles of panels side by side, the first with a ``heading`` that lies above all of them."""
    lines = max(title.count("\n") for title in titles) - titles[0].count("\n")
    return [heading + "\n" * (lines + 1) + titles[0], *titles[1:]]
