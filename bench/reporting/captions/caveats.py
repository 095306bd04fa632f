"""What must be known before a number is believed, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from bench.reporting.captions.names import listed
from bench.reporting.captions.scope import at_mark
from bench.reporting.tables import formatting
from bench.results.grid import finite, of_references
from bench.store.records import Status
from bench.store.references import is_reference

if TYPE_CHECKING:
    from bench.results.frames import Results

SCALE = {"pixels": "pixels", "decoder": "decoders", "estimator": "estimators", "points": "numbers of test points"}
NUMBER = r"\d[\d.,e+-]*"
TOLERANCE = 1.1  # an algorithm that takes all the data at once overshoots its budget by an update


def warnings(results: Results) -> list[str]:
    """The warnings of the estimators and of the diagnosis, each once for the seeds of a cell that have it.

    If the numbers differ between seeds, the warning of one of them is shown with its seed.
    """
    of_estimates = _warnings(results, results.likelihoods, "warnings", ("estimator", "split"))
    return [*of_estimates, *_warnings(results, results.diagnosis, "collapse")]


def stale(results: Results) -> list[str]:
    """A sentence about trials made with code or data other than the current or later ones; nothing if there is none."""
    kept = set(results.trials.loc[of_references(results.trials), "trial"])
    changed = [each for trial, each in results.changed_since.items() if trial not in kept]
    count = len(changed)
    if not count:
        return _stale_references(results, kept)
    components = dict.fromkeys(name for each in changed for name in each.split(", "))
    mixed = "They are averaged with the others. " if results.mix_stale else ""
    sentences = (
        f"{formatting.quantity(count, 'trial')} {'is' if count == 1 else 'are'} stale (see what ran): changed "
        f"since {'it' if count == 1 else 'they'} ran: {', '.join(components)}. {mixed}"
    )
    if not is_reference(results.path):
        sentences += f"bench run --on-stale rerun runs {'it' if count == 1 else 'them'} again."
    return [sentences.rstrip(), *_stale_references(results, kept)]


def _stale_references(results: Results, kept: set[str]) -> list[str]:
    """Like `stale`, for trials of reference runs, which are not run here."""
    sentences = []
    for name, rows in results.trials[results.trials["trial"].isin(kept)].groupby("reference", sort=False):
        changed = [each for each in rows["stale"] if each]
        if changed:
            components = dict.fromkeys(part for each in changed for part in each.split(", "))
            sentences.append(
                f"{formatting.quantity(len(changed), 'trial')} of {name} {'is' if len(changed) == 1 else 'are'} stale "
                f"(see what ran): changed since then: {', '.join(components)}."
            )
    return sentences


def references(results: Results) -> list[str]:
    """A sentence about each reference run, and one about where results are cut; nothing without references."""
    trials = results.trials[of_references(results.trials)]
    if trials.empty:
        return []
    sentences = [
        f"Rows marked ({name}) were not run here, but on {_listed(rows['processor'])} with torch "
        f"{_listed(rows['torch'])}. Their seconds are left out, since seconds of different machines cannot be compared."
        for name, rows in trials.groupby("reference", sort=False)
    ]
    cuts = [
        f"Budgets differ, so all results are those after {at_mark(mark, _seen(results, mark))}, "
        + (
            "where values by test point are not kept: intervals are over seeds, for these test points alone."
            if results.likelihoods["log_likelihood"].notna().any()
            else "where log p(x) was not estimated."
        )
        for mark in results.compared_at
    ]
    return [*sentences, *cuts]


def _seen(results: Results, mark: int) -> pd.Series:
    """The training samples of the trials that are compared at this evaluation mark."""
    later = [each for each in results.compared_at if each > mark]
    samples = results.trials["samples"]
    return samples[(samples >= mark) & (samples < min(later, default=math.inf))]


def machines(results: Results) -> list[str]:
    """A sentence about each property that affects numbers and that the trials of this run do not have in common.

    Differences in the code of `bench` are covered by `stale`.
    """
    trials = results.trials[~of_references(results.trials)]
    kinds = trials["device"].dropna().map(lambda name: str(name).partition(":")[0])
    python = trials["python"].dropna().map(lambda version: ".".join(str(version).split(".")[:2]))
    seconds, rounding = "their seconds are not comparable", "sums may be rounded differently"
    columns = {
        "devices": (kinds, f"{seconds}, and {rounding}"),
        "processors": (trials["processor"], f"{seconds}, and {rounding}"),
        "versions of Python": (python, "the same code may do something else"),
        "versions of torch": (trials["torch"], f"{rounding}, or worse"),
        "versions of numpy": (trials["numpy"], f"{rounding}, or worse"),
    }
    sentences = []
    for what, (column, consequence) in columns.items():
        known = column.dropna()
        counts = known[known != ""].value_counts(sort=False)
        if len(counts) > 1:
            listed = "; ".join(f"{name}: {formatting.quantity(count, 'trial')}" for name, count in counts.items())
            sentences.append(f"Trials ran with different {what} ({listed}): {consequence}.")
    return sentences


def _listed(column: pd.Series) -> str:
    return ", ".join(map(str, column.dropna().unique())) or "an unknown machine"


def tuning(results: Results) -> list[str]:
    """A sentence if algorithms were not tuned in the same way; nothing if they were."""
    ways = ways_of_tuning(results.trials)
    return [f"Algorithms were tuned in different ways ({ways}), and a difference may be due to that."] if ways else []


def ways_of_tuning(trials: pd.DataFrame) -> str:
    """How the algorithms of these trials were tuned, if not in the same way; empty if they were.

    >>> ways_of_tuning(pd.DataFrame({"algorithm": ["aevb", "mcem", "mine"], "tune": ["paper", "paper", "given"]}))
    'aevb, mcem: paper; mine: given'
    """
    tuned = trials.dropna(subset="tune")  # nothing is known of a trial whose spec is lost
    ways = tuned.groupby("algorithm", sort=False)["tune"].unique().map(lambda each: ", ".join(sorted(map(str, each))))
    if ways.nunique() <= 1:
        return ""
    names = {way: listed(map(str, group.index), trials) for way, group in ways.groupby(ways, sort=False)}
    return "; ".join(f"{who}: {way}" for way, who in names.items())


def _warnings(results: Results, frame: pd.DataFrame, column: str, of: Sequence[str] = ()) -> Iterator[str]:
    """A line for each cell and each text apart from its numbers; data sets and sizes are named if there are several."""
    several = [name for name in ("dataset", "n_train") if results.trials[name].nunique() > 1]
    who = [*of, "algorithm"]
    warned = frame[frame[column].fillna("") != ""]
    kind = warned[column].astype(str).str.replace(NUMBER, "0", regex=True)
    for key, group in warned.groupby([*several, "z", *who, kind.rename("kind")], sort=False):
        cell = dict(zip([*several, "z", *who], key, strict=False))
        split = f" ({cell['split']})" if cell.get("split", "test") != "test" else ""
        name = f"{cell['estimator']}{split} of {cell['algorithm']}" if of else str(cell["algorithm"])
        place = [f"{cell[each]} training points" if each == "n_train" else str(cell[each]) for each in several]
        seeds = formatting.quantity(group["seed"].nunique(), "seed")
        example = "" if group[column].nunique() == 1 else f", for example seed {group['seed'].iloc[0]}"
        yield f"{', '.join([name, *place])}, z={cell['z']}, {seeds}{example}: {group[column].iloc[0]}"


def with_values(results: Results) -> pd.DataFrame:
    """The trials with the ``value`` of their log-likelihood and the number of ``points`` that it is a mean over.

    ``fingerprint`` is the checksum of these points.  The value is NaN if it is infinite or the trial is not done.
    """
    trials, estimates = results.trials, results.likelihoods
    first = estimates[estimates["split"] == "test"].drop_duplicates("trial").set_index("trial")
    value = finite(trials["log_likelihood_test"]).where(trials["status"] == Status.DONE)
    points, fingerprint = (trials["trial"].map(first[column]) for column in ("num_points", "points"))
    return trials.assign(value=value, points=points, fingerprint=fingerprint)


def not_comparable(trials: pd.DataFrame) -> str:
    """Why the values of trials of one place (`with_values`) are not on one scale, in words; empty if they are."""
    valued = trials.dropna(subset="value")
    for column, noun in SCALE.items():
        texts = valued[column].dropna().map(formatting.text).unique()
        if len(texts) > 1:
            return f"{noun} differ ({', '.join(texts)})"
    if valued["fingerprint"].nunique() > 1:
        return "test points differ: an older version took others; bench estimate estimates them again"
    return ""


def budgets(trials: pd.DataFrame) -> str:
    """The training samples of each algorithm of one place, if they differ; else empty."""
    most = trials["samples"].groupby(trials["algorithm"], sort=False).max().dropna()
    if most.empty or most.max() <= TOLERANCE * most.min():
        return ""
    return f"Budgets differ: {', '.join(f'{name} {samples:,.0f}' for name, samples in most.items())} training samples."


def costs(results: Results) -> str:
    """What a training sample costs each algorithm, if the costs differ; else empty."""
    trials = results.trials
    per_sample = trials["model_evaluations"] / trials["samples"].replace(0, math.nan)
    medians = per_sample.groupby(trials["algorithm"], sort=False).median().dropna()
    if medians.empty or medians.max() <= TOLERANCE * medians.min():
        return ""
    listed = ", ".join(f"{name} {cost:.2g}" for name, cost in medians.items())
    return f"The cost of a training sample differs, in model evaluations: {listed}. See cost."
