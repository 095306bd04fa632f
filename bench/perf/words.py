"""Comparisons of timings in words: a table, sentences, and a one-line verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from bench.statistics.timings import Row, Rules

ORDER = ("slower", "fails", "fails on base", "not in base", "gone", "faster", "no evidence")
DASH = "–"
USEFUL_RATIO = 2.0  # any useful measurement detects a ratio this large


def verdict(rows: Sequence[Row]) -> str:
    """Return the result in one line."""
    counts: Counter[str] = Counter(row.verdict for row in rows)
    compared = sum(counts[name] for name in ("slower", "faster", "no evidence"))
    if not compared:
        result = "Nothing could be compared."
    elif counts["slower"] or counts["faster"]:
        unclear = f"{counts['no evidence']} without evidence of a change"
        result = f"{counts['slower']} slower, {counts['faster']} faster, {unclear}."
    else:
        result = f"No evidence that any of {compared} benchmarks has become slower or faster."
    others = ", ".join(f"{counts[name]} {name}" for name in ORDER[1:5] if counts[name])
    return f"{result} {others.capitalize()}." if others else result


def sentences(rows: Sequence[Row], rules: Rules) -> list[str]:
    """Describe what is slower, faster or not comparable, by which rules, and which changes would go unnoticed."""
    lines = []
    for row in rows:
        if row.verdict in ("slower", "faster"):
            interval = f"95 % interval {row.low:.2f} to {row.high:.2f}; {row.rounds} rounds; p = {row.p:.2g}"
            lines.append(f"{row.verdict.capitalize()}: {name(row)} takes {row.ratio:.2f} times as long ({interval}).")
        elif row.verdict != "no evidence":
            lines.append(f"{row.verdict.capitalize()}: {name(row)}{f': {row.why}' if row.why else ''}.")
    lines.append(
        f"A benchmark counts as slower or faster if its change is significant and at least a factor of "
        f"{rules.min_ratio:g}; if nothing has changed, the probability that any does is at most {rules.alpha:.2g}. "
        "Intervals are not corrected for the number of benchmarks."
    )
    return [*lines, *_small(rows, rules), *_blurred(rows, rules)]


def _small(rows: Sequence[Row], rules: Rules) -> list[str]:
    small = ", ".join(f"{name(row)} ({row.ratio:.2f})" for row in rows if row.verdict == "no evidence" and row.why)
    return [f"Significant, but smaller than a factor of {rules.min_ratio:g}: {small}."] if small else []


def _blurred(rows: Sequence[Row], rules: Rules) -> list[str]:
    """List the benchmarks without evidence of a change for which a relevant change would not have been significant."""
    blurred = {name(row): row.least for row in rows if row.verdict == "no evidence" and row.least > rules.min_ratio}
    listed = ", ".join(f"{each} ({least:.2f})" if least < 100 else each for each, least in blurred.items())
    if not blurred:
        return []
    if min(row.least for row in rows if math.isfinite(row.least)) > USEFUL_RATIO:
        return [
            f"{rules.rounds} rounds are too few: not even a factor of {USEFUL_RATIO:g} would be significant: {listed}."
        ]
    start = f"A factor of {rules.min_ratio:g} would not be significant here, only the factor in brackets"
    return [f"{start}: {listed}. More --rounds detect smaller changes."]


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one row per benchmark, formatted for reading."""
    import pandas as pd

    shown = pd.DataFrame(
        [
            {
                "benchmark": name(row),
                "verdict": row.verdict,
                "ratio": f"{row.ratio:.2f}" if math.isfinite(row.ratio) else DASH,
                "95 % interval": f"{row.low:.2f} to {row.high:.2f}" if math.isfinite(row.ratio) else DASH,
                "base": duration(row.base),
                "new": duration(row.new),
                "rounds": str(row.rounds),
            }
            for row in rows
        ]
    )
    return shown if shown["rounds"].nunique() > 1 else shown.drop(columns="rounds")  # the title has the number


def name(row: Row) -> str:
    """Return the short name: ``update[aevb-digits]`` for ``test_hot_paths.test_update[aevb-digits]``."""
    path, bracket, parameters = row.benchmark.partition("[")
    return path.rpartition(".")[2].removeprefix("test_") + bracket + parameters


def duration(seconds: float) -> str:
    """Format a duration.

    Example:
        >>> duration(0.00552)
        '5.52 ms'
    """
    if not math.isfinite(seconds):
        return DASH
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}" if seconds < 999.5 * size else f"{seconds:.0f} s"
    return "0 s"
