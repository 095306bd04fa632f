"""What each deviation from the paper's protocol is worth: prints the tables of docs/measurements.md from run folders.

    python docs/deviations.py runs/protocol runs/protocol-zero --of elbo_test
    python docs/deviations.py runs/mcem --of log_likelihood_test

A row is compared with the first row of the same algorithm, of the first run: seed by seed if both have the same
networks, and so the same initial weights, otherwise by Welch's t-test.  Intervals hold 95 % over seeds.  With
--independent those rows are shown that another implementation has, and the differences from it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from scipy.stats import t, ttest_ind, ttest_rel

import bench
from bench.statistics.intervals import mean_interval
from bench.values.calls import parse_call

RANGE_OF_FIVE = 2.326  # standard deviations between the highest and the lowest of five normal values, on average


@dataclass(frozen=True)
class Independent:
    """What another implementation of the same protocol reached: nats, mean and standard deviation over its seeds."""

    mean: float
    deviation: float
    num_seeds: int = 5


USUAL = (153.6 - 144.2) / RANGE_OF_FIVE  # the deviation of the first one, for those of which no range is known
INDEPENDENT = {
    ("wakesleep[learning_rate=0.02]", "mlp[biases=zero]"): Independent(-149.8, USUAL),
    ("wakesleep[learning_rate=0.02,phases=simultaneous]", "mlp[biases=zero]"): Independent(
        -168.5, (177.1 - 162.4) / RANGE_OF_FIVE
    ),
    ("wakesleep[learning_rate=0.02,prior=all]", "mlp[biases=zero]"): Independent(-149.9, USUAL),
    ("wakesleep[learning_rate=0.02]", "mlp"): Independent(-148.3, USUAL),
    ("aevb[learning_rate=0.02]", "mlp[biases=zero]"): Independent(-137.37, 1.86, 3),
}


@dataclass(frozen=True)
class Row:
    """The values of an algorithm with some networks, by seed; NaN for a trial that is not done."""

    algorithm: str
    model: str
    values: pd.Series
    statuses: pd.Series

    @property
    def name(self) -> str:
        """That of the algorithm without its options."""
        return parse_call(self.algorithm)[0]


def rows(runs: Sequence[str], column: str) -> Iterator[Row]:
    """Yield what all runs hold, in their order."""
    for run in runs:
        for (algorithm, model), trials in bench.load(run).trials.groupby(["algorithm", "model"], sort=False):
            by_seed = trials.set_index("seed").sort_index()
            values = by_seed[column].where(by_seed["status"] == "done")
            yield Row(str(algorithm), str(model), values, by_seed["status"])


def gap(one: Row, other: Row) -> str:
    """``one - other`` with its interval; of the seeds that both have, if they began with the same weights."""
    if one.model == other.model:
        both = pd.concat([one.values, other.values], axis=1, join="inner").dropna()
        if len(both) < 2:
            return ""
        mean, test = (both.iloc[:, 0] - both.iloc[:, 1]).mean(), ttest_rel(both.iloc[:, 0], both.iloc[:, 1])
    else:
        a, b = one.values.dropna(), other.values.dropna()
        if min(len(a), len(b)) < 2:
            return ""
        mean, test = a.mean() - b.mean(), ttest_ind(a, b, equal_var=False)
    low, high = test.confidence_interval()
    return f"{mean:+.2f} ({low:+.2f} to {high:+.2f})"


def beside(row: Row, other: Independent) -> dict[str, str]:
    """A line of the table of independent figures: the difference with Welch's interval, for one and for all of them."""
    values = row.values.dropna()
    here, there = values.var() / len(values), other.deviation**2 / other.num_seeds
    degrees = (here + there) ** 2 / (here**2 / (len(values) - 1) + there**2 / (other.num_seeds - 1))
    gap, error = values.mean() - other.mean, (here + there) ** 0.5
    one, all_of_them = (error * t.ppf(1 - level / 2, degrees) for level in (0.05, 0.05 / len(INDEPENDENT)))
    return {
        "": f"`{row.algorithm}`, `{row.model}`",
        "there": f"{other.mean:.1f}",
        "here": f"{values.mean():.1f}",
        "here - there": f"{gap:+.1f} ({gap - one:+.1f} to {gap + one:+.1f})",
        f"with all {len(INDEPENDENT)} allowed for": f"{gap - all_of_them:+.1f} to {gap + all_of_them:+.1f}",
    }


def shown(row: Row, first: Row) -> dict[str, str]:
    """A line of the table."""
    values = row.values.dropna()
    mean = f"{values.mean():.2f}" if len(values) else ""
    if len(values) > 1:
        low, high = map(float, mean_interval(values.to_numpy()))
        mean += f" ({low:.2f} to {high:.2f})"
    return {
        "algorithm": f"`{row.algorithm}`" + (f", `{row.model}`" if row.model != first.model else ""),
        "mean, 95 % interval": mean,
        "by seed": ", ".join(
            str(status) if pd.isna(value) else f"{value:.2f}"
            for value, status in zip(row.values, row.statuses, strict=True)
        ),
        "difference": "" if row is first else gap(row, first),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and the difference of the first rows of each two algorithms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", help="run folders")
    parser.add_argument("--of", default="elbo_test", choices=["elbo_test", "log_likelihood_test"])
    parser.add_argument("--independent", action="store_true", help="compare with another implementation")
    chosen = parser.parse_args(arguments)
    first: dict[str, Row] = {}
    known = [*rows(chosen.runs, chosen.of)]
    if chosen.independent:
        found = [
            (row, INDEPENDENT[row.algorithm, row.model]) for row in known if (row.algorithm, row.model) in INDEPENDENT
        ]
        print(pd.DataFrame([beside(*each) for each in found]).to_markdown(index=False, disable_numparse=True))  # noqa: T201
        return 0
    for row in known:
        first.setdefault(row.name, row)
    known.sort(key=lambda row: [*first].index(row.name))
    lines = pd.DataFrame([shown(row, first[row.name]) for row in known])
    print(lines.to_markdown(index=False, disable_numparse=True))  # noqa: T201
    firsts = [*first.values()]
    for i, one in enumerate(firsts):
        for other in firsts[:i]:
            print(f"\n`{one.algorithm}` above `{other.algorithm}`: {gap(one, other)} nats.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
