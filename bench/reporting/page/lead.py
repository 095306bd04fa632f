"""The lead of the best algorithm over its rivals, in words: those with the same verdict together."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.reporting.contrasts import Contrast
from bench.reporting.page.outlook import outlook, outlook_of_several
from bench.reporting.tables import formatting
from bench.statistics.paired import Difference

Gaps = Mapping[str, Contrast | None]  # by rival, as seen from the leader; None without a seed in common


def is_sure(gap: Contrast | None) -> bool:
    """Whether the lead is more than chance."""
    return gap is not None and gap.significant and gap.gap.mean > 0


def lead_over_one(rival: str, gap: Contrast | None, among: str) -> str:
    """``0.87 nats above mcem (95 % interval 0.52 to 1.20, 5 pairs of seeds, Student t). That is more than chance.``.

    ``among`` states which seeds count, if some do not.
    """
    if gap is None or not gap.gap.num_seeds:
        return f"{rival} has no seed in common with it. The lead over {rival} may be due to chance."
    side = "above" if gap.gap.mean >= 0 else "below"  # on the seeds that both have
    size = f"{abs(gap.gap.mean):.2f} nats {side} {rival}"
    if math.isnan(gap.gap.low):
        size += " (too few seeds for an interval)"
    else:
        size += f" (95 % interval {gap.gap.low:.2f} to {gap.gap.high:.2f}, {_sources(gap.gap)}, {gap.gap.method})"
    if is_sure(gap):
        return f"{size}. That is more than chance{among}."
    doubt = "" if gap.significant else f" As to {rival}, {outlook(gap)}."
    return f"{size}. The lead over {rival} may be due to chance.{doubt}"


def lead_over_several(gaps: Gaps, among: str) -> str:
    """``The lead over aevb (0.84, 0.52 to 1.16) and aae (...) is more than chance.  The lead over ...``."""
    known = {name: gap for name, gap in gaps.items() if gap is not None and gap.gap.num_seeds}
    apart = [name for name in gaps if name not in known]
    sure = {name: gap for name, gap in known.items() if is_sure(gap)}
    unsure = {name: gap for name, gap in known.items() if name not in sure}
    named = (f"{_sources(gap.gap)} ({gap.gap.method})" for gap in known.values() if gap.gap.method)
    sources = list(dict.fromkeys(named))
    every = {name: "" if len(sources) == 1 else f", {_sources(gap.gap)}" for name, gap in known.items()}
    surely, perhaps = (formatting.listed(_entry(*each, every) for each in group.items()) for group in (sure, unsure))
    sentences = []
    if sure:
        sentences.append(f"The lead over {surely} is more than chance{among}.")
    if unsure:
        sentences.append(f"The lead over {perhaps} may be due to chance.")
        open_ = {name: gap for name, gap in unsure.items() if not gap.significant}
        sentences += [outlook_of_several(open_)] if open_ else []
    if apart:
        sentences.append(
            f"{formatting.listed(apart)} {'has' if len(apart) == 1 else 'have'} no seed in common with it."
        )
    by = f", by {sources[0]}" if len(sources) == 1 else ""
    return " ".join([*sentences, f"In brackets: nats and 95 % intervals{by}."])


def _entry(name: str, gap: Contrast, sources: Mapping[str, str]) -> str:
    interval = "no interval" if math.isnan(gap.gap.low) else f"{gap.gap.low:.2f} to {gap.gap.high:.2f}"
    return f"{name} ({gap.gap.mean:.2f}, {interval}{sources[name]})"


def _sources(gap: Difference) -> str:
    points = f" and {gap.num_points} test points" if gap.num_points else ""
    return f"{gap.num_seeds} pair{'' if gap.num_seeds == 1 else 's'} of seeds{points}"
