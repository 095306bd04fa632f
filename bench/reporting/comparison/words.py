"""A comparison in words and as tables: for a terminal, for a pull request, for a program."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import pandas as pd

from bench.reporting.comparison import endings
from bench.reporting.comparison.compare import Comparison
from bench.reporting.comparison.verdict import Row
from bench.reporting.tables import formatting

LARGE = 100  # nats, or times: larger changes are not told apart
ORDER = ("worse", "better", "missing", "not comparable", "no evidence")


def verdict(comparison: Comparison) -> str:
    """The whole comparison in one line."""
    counts = Counter(row.verdict for row in comparison.rows)
    tested = sum(counts[name] for name in ("worse", "better", "no evidence"))
    if not tested:
        return "Nothing could be compared."
    if not counts["worse"] and not counts["better"]:
        text = f"No evidence of any change in {tested} comparisons."
    else:
        text = (
            f"{counts['worse']} worse, {counts['better']} better, {counts['no evidence']} without evidence of a change."
        )
    left = [f"{counts[name]} {name}" for name in ("missing", "not comparable") if counts[name]]
    return f"{text} {' and '.join(left).capitalize()}." if left else text


def sentences(comparison: Comparison) -> list[str]:
    """List what is worse, what is better, what could not be compared and why, and what could not have been detected.

    Cautions that concern all of it come first.
    """
    texts = [_sentence(row) for name in ("worse", "better") for row in comparison.of(name)]
    grouped: dict[tuple[str, str], list[Row]] = {}
    for name in ("missing", "not comparable", "no evidence"):
        for row in comparison.of(name):
            if row.why:
                grouped.setdefault((row.verdict, row.why), []).append(row)
    for (name, why), rows in grouped.items():
        measures = ", ".join(dict.fromkeys(row.measure for row in rows if row.measure != "all"))
        places = "; ".join(dict.fromkeys(_place(row) for row in rows))
        texts.append(f"{name.capitalize()}{f' ({measures})' if measures else ''}: {places}: {why}.")
    return [*comparison.cautions, *texts, *_undetectable(comparison)]


def _undetectable(comparison: Comparison) -> list[str]:
    """The smallest changes that would have been significant, if above what counts: no evidence is not no change."""
    least: dict[str, list[Row]] = {}
    for row in comparison.of("no evidence"):
        size = comparison.rules.min_nats if row.unit == "nats" else comparison.rules.min_ratio
        if row.least > size:
            least.setdefault(row.measure, []).append(row)
    known, unknown = [], []
    for measure, rows in least.items():
        low, high = min(row.least for row in rows), max(row.least for row in rows)
        sizes = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {_large(high)}"
        if low >= LARGE:
            unknown.append(measure)
        else:
            known.append(
                f"{measure} by {sizes} nats" if rows[0].unit == "nats" else f"{measure} by a factor of {sizes}"
            )
    texts = [f"Smaller changes than these would not have been significant here: {', '.join(known)}."] if known else []
    if unknown:
        texts.append(
            f"Which changes of {formatting.listed(unknown)} would have been significant cannot be said: too few seeds, "
            "or too different ones."
        )
    return texts


def rules(comparison: Comparison) -> list[str]:
    """The rules of the comparison."""
    limits = comparison.rules
    first = (
        f"A change counts as better or worse if it is significant and at least {limits.least('nats')} or "
        f"{limits.least('ratio')}; if nothing has changed, the probability of any false alarm is at most "
        f"{limits.false_alarms:.0%}. Intervals are 95 %, over seeds and, of values by test point, over these "
        "too, not adjusted for multiple comparisons."
    )
    texts = [first]
    if any(row.measure == endings.MEASURE for row in comparison.rows):
        texts.append(
            "Failed seeds are compared separately: more of them in NEW count as worse if BASE had none or the same "
            f"seeds; with different seeds, if Fisher's exact test has p of at most {limits.false_alarms:g}."
        )
    if comparison.targets:
        aims = ", ".join(
            f"{target:.2f} ({place.dataset}, z = {place.z})" for place, target in comparison.targets.items()
        )
        texts.append(
            "The target is the test bound at 95 % of the way from the untrained model to where BASE's weakest "
            f"algorithm ends, in nats: {aims}."
        )
    return texts


def frame(comparison: Comparison) -> pd.DataFrame:
    """A table for readers: one row per comparison, the worst first."""
    rows = sorted(comparison.rows, key=lambda row: ORDER.index(row.verdict))
    shown = pd.DataFrame([_shown(row) for row in rows])
    return shown if shown.empty or shown["why"].any() else shown.drop(columns="why")


def record(comparison: Comparison) -> dict[str, object]:
    """Plain data; numbers that are not finite are None."""

    def plain(value: object) -> object:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return {
        "verdict": verdict(comparison),
        "counts": dict(Counter(row.verdict for row in comparison.rows)),
        "rules": dataclasses.asdict(comparison.rules),
        "cautions": list(comparison.cautions),
        "targets": [{**place._asdict(), "target": plain(target)} for place, target in comparison.targets.items()],
        "rows": [
            {**row.cell._asdict(), **{k: plain(v) for k, v in dataclasses.asdict(row).items() if k != "cell"}}
            for row in comparison.rows
        ],
    }


def _sentence(row: Row) -> str:
    begin = f"{row.verdict.capitalize()}: {row.measure} of {_place(row)}"
    if not math.isfinite(row.low):
        return f"{begin}: {row.why}."
    size = f"by {abs(row.change):.2f} nats" if row.unit == "nats" else f"{_ratio(row.change)} times what it was"
    seeds = f"{row.seeds_base} pairs of seeds" if row.paired else f"{row.seeds_base} and {row.seeds_new} seeds"
    seeds += f" and {row.num_points} test points" if row.num_points else ""
    return f"{begin}, {size} (95 % interval {_interval(row)}; {seeds}; p = {row.p:.2g})."


def _place(row: Row) -> str:
    return f"{row.cell.algorithm}, z = {row.cell.z} ({row.cell.dataset}, {row.cell.n_train} training points)"


def _shown(row: Row) -> dict[str, str]:
    pairs = f"{row.seeds_base} pairs" if row.paired else f"{row.seeds_base} and {row.seeds_new}"
    return {
        "verdict": row.verdict,
        "algorithm": row.cell.algorithm,
        "z": str(row.cell.z),
        "measure": row.measure,
        "BASE": _value(row.base, row.unit),
        "NEW": _value(row.new, row.unit),
        "change": _change(row),
        "95 % interval": _interval(row),
        "seeds": pairs if row.seeds_base or row.seeds_new else formatting.MISSING,
        "why": row.why,
        "training points": str(row.cell.n_train),
        "data set": row.cell.dataset,
    }


def _large(value: float) -> str:
    return f"{value:.2f}" if value < LARGE else f"more than {LARGE}"


def _ratio(value: float) -> str:
    return f"less than {1 / LARGE:g}" if value < 1 / LARGE else _large(value)


def _value(value: float, unit: str) -> str:
    return (
        formatting.number(value, 0)
        if unit == "seeds"
        else formatting.time(value)
        if unit == "ratio"
        else formatting.number(value)
    )


def _change(row: Row) -> str:
    if not math.isfinite(row.change) or not math.isfinite(row.base):
        return formatting.MISSING
    return f"{row.change:+.2f} nats" if row.unit == "nats" else f"x {_ratio(row.change)}"


def _interval(row: Row) -> str:
    if not (math.isfinite(row.low) and math.isfinite(row.high)):
        return formatting.MISSING
    return f"{row.low:+.2f} to {row.high:+.2f}" if row.unit == "nats" else f"{_ratio(row.low)} to {_ratio(row.high)}"
