"""The IWAE paper's table 1 beside what a run has reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import pandas as pd

from bench.report import Table
from bench.reporting.tables import formatting
from bench.results.grid import Cell, cells, done, finite
from bench.statistics import intervals
from bench.values.calls import call, parse_call

if TYPE_CHECKING:
    from bench.results.frames import Results


class Published(NamedTuple):
    """A number of the paper's table: negative log-likelihood in nats per datapoint, and active units."""

    nll: float
    active_units: int


# By bound, draws per datapoint and binarisation; of models with one stochastic layer.
PUBLISHED = {
    ("aevb", 1, "dynamic"): Published(86.76, 19),
    ("aevb", 5, "dynamic"): Published(86.47, 20),
    ("aevb", 50, "dynamic"): Published(86.35, 20),
    ("iwae", 1, "dynamic"): Published(86.76, 19),
    ("iwae", 5, "dynamic"): Published(85.54, 22),
    ("iwae", 50, "dynamic"): Published(84.78, 25),
    ("aevb", 1, "larochelle"): Published(88.71, 19),
    ("aevb", 5, "larochelle"): Published(88.83, 19),
    ("aevb", 50, "larochelle"): Published(89.05, 20),
    ("iwae", 1, "larochelle"): Published(88.71, 19),
    ("iwae", 5, "larochelle"): Published(87.63, 22),
    ("iwae", 50, "larochelle"): Published(87.10, 24),
}
NETWORKS = "mlp[hidden=200,layers=2,init_scale=glorot]"
LATENT_SIZE = 50
SETTING = ("trial", "hyperparameter", "setting")


class IWAETable1(Table):
    """Negative log-likelihood and active units by algorithm and draws per datapoint, beside the published numbers.

    Made of runs that hold an importance-weighted auto-encoder, one row per algorithm.  Published numbers stand beside
    AEVB (the paper's VAE) and IWAE with its standard gradient if data, networks and latent size are the paper's; its
    models were trained for 3280 epochs.  Intervals are over seeds, 95 %.
    Source: Burda, Grosse & Salakhutdinov 2016, table 1.
    """

    essential: ClassVar[tuple[str, ...]] = (
        *("algorithm", "draws", "NLL (nats)", "95 % interval", "active units"),
        *("published NLL (nats)", "published active units"),
    )

    def table(self, results: Results) -> pd.DataFrame:
        """``nll`` is minus the log-likelihood of test data by the first estimator; NaN if no seed is done."""
        by_cell = {cell: done(seeds) for cell, seeds in cells(finite(results.trials))}
        if not any(parse_call(cell.algorithm)[0] == "iwae" for cell in by_cell):
            return pd.DataFrame()
        units = results.diagnosis.set_index("trial")["active_units"]
        known = results.hyperparameters
        options = {(trial, name): text for trial, name, text in zip(*(known[c] for c in SETTING), strict=True)}
        return pd.DataFrame([_row(cell, seeds, units, options) for cell, seeds in by_cell.items()])

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, means with their intervals."""
        names = _short_names([*table["algorithm"]])
        return pd.DataFrame([_shown(row, name) for (_, row), name in zip(table.iterrows(), names, strict=True)])


def _short_names(names: Sequence[str]) -> list[str]:
    """The algorithms without the options that all have in common, and without the number of draws.

    >>> _short_names(["aevb[optimiser=adam]", "iwae[optimiser=adam,num_samples=50,gradient=dreg]"])
    ['aevb', 'iwae[gradient=dreg]']
    """
    parsed = [parse_call(name) for name in names]
    common = set.intersection(*({*options.items()} for _, options in parsed))
    return [
        call(name, {key: text for key, text in options.items() if key != "num_samples" and (key, text) not in common})
        for name, options in parsed
    ]


def _row(cell: Cell, seeds: pd.DataFrame, units: pd.Series, options: dict[tuple[str, str], str]) -> dict[str, object]:
    nll = -seeds["log_likelihood_test"].dropna()
    active = units.reindex(seeds["trial"]).dropna()
    (nll_low, nll_high), (active_low, active_high) = intervals.mean_interval(nll), intervals.mean_interval(active)
    trial = str(seeds["trial"].iloc[0]) if len(seeds) else ""
    draws = int(options.get((trial, "num_samples"), 1))
    published = _published(cell, seeds, draws, options.get((trial, "gradient"), "standard"))
    return {
        **cell._asdict(),
        "num_samples": draws,
        "nll": float(intervals.mean(nll)),
        "nll_low": float(nll_low),
        "nll_high": float(nll_high),
        "active_units": float(intervals.mean(active)),
        "active_units_low": float(active_low),
        "active_units_high": float(active_high),
        "seeds": len(nll),
        "samples": float(seeds["samples"].max()),
        "estimator": ", ".join(dict.fromkeys(seeds["estimator"].dropna())),
        "published_nll": published.nll if published else math.nan,
        "published_active_units": published.active_units if published else math.nan,
    }


def _published(cell: Cell, seeds: pd.DataFrame, draws: int, gradient: str) -> Published | None:
    """The paper's numbers for such a model, if it has them."""
    dataset, data_options = parse_call(cell.dataset)
    as_published = (dataset, cell.z, gradient) == ("mnist", LATENT_SIZE, "standard")
    if not as_published or {*seeds["model"]} != {NETWORKS}:
        return None
    return PUBLISHED.get((parse_call(cell.algorithm)[0], draws, data_options.get("binarize", "")))


def _shown(row: pd.Series, name: str) -> dict[str, str]:
    return {
        "data set": row["dataset"],
        "z": str(row["z"]),
        "algorithm": name,
        "draws": str(row["num_samples"]),
        "NLL (nats)": formatting.number(row["nll"]),
        "95 % interval": formatting.interval(row["nll_low"], row["nll_high"]),
        "active units": formatting.number(row["active_units"], 1),
        "95 % interval of units": formatting.interval(row["active_units_low"], row["active_units_high"]),
        "published NLL (nats)": formatting.number(row["published_nll"]),
        "published active units": formatting.whole(row["published_active_units"]),
        "seeds": str(row["seeds"]),
        "samples": formatting.count(row["samples"]),
        "estimator": row["estimator"] or formatting.MISSING,
    }
