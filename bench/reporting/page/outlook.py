"""What would decide a comparison that is open, in words."""

from __future__ import annotations

from bench.reporting.contrasts import Contrast
from bench.reporting.power import POWER, plan
from bench.reporting.tables import formatting
from bench.statistics.power import MOST_SEEDS


def outlook(contrast: Contrast) -> str:
    """How many more seeds would decide it with a probability of POWER, if the difference is as large as it looks.

    ``if the difference is as large as it looks, about 4 more seeds would decide it (9 if they spread more)``.
    """
    if contrast.num_references:
        return "a reference run has no more seeds that would decide it"
    num_seeds = contrast.gap.num_seeds
    made = plan(contrast, abs(contrast.gap.mean), contrast.level, POWER)
    if made is None:
        return "from fewer than 2 pairs of seeds it cannot be said how many would decide it"
    if made.seeds is not None:
        more = max(1, made.seeds - num_seeds)
        most = MOST_SEEDS if made.cautious_seeds is None else max(more, made.cautious_seeds - num_seeds)
        limit = f"more than {most:,}" if made.cautious_seeds is None else f"{most:,}"
        caution = f" ({limit} if they spread more than it seems)" if most > more else ""
        seeds = formatting.quantity(more, "more seed")
        return f"if the difference is as large as it looks, about {seeds} would decide it{caution}"
    if made.points is not None:
        return (
            f"if the difference is as large as it looks, no number of seeds would decide it on "
            f"{contrast.gap.num_points} test points, but about {made.points:,} test points would"
        )
    return f"the difference is too close to 0: no reasonable number of seeds would decide it (above {MOST_SEEDS:,})"


def outlooks(found: list[Contrast], leaders: set[tuple[object, str]]) -> list[str]:
    """A sentence for each open comparison that the answers leave out: those without the leader of their place."""
    return [
        f"{_place(each)}: {each.one} and {each.other} differ by {abs(each.gap.mean):.2f} nats; {outlook(each)}."
        for each in found
        if each.is_open and each.num_references < 2 and not {(each.place, each.one), (each.place, each.other)} & leaders
    ]


def _place(contrast: Contrast) -> str:
    return contrast.place.words if contrast.place else "All places together"
