"""The IWAE paper's table 1 beside what a run has reached."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import pandas as pd

from bench.report import Table
from bench.reporting.captions.scope import interval_scope
from bench.reporting.tables import formatting
from bench.results.grid import Cell, cells, done, finite
from bench.statistics import crossed, intervals
from bench.store.records import Status
from bench.values.calls import call, parse_call

if TYPE_CHECKING:
    from bench.results.frames import Results


class Published(NamedTuple):
    """A number of the paper's table: negative log-likelihood in nats per datapoint, and active units."""

    nll: float
    active_units: int


# By bound, draws per datapoint and data set, for models with one stochastic layer.
DYNAMIC, FIXED = "mnist[binarize=dynamic]", "mnist[binarize=larochelle]"
PUBLISHED = {
    ("aevb", 1, DYNAMIC): Published(86.76, 19),
    ("aevb", 5, DYNAMIC): Published(86.47, 20),
    ("aevb", 50, DYNAMIC): Published(86.35, 20),
    ("iwae", 1, DYNAMIC): Published(86.76, 19),
    ("iwae", 5, DYNAMIC): Published(85.54, 22),
    ("iwae", 50, DYNAMIC): Published(84.78, 25),
    ("aevb", 1, FIXED): Published(88.71, 19),
    ("aevb", 5, FIXED): Published(88.83, 19),
    ("aevb", 50, FIXED): Published(89.05, 20),
    ("iwae", 1, FIXED): Published(88.71, 19),
    ("iwae", 5, FIXED): Published(87.63, 22),
    ("iwae", 50, FIXED): Published(87.10, 24),
}
TRAINING_POINTS = {DYNAMIC: 60_000, FIXED: 50_000}
NETWORKS = "mlp[hidden=200,layers=2,init_scale=glorot]"
LATENT_SIZE = 50
# Options that do not change the objective.
TRAINING = {"learning_rate", "optimiser", "batch_size", "prior", "num_samples"}
# The name of an algorithm with its options, and a suffix that distinguishes it from others, such as " (runs/a)".
LABEL = re.compile(r"([^\[(]*(?:\[.*\])?)((?: \([^()]*\))*)")


