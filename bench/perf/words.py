"""Timings of two sides as people read them: a table, sentences, one line."""

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
FAR = 2.0  # a ratio that any useful measurement finds


def verdict(rows: Sequence[Row]) -> str:
    """What to know in one line."""
    counts: Counter[str] = Counter(row.verdict for row in rows)
    judged = sum(counts[name] for name in ("slower", "faster", "no evidence"))
    if not judged:
        said = "Nothing could be compared."
    elif counts["slower"] or counts["faster"]:
        unclear = f"{counts['no evidence']} without evidence of a change"
        said = f"{counts['slower']} slower, {counts['faster']} faster, {unclear}."
    else:
        said = f"No evidence that any of {judged} benchmarks has become slower or faster."
    left = ", ".join(f"{counts[name]} {name}" for name in ORDER[1:5] if counts[name])
    return f"{said} {left.capitalize()}." if left else said


def sentences(rows: Sequence[Row], rules: Rules) -> list[str]:
    """What is slower, faster or could not be judged; by what it was judged; and what could not have been seen."""
    said = []
    for row in rows:
        if row.verdict in ("slower", "faster"):
            interval = f"95 % interval {row.low:.2f} to {row.high:.2f}; {row.rounds} rounds; p = {row.p:.2g}"
            said.append(f"{row.verdict.capitalize()}: {name(row)} takes {row.ratio:.2f} times as long ({interval}).")
        elif row.verdict != "no evidence":
            said.append(f"{row.verdict.capitalize()}: {name(row)}{f': {row.why}' if row.why else ''}.")
    said.append(
        f"Slower or faster is what is significant and at least a factor of {rules.min_ratio:g}; where nothing has "
        f"changed, anything is called so with a chance of at most {rules.alpha:.2g}. Intervals hold each by itself."
    )
    return [*said, *_small(rows, rules), *_blurred(rows, rules)]


def _small(rows: Sequence[Row], rules: Rules) -> list[str]:
    small = ", ".join(f"{name(row)} ({row.ratio:.2f})" for row in rows if row.verdict == "no evidence" and row.why)
    return [f"Significant, but smaller than a factor of {rules.min_ratio:g}: {small}."] if small else []


def _blurred(rows: Sequence[Row], rules: Rules) -> list[str]:
    """Where no evidence says little, since a change that counts would not have been significant."""
    blurred = {name(row): row.least for row in rows if row.verdict == "no evidence" and row.least > rules.min_ratio}
    listed = ", ".join(f"{one} ({least:.2f})" if least < 100 else one for one, least in blurred.items())
    if not blurred:
        return []
    if min(row.least for row in rows if math.isfinite(row.least)) > FAR:
        return [f"{rules.rounds} rounds are too few: not even a factor of {FAR:g} would be significant: {listed}."]
    begin = f"A factor of {rules.min_ratio:g} would not be significant here, only the one in brackets"
    return [f"{begin}: {listed}. More --rounds see more."]


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """A row a benchmark, as people read it."""
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
    return shown if shown["rounds"].nunique() > 1 else shown.drop(columns="rounds")  # then the title tells


def name(row: Row) -> str:
    """``test_hot_paths.test_update[aevb-digits]`` -> ``update[aevb-digits]``."""
    path, bracket, parameters = row.benchmark.partition("[")
    return path.rpartition(".")[2].removeprefix("test_") + bracket + parameters


def duration(seconds: float) -> str:
    """``0.00552`` -> ``5.52 ms``."""
    if not math.isfinite(seconds):
        return DASH
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}" if seconds < 999.5 * size else f"{seconds:.0f} s"
    return "0 s"
