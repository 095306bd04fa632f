"""The learning curves as plain data for the page: every place, clock and split."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bench.reporting.curves.competitors import Competitor, read
from bench.reporting.figures.looks import Look, looks
from bench.results.curves import CLOCKS

if TYPE_CHECKING:
    from bench.results.frames import Results

# Plotly's and Unicode's counterparts of matplotlib's markers: an algorithm looks the same in all figures of the page.
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


@dataclass(frozen=True)
class Line:
    """One line, or one mark, of one algorithm at one place and clock."""

    place: str
    algorithm: str
    clock: str
    kind: str  # "test", "train", "excluded" or "likelihood"
    x: list[float | None]
    y: list[float | None]
    low: list[float | None] | None = None  # of the band around a line
    high: list[float | None] | None = None
    seeds: int | None = None  # number of seeds that the line is a mean over
    spread: float | None = None  # of a mark: standard deviation over seeds


def curves(results: Results) -> dict[str, object]:
    """``places`` in order; ``algorithms`` with colour and marks; ``lines`` of each place, clock and algorithm."""
    by_clock = {clock: read(results, clock) for clock in CLOCKS}
    places = dict.fromkeys(competitor.place for competitor in by_clock["samples"])
    lines = [line for clock in CLOCKS for competitor in by_clock[clock] for line in _lines(competitor, clock)]
    return {
        "clocks": CLOCKS,
        "places": [{"name": place.words, **place._asdict()} for place in places],
        "algorithms": [_algorithm(*pair) for pair in looks(dict.fromkeys(results.trials["algorithm"])).items()],
        "lines": [{name: value for name, value in vars(line).items() if value is not None} for line in lines],
    }


def _algorithm(name: str, look: Look) -> dict[str, str]:
    symbol, glyph = MARKS[look.marker]
    return {"name": name, "colour": _hexadecimal(look.colour), "symbol": symbol, "glyph": glyph}


def _lines(competitor: Competitor, clock: str) -> list[Line]:
    def line(kind: str, x: ArrayLike, y: ArrayLike) -> Line:
        return Line(competitor.place.words, competitor.algorithm, clock, kind, _rounded(x), _rounded(y))

    lines = [
        dataclasses.replace(
            line(split, band.x, band.mean),
            low=_rounded(band.low),
            high=_rounded(band.high),
            seeds=competitor.num_done,
        )
        for split, band in competitor.bands.items()
    ]
    lines += [line("excluded", x, y) for x, y in competitor.excluded]
    if competitor.likelihood is not None:
        end = competitor.likelihood
        (spread,) = _rounded([end.spread])
        lines.append(dataclasses.replace(line("likelihood", [end.x], [end.mean]), spread=spread))
    return lines


def _rounded(values: ArrayLike) -> list[float | None]:
    """Six digits, which is more than a screen shows; None for a value that is not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in np.asarray(values, dtype=float)]


def _hexadecimal(colour: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
