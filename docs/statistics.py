"""How often intervals cover, alarms are false and losses are found, simulated and real: prints docs/statistics.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import bench
from bench.execution.runner import Execution
from bench.reporting.comparison.compare import LIKELIHOOD_SHARE, Comparison, compare
from bench.reporting.comparison.measures import OTHERS
from bench.statistics import bootstrap, intervals, moderated
from bench.studies.study import Study

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]

DISTRIBUTIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 0.0),
    "skewed (log-normal, 0.5)": (lambda rng, n: np.exp(0.5 * rng.normal(size=n)), float(np.exp(0.125))),
    "heavy tails (Student t, 3 degrees)": (lambda rng, n: rng.standard_t(3, size=n), 0.0),
}
RERUN: dict[str, Any] = {
    "algos": ("aevb[learning_rate=0.1]", "wakesleep[learning_rate=0.1]"),
    "z": (2,),
    "hidden": 20,
    "budget": 10_000,
    "likelihood": ("importance[num_samples=20]",),
    "likelihood_points": 50,
}
TIMINGS = {measure.name for measure in OTHERS if measure.timing}
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


def reruns(folder: Path, count: int) -> list[dict[str, str]]:
    """A run of digits, compared with itself and with ``count`` runs of the same under other seeds.

    The runs are kept in ``folder``, and made where they are not there yet.
    """
    here = Execution(jobs=1, backend="sequential")
    runs = []
    for k in range(count + 1):
        seeds = tuple(range(NUM_SEEDS * k, NUM_SEEDS * (k + 1)))
        runs.append(bench.run(Study(**RERUN, seeds=seeds), out=folder / f"{k:02d}", execution=here, quiet=True))
    compared = {"itself": runs[:1], f"each of {count} reruns": runs[1:]}
    return [
        {"a run and": name, **_alarms([compare(runs[0], one) for one in others])} for name, others in compared.items()
    ]


def _alarms(found: Sequence[Comparison]) -> dict[str, str]:
    """In how many comparisons anything is called changed, and in which share timings were judged at all."""
    timings = [row for one in found for row in one.rows if row.measure in TIMINGS]
    changed = [{row.measure in TIMINGS for row in one.of("better", "worse")} for one in found]
    return {
        "what is learned is called changed": f"{sum(False in one for one in changed)} of {len(found)}",
        "timings are called changed": f"{sum(True in one for one in changed)} of {len(found)}",
        "timings that were judged": f"{np.mean([row.verdict != 'not comparable' for row in timings]):.0%}",
    }


def table(rows: Sequence[dict[str, str]]) -> str:
    """As Markdown."""
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000, help="simulations of each number")
    parser.add_argument("--reruns", type=int, default=20, help="runs to compare a run with")
    parser.add_argument("--runs", type=Path, default=Path("runs", "reruns"), help="where those runs are kept")
    asked = parser.parse_args()
    repeats = asked.repeats
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
    about_reruns = (
        f"Digits, {len(RERUN['algos'])} algorithms, {NUM_SEEDS} seeds a run, as `bench compare` judges them by default "
        f"(rate of false alarms {RATE:.0%}). Every rerun has other seeds and the same code, so that every change is a "
        "false alarm. Timings are judged only where both runs got as much of their cores."
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
        "## Comparisons of runs that were really trained",
        about_reruns,
        table(reruns(asked.runs, asked.reruns)),
    ]
    print("\n\n".join(texts))  # noqa: T201


if __name__ == "__main__":
    main()
