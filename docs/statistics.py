"""How often intervals cover, alarms are false and losses are found, by simulation: prints docs/statistics.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.comparison.compare import LIKELIHOOD_SHARE
from bench.statistics import bootstrap, intervals, moderated

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]

DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "skewed (log-normal, 0.5)": (lambda rng, n: np.exp(0.5 * rng.normal(size=n)), float(np.exp(0.125))),
    "heavy tails (Student t, 3 degrees)": (lambda rng, n: rng.standard_t(3, size=n), 0.0),
}
NUM_CELLS, NUM_SEEDS, SPREAD, LOSS, RATE = 9, 5, 0.5, 2.0, 0.05


def covers(num_seeds: int, repeats: int) -> list[dict[str, str]]:
    """How often nominal 95 % intervals of a mean over seeds hold the truth."""
    rows = []
    for name, (draw, truth) in DISTRIBUTIONS.items():
        rng = np.random.default_rng(0)
        hits = {"bootstrap, as used": 0, "plain percentile bootstrap": 0, "Student t": 0}
        for _ in range(repeats):
            values = draw(rng, num_seeds)
            resampled = np.sort(values[rng.integers(0, num_seeds, (2000, num_seeds))].mean(1))
            found = {
                "bootstrap, as used": bootstrap.interval([values], bootstrap.mean, num_resamples=2000),
                "plain percentile bootstrap": tuple(np.quantile(resampled, [0.025, 0.975])),
                "Student t": tuple(map(float, intervals.mean_interval(values))),
            }
            for method, (low, high) in found.items():
                hits[method] += low <= truth <= high
        shown = {method: f"{count / repeats:.1%}" for method, count in hits.items()}
        if num_seeds < bootstrap.FEWEST:
            shown["bootstrap, as used"] = "none given"
        rows.append({"seeds": str(num_seeds), "differences": name, **shown})
    return rows


def alarms(repeats: int, loss: float, unlike: float = 0.0, shared: float = 0.0) -> dict[str, str]:
    """Of comparisons of NUM_CELLS cells: how often anything is called changed, and how often the planted loss is.

    ``unlike`` is how far the logarithms of the cells' spreads lie apart, ``shared`` how much a seed has in common in
    all cells of a run.
    """
    rng = np.random.default_rng(1)
    shares: dict[str, list[bool]] = {"in pairs": [], "other seeds": []}
    rate = LIKELIHOOD_SHARE * RATE if loss else RATE
    for _ in range(repeats):
        spreads = SPREAD * np.exp(unlike * rng.normal(size=NUM_CELLS))
        common, own = rng.normal(size=(2, NUM_SEEDS, 1)), rng.normal(size=(2, NUM_SEEDS, NUM_CELLS))
        base, new = spreads * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        new[:, 0] -= loss
        for name, sample in (("in pairs", moderated.paired), ("other seeds", moderated.unpaired)):
            found = moderated.judge([sample(base[:, c], new[:, c]) for c in range(NUM_CELLS)])
            real = moderated.holm([each.p for each in found], rate)
            shares[name].append(bool(real[0] if loss else real.any()))
    return {name: f"{np.mean(values):.1%}" for name, values in shares.items()}


def table(rows: Sequence[dict[str, str]]) -> str:
    """As Markdown."""
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000, help="simulations of each number")
    repeats = parser.parse_args().repeats
    coverage = [row for num_seeds in (3, 5, 10) for row in covers(num_seeds, repeats)]
    judged = [
        {"": "no change: anything is called changed", **alarms(repeats, 0.0)},
        {"": "no change, spreads differ by a factor of 2", **alarms(repeats, 0.0, unlike=0.7)},
        {"": "no change, and seeds are alike in all cells", **alarms(repeats, 0.0, unlike=0.5, shared=0.7)},
        {"": f"a loss of {LOSS:g} nats in one cell is called worse", **alarms(repeats, LOSS)},
    ]
    about_intervals = (
        "How often intervals that say 95 % hold the true mean. Seeds are few, and the percentile bootstrap is then too "
        "narrow; `bench` expands its levels as Student's t asks for (Hesterberg 2015), and gives no bootstrap interval "
        f"below {bootstrap.FEWEST} seeds, where it takes Student's t and says so. With 5 seeds an interval that says "
        "95 % is one of some 92 % for normal differences and less for skewed ones."
    )
    about_comparisons = (
        f"`bench compare` on {NUM_CELLS} cells with {NUM_SEEDS} seeds each that lie {SPREAD:g} nats apart, with its "
        f"rate of false alarms at {RATE:.0%}, as if all of it were spent on one measure; the loss is looked for with "
        f"the {LIKELIHOOD_SHARE:.0%} of it that are for log-likelihoods, in cells whose seeds have nothing in common. "
        "Each cell's variance is moderated by those of the others (Smyth 2004), then Holm's procedure."
    )
    texts = [
        "# How far the statistics can be trusted",
        f"Printed by `make statistics`; {repeats} simulations of each number.",
        "## Intervals over seeds",
        about_intervals,
        table(coverage),
        "## Comparisons of two runs",
        about_comparisons,
        table(judged),
    ]
    print("\n\n".join(texts))  # noqa: T201


if __name__ == "__main__":
    main()
