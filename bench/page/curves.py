"""The learning curves as plain data for the page: every place, clock and split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bench.drawing import figures
from bench.drawing.competitors import Competitor, read
from bench.measures import CLOCKS

if TYPE_CHECKING:
    from bench.results import Results

LABELS = {"samples": "training samples", "model_evaluations": "model evaluations", "train_seconds": "training seconds"}


def curves(results: Results) -> dict[str, Any]:
    """``places`` in their order; ``algorithms`` with colour and dash; ``lines`` of each place, clock and algorithm."""
    looks = figures.looks(dict.fromkeys(results.trials["algorithm"]))
    lines = [line for clock in CLOCKS for found in read(results, clock) for line in _lines(found, clock)]
    places = list(dict.fromkeys(_place(found) for found in read(results, CLOCKS[0])))
    return {
        "clocks": LABELS,
        "places": places,
        "algorithms": [{"name": name, "colour": _hexadecimal(look.colour)} for name, look in looks.items()],
        "lines": lines,
    }


def _place(found: Competitor) -> str:
    return f"{found.dataset}, {found.n_train} training points, z = {found.z}"


def _lines(found: Competitor, clock: str) -> list[dict[str, Any]]:
    about = {"place": _place(found), "algorithm": found.algorithm, "clock": clock}
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
