"""How an undecided comparison could be decided, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bench.reporting.contrasts import Contrast
from bench.reporting.power import POWER, Plan, plan
from bench.reporting.tables import formatting
from bench.statistics.power import MOST_SEEDS


class MoreSeeds(NamedTuple):
    """How many more seeds would decide a comparison, also if they spread more than estimated (None: too many)."""

    likely: int
    cautious: int | None

    @classmethod
    def of(cls, contrast: Contrast) -> MoreSeeds | None:
        """None if the number cannot be determined, or if no number would decide it."""
        made = _plan(contrast)
        if contrast.num_references or made is None or made.seeds is None:
            return None
        more = max(1, made.seeds - contrast.gap.num_seeds)
        most = made.cautious_seeds
        return cls(more, None if most is None else max(more, most - contrast.gap.num_seeds))

    @property
    def caution(self) -> str:
        """`` (9 if they spread more than it seems)``; empty if that makes no difference."""
        if self.cautious == self.likely:
            return ""
        limit = f"more than {MOST_SEEDS:,}" if self.cautious is None else f"{self.cautious:,}"
        return f" ({limit} if they spread more than it seems)"


def outlook(contrast: Contrast) -> str:
    """How many more seeds would decide it with a probability of POWER, if the difference is as large as it looks.

    ``if the difference is as large as it looks, about 4 more seeds would decide it (9 if they spread more)``.
    """
    if contrast.num_references:
        return "a reference run has no more seeds that would decide it"
    made, more = _plan(contrast), MoreSeeds.of(contrast)
    if made is None:
        return "from fewer than 2 pairs of seeds it cannot be said how many would decide it"
    if more is not None:
        seeds = formatting.quantity(more.likely, "more seed")
        return f"if the difference is as large as it looks, about {seeds} would decide it{more.caution}"
    if made.points is not None:
        return (
            f"if the difference is as large as it looks, no number of seeds would decide it on "
            f"{contrast.gap.num_points} test points, but about {made.points:,} test points would"
        )
    return f"the difference is too close to 0: no reasonable number of seeds would decide it (above {MOST_SEEDS:,})"


def outlook_of_several(by_rival: Mapping[str, Contrast]) -> str:
    """The outlooks of comparisons with these algorithms; those that more seeds would decide share one sentence."""
    seeds = {name: more for name, each in by_rival.items() if (more := MoreSeeds.of(each)) is not None}
    if len(seeds) < 2:
        return _each_by_itself(by_rival)
    caution = (
        " (in brackets: if they spread more than it seems)" if any(each.caution for each in seeds.values()) else ""
    )
    counts = ", ".join(f"about {each.likely} for {name}{_in_brackets(each)}" for name, each in seeds.items())
    first = f"If the differences are as large as they look, more seeds would decide{caution}: {counts}."
    others = {name: each for name, each in by_rival.items() if name not in seeds}
    return " ".join(filter(None, [first, _each_by_itself(others)]))


def _each_by_itself(by_rival: Mapping[str, Contrast]) -> str:
    """One sentence for all contrasts that share the same outlook."""
    by_text: dict[str, list[str]] = {}
    for name, each in by_rival.items():
        by_text.setdefault(outlook(each), []).append(name)
    return " ".join(f"As to {formatting.listed(names)}, {text}." for text, names in by_text.items())


def _in_brackets(more: MoreSeeds) -> str:
    if not more.caution:
        return ""
    return f" (more than {MOST_SEEDS:,})" if more.cautious is None else f" ({more.cautious:,})"


def _plan(contrast: Contrast) -> Plan | None:
    return plan(contrast, abs(contrast.gap.mean), contrast.level, POWER)


def outlooks(all_contrasts: list[Contrast], leaders: set[tuple[object, str]]) -> list[str]:
    """A sentence for each open comparison that the answers omit: those without the leader of their place."""
    return [
        f"{_place(each)}: {each.one} and {each.other} differ by {abs(each.gap.mean):.2f} nats; {outlook(each)}."
        for each in all_contrasts
        if each.is_open and each.num_references < 2 and not {(each.place, each.one), (each.place, each.other)} & leaders
    ]


def _place(contrast: Contrast) -> str:
    return contrast.place.words if contrast.place else "All places together"
