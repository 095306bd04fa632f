"""The learning curves as plain data for the page: every place, clock and split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bench.reporting import figures
from bench.reporting.competitors import Competitor, read
from bench.results.curves import CLOCKS
from bench.results.grid import Place

if TYPE_CHECKING:
    from bench.results.frames import Results

LABELS = {"samples": "training samples", "model_evaluations": "model evaluations", "train_seconds": "training seconds"}
# What Plotly and text have for matplotlib's markers: a competitor looks the same in all figures of the page.
MARKS = {
    "o": ("circle", "●"),
    "s": ("square", "■"),
    "D": ("diamond", "◆"),
    "^": ("triangle-up", "▲"),
    "v": ("triangle-down", "▼"),
    "P": ("cross", "✚"),
    "X": ("x", "✖"),
    "*": ("star", "★"),
    "<": ("triangle-left", "◀"),
    ">": ("triangle-right", "▶"),
}


def curves(results: Results) -> dict[str, Any]:
    """``places`` in their order; ``algorithms`` with colour and marks; ``lines`` of each place, clock and algorithm."""
    looks = figures.looks(dict.fromkeys(results.trials["algorithm"]))
    found = {clock: read(results, clock) for clock in CLOCKS}
    places = dict.fromkeys(_place(each) for each in found[CLOCKS[0]])
    algorithms = [
        {"name": name, "colour": _hexadecimal(look.colour), "symbol": symbol, "glyph": glyph}
        for name, look in looks.items()
        for symbol, glyph in [MARKS[look.marker]]
    ]
    return {
        "clocks": LABELS,
        "places": [{"name": place.words, **place._asdict()} for place in places],
        "algorithms": algorithms,
        "lines": [line for clock in CLOCKS for each in found[clock] for line in _lines(each, clock)],
    }


def _place(found: Competitor) -> Place:
    return Place(found.dataset, found.n_train, found.z)


def _lines(found: Competitor, clock: str) -> list[dict[str, Any]]:
    about = {"place": _place(found).words, "algorithm": found.algorithm, "clock": clock}
    lines = [
        {
            **about,
            "kind": split,
            "x": _rounded(band.x),
            "y": _rounded(band.mean),
            "low": _rounded(band.low),
            "high": _rounded(band.high),
            "seeds": found.num_done,
        }
        for split, band in found.bands.items()
    ]
    lines += [{**about, "kind": "stray", "x": _rounded(x), "y": _rounded(y)} for x, y in found.strays]
    if found.likelihood is not None:
        end = found.likelihood
        x, y, spread = _rounded([end.x, end.mean, end.spread])
        lines.append({**about, "kind": "likelihood", "x": [x], "y": [y], "spread": spread})
    return lines


def _rounded(values: ArrayLike) -> list[float | None]:
    """Six digits, which is more than a screen shows; None where a value is not finite."""
    import numpy as np

    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in np.asarray(values, dtype=float)]


def _hexadecimal(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
