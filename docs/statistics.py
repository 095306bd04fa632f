"""Coverage of intervals, rate of false alarms and power, by simulation and on real runs: prints docs/statistics.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

import bench
from bench.execution.execution import Execution
from bench.reporting.comparison.compare import LIKELIHOOD_SHARE, Comparison, compare
from bench.reporting.comparison.measures import OTHERS
from bench.statistics import bootstrap, crossed, intervals, moderated, multiple, paired, power
from bench.statistics.aggregate import NUM_RESAMPLES, Block, aggregate, interquartile_means
from bench.statistics.improvement import improvements
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
    "likelihood": ("importance[num_samples=20]",),
    "likelihood_points": 50,
}
TIMINGS = {measure.name for measure in OTHERS if measure.timing}
MODEL = (1.0, 30.0, 3.0)  # standard deviations in nats: of seeds, of test points, of both
TWIN = (0.05, 0.5, 1.0)  # of one of two models, besides what test points are to both
DIFFERENCE = 0.3  # nats between these
USUAL = (0.2, 0.5, 1.0)  # the same with seeds as far apart as those of most algorithms on digits
SAME, ALONE, OWN = "same points in all seeds", "the same, over seeds alone", "points of its own for each seed"
PLANTED, NONE = f"a difference of {DIFFERENCE:g} nats is found", "no difference, and one is reported"
PLANTED_USUAL = f"found if effects of seeds are {USUAL[0]:g} nats"
BOOTSTRAPPED, AGGREGATED = 2000, 200  # resamples in simulations, fewer than those of `bench`
# Many comparisons: three algorithms at three places that share their test points; nats.
NUM_PLACES, NUM_POINTS = 3, 300
EFFECTS = (0.3, 2.0, 2.0)  # of an algorithm's seeds, points and both at a place
LEVELS = (0.7, 0.0, 0.0)  # of the algorithms, where they differ
SCORES = (0.4, 0.0, -0.2)  # of the algorithms in aggregates, by 0.15 more or less at each place
OF_SCORES = (0.4, 1.0, 1.0)  # their effects of seeds, points and both
LAID_OUT = ((1, 3), (3, 2))  # data sets, and places of each
MEANS_BOOTSTRAP = "interquartile mean, percentiles over seeds"
WINS_BOOTSTRAP = "P(better), percentiles over seeds"
PLANNED = (0.5, 2.0, 2.0)  # effects of a difference that is planned for
SETTINGS = (  # seeds, test points, difference and level
    (3, 300, 0.3, 0.05),
    (5, 100, 0.3, 0.05),
    (5, 300, 0.15, 0.05),
    (5, 300, 0.3, 0.0042),
    (10, 300, 0.15, 0.0042),
)
NUM_CELLS, NUM_SEEDS, SPREAD, LOSS, RATE = 9, 5, 0.5, 2.0, 0.05


def covers(num_seeds: int, repeats: int) -> list[dict[str, str]]:
    """Coverage of the true mean by nominal 95 % intervals over seeds."""
    rows = []
    for name, (draw, truth) in DISTRIBUTIONS.items():
        rng = np.random.default_rng(0)
        hits = {"bootstrap, as used": 0, "plain percentile bootstrap": 0, "Student t": 0}
        for _ in range(repeats):
            values = draw(rng, num_seeds)
            resampled = np.sort(values[rng.integers(0, num_seeds, (BOOTSTRAPPED, num_seeds))].mean(1))
            computed = {
                "bootstrap, as used": bootstrap.interval([values], bootstrap.mean, num_resamples=BOOTSTRAPPED),
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
    rng, another = np.random.default_rng(2), np.random.default_rng(9)
    shape = num_seeds, num_points
    hits = dict.fromkeys((SAME, ALONE, OWN, PLANTED, PLANTED_USUAL, NONE), 0)
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
        one, other = (effects(another, shape, USUAL) for _ in range(2))
        hits[PLANTED_USUAL] += paired.difference([one + DIFFERENCE - other]).low > 0
    shares = {name: f"{count / repeats:.1%}" for name, count in hits.items()}
    return {"seeds": str(num_seeds), "test points": str(num_points), **shares}


def effects(rng: np.random.Generator, shape: tuple[int, int], deviations: tuple[float, float, float]) -> Array:
    """Values [S, N] with mean 0: random effects of the seed, of the point and of both."""
    seed, point, both = deviations
    values: Array = seed * rng.normal(size=(shape[0], 1)) + point * rng.normal(size=(1, shape[1]))
    values += both * rng.normal(size=shape)
    return values


def many(num_seeds: int, repeats: int) -> dict[str, str]:
    """False verdicts in a table of differences of algorithms that do not differ, and what is found of those that do."""
    rng = np.random.default_rng(3)
    truth = np.array(contrasted([np.array(LEVELS)] * NUM_PLACES))
    hits = dict.fromkeys(("alone", "holm", "together", "found alone", "found"), 0.0)
    for _ in range(repeats):
        none, planted = (np.zeros(3), np.array(LEVELS))
        for levels in (none, planted):
            hard = MODEL[1] * rng.normal(size=(1, NUM_POINTS))
            values = [
                np.stack([level + hard + effects(rng, (num_seeds, NUM_POINTS), EFFECTS) for level in levels])
                for _ in range(NUM_PLACES)
            ]
            differences = [paired.difference([each]) for each in contrasted(values)]
            p = [each.p for each in differences]
            significant = multiple.adjusted(p) <= RATE
            if levels is none:
                hits["alone"] += min(p) <= RATE
                hits["holm"] += significant.any()
            else:
                confidence = multiple.each_confidence(1 - RATE, len(p))
                wide = [paired.difference([each], confidence) for each in contrasted(values)]
                hits["together"] += all(each.low <= true <= each.high for each, true in zip(wide, truth, strict=True))
                hits["found alone"] += np.mean([each <= RATE for each, true in zip(p, truth, strict=True) if true])
                hits["found"] += significant[truth != 0].mean()
    shares = {name: f"{count / repeats:.1%}" for name, count in hits.items()}
    return {
        "seeds": str(num_seeds),
        "no difference, any reported: each by itself": shares["alone"],
        "with Holm's adjusted p": shares["holm"],
        "simultaneous intervals hold all true differences": shares["together"],
        f"differences of {max(LEVELS):g} nats found: each by itself": shares["found alone"],
        "found with Holm's adjusted p": shares["found"],
    }


def contrasted(values: Sequence[Array]) -> list[Array]:
    """The difference of each two algorithms at each place, and its mean over places, of values [A, ...] by place."""
    pairs = [(i, j) for i in range(len(values[0])) for j in range(i)]
    at_places = [[value[j] - value[i] for value in values] for i, j in pairs]
    return [each for differences in at_places for each in [*differences, np.mean(differences, axis=0)]]


def powers(num_seeds: int, num_points: int, difference: float, level: float, repeats: int) -> dict[str, str]:
    """Predicted power, and how often a difference between two models is found."""
    rng = np.random.default_rng(5)
    spread = power.Spread(*(2 * each**2 for each in TWIN))  # of the difference of two such models
    shape, hits = (num_seeds, num_points), 0
    for _ in range(repeats):
        one, other = (effects(rng, shape, TWIN) for _ in range(2))
        hits += paired.difference([one + difference - other], 1 - level).low > 0
    return {
        "seeds": str(num_seeds),
        "test points": str(num_points),
        "difference (nats)": f"{difference:g}",
        "level": f"{level:g}",
        "predicted": f"{power.power(spread, difference, num_seeds, num_points, level):.1%}",
        "found": f"{hits / repeats:.1%}",
    }


def plans(num_seeds: int, difference: float, repeats: int) -> dict[str, str]:
    """What becomes of plans that were made from a run with few seeds, if their number of seeds is then run."""
    true = power.Spread(PLANNED[0] ** 2, PLANNED[1] ** 2, PLANNED[2] ** 2)
    ideal = power.seeds_needed(true, difference, NUM_POINTS, RATE, 0.8)
    shown = {"seeds of the run": str(num_seeds), "seeds that are needed": str(ideal)}
    for name, cautious in (("planned", False), ("cautiously", True)):
        rng = np.random.default_rng(6)
        reached, counts = [], []
        for _ in range(repeats):
            spread = power.Spread.of(effects(rng, (num_seeds, NUM_POINTS), PLANNED), cautious=cautious)
            count = power.seeds_needed(spread, difference, NUM_POINTS, RATE, 0.8) or power.MOST_SEEDS
            counts.append(count)
            reached.append(power.power(true, difference, count, NUM_POINTS, RATE))
        shown |= {
            f"{name}: median": f"{np.median(counts):.0f}",
            f"{name}: power reached on average": f"{np.mean(reached):.0%}",
            f"{name}: at least 80 %": f"{np.mean(np.array(reached) >= 0.79):.0%}",
        }
    return shown


def aggregated(num_sets: int, num_places: int, num_seeds: int, num_points: int, repeats: int) -> dict[str, str]:
    """Coverage of the intervals of an aggregate, on average over its algorithms, and of usual bootstrap intervals."""
    rng = np.random.default_rng(7)
    levels = np.array(SCORES) + 0.15 * rng.normal(size=(num_sets, num_places, len(SCORES)))
    means, wins = true_aggregate(levels.reshape(-1, len(SCORES)))
    hits = dict.fromkeys(("interquartile mean", "P(better) and rank", MEANS_BOOTSTRAP, WINS_BOOTSTRAP), 0.0)
    for _ in range(repeats):
        blocks = [scores(rng, each, num_seeds, num_points) for each in levels]
        found = aggregate(blocks, num_resamples=AGGREGATED)
        usual = stratified_bootstrap(rng, [block.scores for block in blocks])
        intervals_of = {
            "interquartile mean": (found.mean.low, found.mean.high, means),
            "P(better) and rank": (found.improvement.low, found.improvement.high, wins),
            MEANS_BOOTSTRAP: (*usual[0], means),
            WINS_BOOTSTRAP: (*usual[1], wins),
        }
        for name, (low, high, truth) in intervals_of.items():
            hits[name] += ((low <= truth) & (truth <= high)).mean()
    shares = {name: f"{count / repeats:.1%}" for name, count in hits.items()}
    counts = {"data sets": num_sets, "places of each": num_places, "seeds": num_seeds, "test points": num_points}
    return {**{name: str(count) for name, count in counts.items()}, **shares}


def scores(rng: np.random.Generator, levels: Array, num_seeds: int, num_points: int) -> Block:
    """Of one data set: log-likelihoods around the levels [P, A], on test points that all seeds share."""
    seed, point, both = OF_SCORES
    own, shared = rng.normal(size=(*levels.shape, num_seeds, 1)), rng.normal(size=(len(SCORES), num_seeds, 1))
    by_point = levels[:, :, None, None] + seed * 0.5**0.5 * (own + shared) + MODEL[1] * rng.normal(size=num_points)
    by_point = by_point + point * rng.normal(size=(*levels.shape, 1, num_points))
    by_point = by_point + both * rng.normal(size=(*levels.shape, num_seeds, num_points))
    return Block(by_point.mean(-1), by_point)


def true_aggregate(levels: Array) -> tuple[Array, Array]:
    """Interquartile means and probabilities of improvement of infinitely many seeds and points, of levels [P, A]."""
    quantiles = OF_SCORES[0] * ndtri((np.arange(4000) + 0.5) / 4000)
    above = np.sort(((levels - levels.mean(1, keepdims=True)).T[:, :, None] + quantiles).reshape(levels.shape[1], -1))
    quarter = above.shape[1] // 4
    won = ndtr((levels[:, :, None] - levels[:, None, :]) / (2**0.5 * OF_SCORES[0])).mean(0)  # [A, A]
    return above[:, quarter:-quarter].mean(1), (won.sum(1) - 0.5) / (len(won) - 1)


def stratified_bootstrap(rng: np.random.Generator, strata: Sequence[Array]) -> Array:
    """Percentile intervals of both statistics if seeds are resampled in each cell by itself: [2, 2, A]."""
    resampled = []
    for each in strata:  # [P, A, S]
        drawn = rng.integers(0, each.shape[-1], (AGGREGATED, *each.shape))
        above = each - each.mean((1, 2), keepdims=True)
        resampled.append(np.take_along_axis(np.broadcast_to(above, drawn.shape), drawn, -1))
    both = (interquartile_means(resampled), improvements(resampled))
    return np.array([np.quantile(each, [0.025, 0.975], axis=0) for each in both])


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


def alarms_by_point(repeats: int, loss: float) -> dict[str, str]:
    """The same if both runs have values of the same NUM_POINTS test points, which every change affects differently."""
    rng = np.random.default_rng(8)
    shares: dict[str, list[bool]] = {"in pairs": [], "other seeds": []}
    rate = LIKELIHOOD_SHARE * RATE if loss else RATE
    shape = (NUM_SEEDS, NUM_POINTS)
    for _ in range(repeats):
        samples: dict[str, list[moderated.Sample]] = {name: [] for name in shares}
        for c in range(NUM_CELLS):
            common = MODEL[1] * rng.normal(size=NUM_POINTS)
            base, new = (common + effects(rng, shape, (SPREAD, 0.0, 1.0)) for _ in range(2))
            if loss and c == 0:
                new = new - loss - 5 * rng.normal(size=NUM_POINTS)
            points = crossed.Variances.of(new - base).points, crossed.points_of_difference(base, new)
            for name, sample, error in zip(shares, (moderated.paired, moderated.unpaired), points, strict=True):
                made = sample(base.mean(1), new.mean(1))
                samples[name].append(replace(made, points=error, num_points=NUM_POINTS))
        for name, of_cells in samples.items():
            rejected = multiple.holm([test.p for test in moderated.t_tests(of_cells)], rate)
            shares[name].append(bool(rejected[0] if loss else rejected.any()))
    return {name: f"{np.mean(values):.1%}" for name, values in shares.items()}


def reruns(folder: Path, count: int, budget: int) -> list[dict[str, str]]:
    """Compare a run on digits with itself and with ``count`` runs that differ only in their seeds.

    The runs are kept in ``folder``; those that are missing are made.
    """
    execution = Execution(jobs=1, backend="sequential")
    runs = []
    for k in range(count + 1):
        seeds = tuple(range(NUM_SEEDS * k, NUM_SEEDS * (k + 1)))
        study = Study(**RERUN, seeds=seeds, budget=budget)
        runs.append(bench.run(study, out=folder / f"{k:02d}", execution=execution, quiet=True))
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
    parser.add_argument("--repeats", type=int, default=2000, help="simulations per number")
    parser.add_argument("--reruns", type=int, default=20, help="number of runs that a run is compared with")
    parser.add_argument("--runs", type=Path, default=Path("runs", "reruns"), help="folder of these runs")
    parser.add_argument("--budget", type=int, default=10_000, help="training samples of each of their trials")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    coverage = [row for num_seeds in (3, 5, 10) for row in covers(num_seeds, repeats)]
    compared = [
        {"": "no change: anything is reported as changed", **alarms(repeats, 0.0)},
        {"": "no change, standard deviations differ by a factor 2", **alarms(repeats, 0.0, unlike=0.7)},
        {"": "no change, seeds are correlated across cells", **alarms(repeats, 0.0, unlike=0.5, shared=0.7)},
        {"": f"a loss of {LOSS:g} nats in one cell is reported as worse", **alarms(repeats, LOSS)},
        {"": "by test point, no change", **alarms_by_point(repeats, 0.0)},
        {"": f"by test point, a loss of {LOSS:g} nats in one cell", **alarms_by_point(repeats, LOSS)},
    ]
    about_intervals = (
        "Coverage of the true mean by nominal 95 % intervals. Differences over seeds alone (without values per test "
        "point) have Student's t interval, which covers best. The bootstrap is used for P(better) in `differences`: "
        "with few seeds its percentiles are too narrow, so `bench` expands its levels to match Student's t (Hesterberg "
        f"2015), and gives no interval for fewer than {bootstrap.FEWEST} seeds. Here it has {BOOTSTRAPPED:,} "
        f"resamples, in `bench` {bootstrap.NUM_RESAMPLES:,}."
    )
    about_points = (
        "The intervals of `log_likelihood` and `differences` are over seeds and test points: where the mean would lie "
        "for other training seeds and other test points of the same source. They are not over training data, unless "
        "each seed draws its own (`--resample-train`); tables say which. The values by seed and point are taken as the "
        "sum of random effects of the seed, of the point and of both. The Monte Carlo error of log p(x), which is "
        "independent for each seed and point, is part of the last; how far a lower bound lies below log p(x) on "
        "average is in no interval, and the estimators warn of it. All seeds have the same test points: an interval "
        "over seeds alone would lack the error of the points. The variance of each source comes from the mean squares "
        "of the two-way analysis of variance, and is multiplied by the squared t quantile of its own degrees of "
        "freedom. Below is the coverage of nominal 95 % intervals if "
        "seeds, points and single values have standard deviations of "
        f"{MODEL[0]:g}, {MODEL[1]:g} and {MODEL[2]:g} nats. A few seeds that agree by chance have a narrow interval, "
        "as with every t interval; it may even be narrower than the test-point error that stands beside it.\n\n"
        f"The number of test points is a constant, {Study().likelihood_points} by default, and not what the time "
        "allows: that would depend on the machine and on what else it does, so that the same command would give other "
        "numbers elsewhere, and trials of one table would lack points in common. `--likelihood-points all` takes all "
        "of the test data, and `bench estimate RUN --points all` does so later, for models that are already trained; a "
        "larger number keeps the points of a smaller one. The test-point error beside each level says what few points "
        "cost, and `bench power` whether more of them would decide a comparison."
    )
    about_planted = (
        "Differences are taken by seed and point, so that what makes a point hard for both models cancels. The last "
        f"three columns are of two models that differ by {DIFFERENCE:g} nats, or not at all, on points with a standard "
        f"deviation of {MODEL[1]:g} nats that both share; each model's own effects of seeds, points and both are "
        f"{TWIN[0]:g}, {TWIN[1]:g} and {TWIN[2]:g} nats. Seeds that agree so well are rare: on digits most algorithms "
        f"have a standard deviation of 0.1 to 0.3 nats over seeds, and on MNIST of 1 or more. With {USUAL[0]:g} nats "
        f"instead of {TWIN[0]:g} the difference is found less often, in one column below: then more seeds help, and "
        "more points do not. `bench power` says it for the runs at hand."
    )
    over_points = [
        crossed_covers(num_seeds, num_points, repeats) for num_seeds in (3, 5, 10) for num_points in (100, 300, 1000)
    ]
    about_many = (
        "The rows of `differences` are one family, and so are the verdicts of the page. Below are three algorithms at "
        f"{NUM_PLACES} places on the same {NUM_POINTS} test points: 9 differences and 3 means over places, 12 in all. "
        f"Effects of an algorithm's seeds, points and both at a place are {EFFECTS[0]:g}, {EFFECTS[1]:g} and "
        f"{EFFECTS[2]:g} nats. Adjusted p-values are Holm's (1979), which needs no independence; simultaneous "
        "intervals are Bonferroni's, at 1 - 0.05 / 12 each. Holm's test finds more: once a comparison is decided, the "
        "next has fewer beside it. So an algorithm can be better while its simultaneous interval contains 0, and its "
        "verdict says so. The p-value of a difference is the level at which its interval begins to exclude 0. The last "
        f"three columns are of algorithms that differ by {max(LEVELS):g} nats in two of three pairs."
    )
    about_power = (
        "`bench power` and the page predict how often a difference would be found, from the variances of the effects "
        "of seeds, points and both. Predicted and simulated, for the two models of the tables above; a level of 0.0042 "
        "is that of one of 12 comparisons."
    )
    about_plans = (
        "The variances are estimated, from a run of few seeds. Below are plans for a difference of 1 nat on "
        f"{NUM_POINTS} test points, to be found with 80 %, if the effects of seeds, points and both are "
        f"{PLANNED[0]:g}, {PLANNED[1]:g} and {PLANNED[2]:g} nats: the number of seeds that is planned, and the power "
        "that it reaches. Cautious plans take the upper limit of the spread over seeds that holds with 80 % (Browne "
        "1995)."
    )
    about_aggregate = (
        "The intervals of `aggregate` are over seeds and test points, of three algorithms that are "
        f"{SCORES[0]:g}, {SCORES[1]:g} and {SCORES[2]:g} nats above a common level, give or take 0.15 at each place; "
        f"effects of seeds, points and both are {OF_SCORES[0]:g}, {OF_SCORES[1]:g} and {OF_SCORES[2]:g} nats, those of "
        f"a seed correlated by 0.5 between places of a data set. Coverage is on average over "
        "the algorithms. The variance due to seeds is that of the jackknife, for P(better) that of all pairs of seeds "
        "by effects of either seed and of the pair, and that due to points of the bootstrap. "
        "Intervals of P(better), and so of ranks, are Wilson's. They are not a point where all seeds agree: what all "
        "of R runs show is taken to fail once in R + 2 (Laplace). With 2 seeds, or 3 at a single place, which are few "
        "pairs, they are wider than they need be. The last two columns "
        "are for comparison, and not used here: percentile intervals of a bootstrap over seeds, stratified by cell, as "
        "usual (Agarwal et al. 2021): they lack the error of the points, and are too narrow with few seeds. All have "
        f"{AGGREGATED} resamples here, `aggregate` {NUM_RESAMPLES}."
    )
    about_comparisons = (
        f"`bench compare` on {NUM_CELLS} cells of {NUM_SEEDS} seeds each, whose standard deviation is {SPREAD:g} nats. "
        f"False alarms are counted with the full rate of {RATE:.0%} spent on one measure. The loss is tested with the "
        f"{LIKELIHOOD_SHARE:.0%} of that rate reserved for log-likelihoods, in cells whose seeds are independent. "
        "Each cell's variance is moderated by those of the others (Smyth 2004), followed by Holm's procedure. If both "
        "runs have values of the same test points in all seeds, the error of having few of them is added to the "
        f"interval and the test: below on {NUM_POINTS} points with a standard deviation of {MODEL[1]:g} nats, on which "
        f"the loss has one of 5 nats around its mean."
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
        "## Many comparisons",
        about_many,
        table([many(num_seeds, repeats) for num_seeds in (3, 5, 10)]),
        "## How many seeds",
        about_power,
        table([powers(*setting, repeats) for setting in SETTINGS]),
        about_plans,
        table([plans(num_seeds, 1.0, repeats) for num_seeds in (2, 3, 5, 10)]),
        "## All places together",
        about_aggregate,
        table(
            [
                aggregated(*layout, num_seeds, num_points, repeats)
                for layout, num_seeds, num_points in product(LAID_OUT, (3, 5, 10), (100, 300, 1000))
            ]
        ),
        "## Comparisons of two runs",
        about_comparisons,
        table(compared),
        "## Comparisons of trained runs",
        about_reruns,
        table(reruns(arguments.runs, arguments.reruns, arguments.budget)),
    ]
    print("\n\n".join(texts))  # noqa: T201


if __name__ == "__main__":
    main()
