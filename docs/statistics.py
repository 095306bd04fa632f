"""Coverage of intervals, rate of false alarms and power, by simulation and on real runs: prints docs/statistics.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import bench
from bench.execution.execution import Execution
from bench.reporting.comparison.compare import LIKELIHOOD_SHARE, Comparison, compare
from bench.reporting.comparison.measures import OTHERS
from bench.statistics import bootstrap, crossed, intervals, moderated, multiple, paired
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
MODEL = (1.0, 30.0, 3.0)  # standard deviations in nats: of seeds, of test points, of both
TWIN = (0.05, 0.5, 1.0)  # of one of two models, besides what test points are to both
DIFFERENCE = 0.3  # nats between these
SAME, ALONE, OWN = "same points in all seeds", "the same, over seeds alone", "points of its own for each seed"
PLANTED, NONE = f"a difference of {DIFFERENCE:g} nats is found", "no difference, and one is reported"
NUM_CELLS, NUM_SEEDS, SPREAD, LOSS, RATE = 9, 5, 0.5, 2.0, 0.05


def covers(num_seeds: int, repeats: int) -> list[dict[str, str]]:
    """Coverage of the true mean by nominal 95 % intervals over seeds."""
    rows = []
    for name, (draw, truth) in DISTRIBUTIONS.items():
        rng = np.random.default_rng(0)
        hits = {"bootstrap, as used": 0, "plain percentile bootstrap": 0, "Student t": 0}
        for _ in range(repeats):
            values = draw(rng, num_seeds)
            resampled = np.sort(values[rng.integers(0, num_seeds, (2000, num_seeds))].mean(1))
            computed = {
                "bootstrap, as used": bootstrap.interval([values], bootstrap.mean, num_resamples=2000),
                "plain percentile bootstrap": tuple(np.quantile(resampled, [0.025, 0.975])),
                "Student t": tuple(map(float, intervals.mean_interval(values))),
            }
            for method, (low, high) in computed.items():
                hits[method] += low <= truth <= high
        shown = {method: f"{count / repeats:.1%}" for method, count in hits.items()}
        if num_seeds < bootstrap.FEWEST:
            shown["bootstrap, as used"] = "none given"
        rows.append({"seeds": str(num_seeds), "differences": name, **shown})
    return rows


def crossed_covers(num_seeds: int, num_points: int, repeats: int) -> dict[str, str]:
    """Coverage of the true mean over seeds and test points, and how often a difference is reported."""
    rng = np.random.default_rng(2)
    shape = num_seeds, num_points
    hits = dict.fromkeys((SAME, ALONE, OWN, PLANTED, NONE), 0)
    for _ in range(repeats):
        same = effects(rng, shape, MODEL)
        low, high = crossed.mean_interval(same)
        hits[SAME] += low <= 0 <= high
        low, high = map(float, intervals.mean_interval(same.mean(1)))
        hits[ALONE] += low <= 0 <= high
        own = rng.normal(scale=MODEL[0], size=(num_seeds, 1)) + rng.normal(scale=MODEL[1], size=shape)
        low, high = crossed.mean_interval(own)
        hits[OWN] += low <= 0 <= high
        hard = rng.normal(scale=MODEL[1], size=(1, num_points))
        one, other = (hard + effects(rng, shape, TWIN) for _ in range(2))
        for name, gap in ((PLANTED, DIFFERENCE), (NONE, 0.0)):
            found = paired.difference([one + gap - other])
            hits[name] += found.low > 0 or found.high < 0
    shares = {name: f"{count / repeats:.1%}" for name, count in hits.items()}
    return {"seeds": str(num_seeds), "test points": str(num_points), **shares}


def effects(rng: np.random.Generator, shape: tuple[int, int], deviations: tuple[float, float, float]) -> Array:
    """Values [S, N] with mean 0: random effects of the seed, of the point and of both."""
    seed, point, both = deviations
    values: Array = seed * rng.normal(size=(shape[0], 1)) + point * rng.normal(size=(1, shape[1]))
    values += both * rng.normal(size=shape)
    return values


def alarms(repeats: int, loss: float, unlike: float = 0.0, shared: float = 0.0) -> dict[str, str]:
    """Return how often comparisons of NUM_CELLS cells report any change or, given a ``loss``, the planted loss.

    ``unlike`` is the standard deviation of the logarithms of the cells' spreads, ``shared`` the correlation between the
    cells of a run for the same seed.
    """
    rng = np.random.default_rng(1)
    shares: dict[str, list[bool]] = {"in pairs": [], "other seeds": []}
    rate = LIKELIHOOD_SHARE * RATE if loss else RATE
    for _ in range(repeats):
        spreads = SPREAD * np.exp(unlike * rng.normal(size=NUM_CELLS))
        common, separate = rng.normal(size=(2, NUM_SEEDS, 1)), rng.normal(size=(2, NUM_SEEDS, NUM_CELLS))
        base, new = spreads * (np.sqrt(shared) * common + np.sqrt(1 - shared) * separate)
        new[:, 0] -= loss
        for name, sample in (("in pairs", moderated.paired), ("other seeds", moderated.unpaired)):
            tests = moderated.t_tests([sample(base[:, c], new[:, c]) for c in range(NUM_CELLS)])
            rejected = multiple.holm([test.p for test in tests], rate)
            shares[name].append(bool(rejected[0] if loss else rejected.any()))
    return {name: f"{np.mean(values):.1%}" for name, values in shares.items()}


def reruns(folder: Path, count: int) -> list[dict[str, str]]:
    """Compare a run on digits with itself and with ``count`` runs that differ only in their seeds.

    The runs are kept in ``folder``; those that are missing are made.
    """
    execution = Execution(jobs=1, backend="sequential")
    runs = []
    for k in range(count + 1):
        seeds = tuple(range(NUM_SEEDS * k, NUM_SEEDS * (k + 1)))
        runs.append(bench.run(Study(**RERUN, seeds=seeds), out=folder / f"{k:02d}", execution=execution, quiet=True))
    compared = {"itself": runs[:1], f"each of {count} reruns": runs[1:]}
    return [
        {"a run and": name, **_alarms([compare(runs[0], run) for run in others])} for name, others in compared.items()
    ]


def _alarms(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Count the comparisons that report a change, and the share of timings that could be compared."""
    timings = [row for comparison in comparisons for row in comparison.rows if row.measure in TIMINGS]
    changed = [{row.measure in TIMINGS for row in each.of("better", "worse")} for each in comparisons]
    return {
        "learning reported as changed": f"{sum(False in kinds for kinds in changed)} of {len(comparisons)}",
        "timings reported as changed": f"{sum(True in kinds for kinds in changed)} of {len(comparisons)}",
        "timings compared": f"{np.mean([row.verdict != 'not comparable' for row in timings]):.0%}",
    }


