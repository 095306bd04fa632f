"""What each deviation from the paper's protocol is worth: prints the tables of docs/measurements.md from run folders.

    python docs/deviations.py runs/protocol runs/protocol-zero --of elbo_test
    python docs/deviations.py runs/mcem --of log_likelihood_test

A row is compared with the first row of the same algorithm, of the first run: seed by seed if both have the same
networks, and so the same initial weights, otherwise by Welch's t-test.  Intervals hold 95 % over seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
from scipy.stats import ttest_ind, ttest_rel

import bench
from bench.statistics.intervals import mean_interval
from bench.values.calls import parse_call


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


def shown(row: Row, first: Row) -> dict[str, str]:
    """A line of the table."""
    values = row.values.dropna()
    low, high = map(float, mean_interval(values.to_numpy())) if len(values) > 1 else (float("nan"),) * 2
    return {
        "algorithm": f"`{row.algorithm}`" + (f", `{row.model}`" if row.model != first.model else ""),
        "mean, 95 % interval": f"{values.mean():.2f} ({low:.2f} to {high:.2f})" if len(values) else "",
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
    chosen = parser.parse_args(arguments)
    first: dict[str, Row] = {}
    known = [*rows(chosen.runs, chosen.of)]
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