class IWAETable1(Table):
    """Negative log-likelihood and active units by algorithm and draws per datapoint, beside the published numbers.

    Made for runs that contain an importance-weighted auto-encoder, with one row per algorithm.  Published numbers are
    shown for AEVB (the paper's VAE) and IWAE with its standard gradient if data, networks and latent size are the
    paper's; the paper's models were trained for 3280 epochs and evaluated on all test images.  Intervals of the NLL are
    over seeds and test points, those of active units over seeds.  Seeds that did not end well are counted, but excluded
    from the means.
    Source: Burda, Grosse & Salakhutdinov 2016, table 1.
    """

    essential: ClassVar[tuple[str, ...]] = (
        *("algorithm", "draws", "NLL (nats)", "95 % interval", "active units"),
        *("published NLL (nats)", "published active units"),
    )
    captioned: ClassVar[tuple[str, ...]] = ("interval over", "estimator")

    def table(self, results: Results) -> pd.DataFrame:
        """``nll`` is minus the log-likelihood of test data by the first estimator; NaN if no seed is done."""
        by_cell = dict(cells(finite(results.trials)))
        if not any(_name(cell.algorithm) == "iwae" for cell in by_cell):
            return pd.DataFrame()
        units = results.diagnosis.set_index("trial")["active_units"]
        known = results.hyperparameters[results.hyperparameters["hyperparameter"] == "num_samples"]
        draws = {str(trial): float(text) for trial, text in zip(known["trial"], known["setting"], strict=True)}
        return pd.DataFrame([_row(results, cell, seeds, units, draws) for cell, seeds in by_cell.items()])

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, means with their intervals."""
        names = _short_names([*table["algorithm"]])
        return pd.DataFrame([_shown(row, name) for (_, row), name in zip(table.iterrows(), names, strict=True)])


def _parsed(label: str) -> tuple[str, dict[str, str], str]:
    """Name, options and the remaining text; a label of another form is a name as a whole."""
    match = LABEL.fullmatch(label)
    return (*parse_call(match[1]), match[2]) if match else (label, {}, "")


def _name(label: str) -> str:
    return _parsed(label)[0]


def _short_names(labels: Sequence[str]) -> list[str]:
    """The algorithms without the options that all have in common, and without the number of draws.

    >>> _short_names(["aevb[optimiser=adam]", "iwae[optimiser=adam,num_samples=50,gradient=dreg] (runs/a)"])
    ['aevb', 'iwae[gradient=dreg] (runs/a)']
    """
    parsed = [_parsed(label) for label in labels]
    common = set.intersection(*({*options.items()} for _, options, _ in parsed))
    return [
        call(name, {key: text for key, text in options.items() if key != "num_samples" and (key, text) not in common})
        + rest
        for name, options, rest in parsed
    ]


def _row(
    results: Results, cell: Cell, seeds: pd.DataFrame, units: pd.Series, draws: Mapping[str, float]
) -> dict[str, object]:
    ended_well = done(seeds)
    estimated = ended_well[ended_well["log_likelihood_test"].notna()]
    estimators = [*dict.fromkeys(estimated["estimator"].dropna())]
    by_point = results.by_point(estimated["trial"], estimators[0]) if len(estimators) == 1 else None
    nll = -estimated["log_likelihood_test"]
    low, high = intervals.mean_interval(-nll) if by_point is None else crossed.mean_interval(by_point)
    active = units.reindex(estimated["trial"]).dropna()
    active_low, active_high = intervals.mean_interval(active)
    num_samples = draws.get(str(seeds["trial"].iloc[0]), math.nan)
    published = _published(cell, seeds, num_samples)
    return {
        **cell._asdict(),
        "num_samples": num_samples,
        "nll": float(intervals.mean(nll)),
        "nll_low": -float(high),
        "nll_high": -float(low),
        "interval_over": interval_scope(estimated["data"], 0 if by_point is None else by_point.shape[1]),
        "active_units": float(intervals.mean(active)),
        "active_units_low": float(active_low),
        "active_units_high": float(active_high),
        "seeds": len(nll),
        "not_counted": ", ".join(
            "not estimated" if row["status"] == Status.DONE else str(row["status"])
            for _, row in seeds[~seeds["trial"].isin(estimated["trial"])].iterrows()
        ),
        "samples": float(ended_well["samples"].max()),
        "estimator": ", ".join(estimators),
        "published_nll": published.nll if published else math.nan,
        "published_active_units": published.active_units if published else math.nan,
    }


def _published(cell: Cell, seeds: pd.DataFrame, draws: float) -> Published | None:
    """The paper's numbers for such a model, if there are any."""
    name, options, _ = _parsed(cell.algorithm)
    place = (cell.n_train, cell.z, {*seeds["model"]})
    if place != (TRAINING_POINTS.get(cell.dataset), LATENT_SIZE, {NETWORKS}) or not options.keys() <= TRAINING:
        return None
    return PUBLISHED.get((name, int(draws) if math.isfinite(draws) else 0, cell.dataset))


def _shown(row: pd.Series, name: str) -> dict[str, str]:
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": name,
        "draws": formatting.whole(row["num_samples"]),
        "NLL (nats)": formatting.number(row["nll"]),
        "95 % interval": formatting.interval(row["nll_low"], row["nll_high"]),
        "active units": formatting.number(row["active_units"], 1),
        "95 % interval of units": formatting.interval(row["active_units_low"], row["active_units_high"]),
        "published NLL (nats)": formatting.number(row["published_nll"]),
        "published active units": formatting.whole(row["published_active_units"]),
        "seeds": formatting.seeds_in_words(row["seeds"], row["not_counted"].split(", ") if row["not_counted"] else []),
        "samples": formatting.count(row["samples"]),
        "interval over": row["interval_over"] or formatting.MISSING,
        "estimator": row["estimator"] or formatting.MISSING,
    }