def table(rows: Sequence[dict[str, str]]) -> str:
    """Format rows as a Markdown table."""
    return str(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=4000, help="simulations per number")
    parser.add_argument("--reruns", type=int, default=20, help="number of runs that a run is compared with")
    parser.add_argument("--runs", type=Path, default=Path("runs", "reruns"), help="folder of these runs")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    coverage = [row for num_seeds in (3, 5, 10) for row in covers(num_seeds, repeats)]
    compared = [
        {"": "no change: anything is reported as changed", **alarms(repeats, 0.0)},
        {"": "no change, standard deviations differ by a factor 2", **alarms(repeats, 0.0, unlike=0.7)},
        {"": "no change, seeds are correlated across cells", **alarms(repeats, 0.0, unlike=0.5, shared=0.7)},
        {"": f"a loss of {LOSS:g} nats in one cell is reported as worse", **alarms(repeats, LOSS)},
    ]
    about_intervals = (
        "Coverage of the true mean by nominal 95 % intervals. With few seeds the percentile bootstrap is too narrow. "
        "`bench` expands its levels to match Student's t (Hesterberg 2015); with fewer than "
        f"{bootstrap.FEWEST} seeds it uses Student's t instead of the bootstrap, and says so. With 5 seeds, a nominal "
        "95 % interval covers about 92 % for normal differences and less for skewed ones."
    )
    about_points = (
        "The intervals of `log_likelihood` and `differences` are over seeds and test points: where the mean would lie "
        "for other training seeds and other test points of the same source. They are not over training data, unless "
        "each seed has its own (`digits`, `ppca`, files that are split at random); tables say which. The values by "
        "seed and point are taken as the sum of random effects of the seed, of the point and of both. If all seeds "
        "have the same test points, as on MNIST, an interval over seeds alone lacks the error of the points. The "
        "variance of each source comes from the mean squares of the two-way analysis of variance, and is multiplied by "
        "the squared t quantile of its own degrees of freedom. Below is the coverage of nominal 95 % intervals if "
        "seeds, points and single values have standard deviations of "
        f"{MODEL[0]:g}, {MODEL[1]:g} and {MODEL[2]:g} nats. A few seeds that agree by chance have a narrow interval, "
        "as with every t interval; it may even be narrower than the test-point error that stands beside it."
    )
    about_planted = (
        "Differences are taken by seed and point, so that what makes a point hard for both models cancels. The last "
        f"two columns are of two models that differ by {DIFFERENCE:g} nats, or not at all, on points with a standard "
        f"deviation of {MODEL[1]:g} nats that both share; each model's own effects of seeds, points and both are "
        f"{TWIN[0]:g}, {TWIN[1]:g} and {TWIN[2]:g} nats. `bench compare` tests over seeds alone: its question is "
        "whether anything has changed, and if nothing has, no point has either."
    )
    over_points = [
        crossed_covers(num_seeds, num_points, repeats) for num_seeds in (3, 5, 10) for num_points in (100, 300, 1000)
    ]
    about_comparisons = (
        f"`bench compare` on {NUM_CELLS} cells of {NUM_SEEDS} seeds each, whose standard deviation is {SPREAD:g} nats. "
        f"False alarms are counted with the full rate of {RATE:.0%} spent on one measure. The loss is tested with the "
        f"{LIKELIHOOD_SHARE:.0%} of that rate reserved for log-likelihoods, in cells whose seeds are independent. "
        "Each cell's variance is moderated by those of the others (Smyth 2004), followed by Holm's procedure."
    )
    about_reruns = (
        f"Digits, {len(RERUN['algos'])} algorithms, {NUM_SEEDS} seeds per run, compared by `bench compare` with "
        f"default settings (false-alarm rate {RATE:.0%}). Every rerun uses different seeds and the same code, so every "
        "reported change is a false alarm. Timings are compared only if both runs had the same share of their cores."
    )
    texts = [
        "# Reliability of the statistics",
        f"Printed by `make statistics`; {repeats} simulations per number.",
        "## Intervals over seeds",
        about_intervals,
        table(coverage),
        "## Intervals over seeds and test points",
        about_points,
        about_planted,
        table(over_points),
        "## Comparisons of two runs",
        about_comparisons,
        table(compared),
        "## Comparisons of trained runs",
        about_reruns,
        table(reruns(arguments.runs, arguments.reruns)),
    ]
    print("\n\n".join(texts))  # noqa: T201


if __name__ == "__main__":
    main()
