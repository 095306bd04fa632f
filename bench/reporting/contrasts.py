"""Every comparison of two algorithms of a run: at each place, and over all of them, with one correction for all.

They are one family: the adjusted p-values are Holm's, so that the probability of any false verdict among them is at
most RATE, and the simultaneous intervals contain all true differences with a joint probability of 95 %.  The algorithms
of a reference run, which were compared with each other before, are another family.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, cast

import pandas as pd

from bench.reporting import pairs as pairing
from bench.reporting.captions import caveats
from bench.reporting.pairs import Pairs, Side
from bench.results import curves
from bench.results.grid import Place, of_references
from bench.statistics import multiple, paired
from bench.statistics.paired import Difference

if TYPE_CHECKING:
    from bench.results.frames import Results

RATE = 0.05  # of any false verdict in the family


@dataclass(frozen=True)
class Contrast:
    """The log-likelihood of algorithm ``one`` minus that of the ``other``, in nats per datapoint."""

    one: str
    other: str
    place: Place | None  # None for the mean over all places
    pairs: Sequence[Pairs]  # at each place
    obstacle: str  # why they cannot be compared; empty if they can
    gap: Difference
    adjusted_p: float = math.nan  # NaN if it was not tested
    together: Difference | None = None  # the same with the simultaneous interval
    num_tests: int = 0  # of the family
    num_references: int = 0  # how many of the two are of a reference run, which gets no more seeds

    @property
    def significant(self) -> bool:
        """Whether one is better than the other, corrected for the number of comparisons."""
        return self.adjusted_p <= RATE

    @property
    def is_open(self) -> bool:
        """Whether it was tested, and neither is better."""
        return not math.isnan(self.adjusted_p) and not self.significant

    @property
    def level(self) -> float:
        """The level of a single test below which it is significant regardless of the others: Holm's first step."""
        return RATE / max(1, self.num_tests)

    @property
    def values(self) -> pairing.Array:
        """The differences by seed and test point [S, N], or by seed alone [S, 1], as means over places."""
        return paired.means_over_places(_differences(self.pairs))

    def seen_from(self, name: str) -> Contrast:
        """The same contrast, with both sides exchanged if necessary so that ``name`` comes first."""
        if name == self.one:
            return self
        together = None if self.together is None else _reversed(self.together)
        pairs = [each.reversed for each in self.pairs]
        return replace(self, one=self.other, other=self.one, pairs=pairs, gap=_reversed(self.gap), together=together)


def contrasts(results: Results, reference: str = "") -> list[Contrast]:
    """Contrasts of all pairs of algorithms, or of each with the ``reference``: at each place, then over several."""
    key = "contrasts", reference  # several reports and the page show them
    if key not in results.derived:
        results.derived[key] = tuple(_contrasts(results, reference))
    return list(cast(tuple[Contrast, ...], results.derived[key]))


def _contrasts(results: Results, reference: str) -> list[Contrast]:
    trials = caveats.with_values(results)
    names = list(dict.fromkeys(trials["algorithm"]))
    curves.check_reference(reference, names)
    meetings = [
        _Meeting.of(results, Place._make(key), at_place)
        for key, at_place in trials.groupby(list(Place._fields), sort=False)
    ]
    all_contrasts: list[Contrast] = []
    for one, other in _named_pairs(names, reference):
        at_places = [each for meeting in meetings for each in meeting.contrasts(one, other)]
        all_contrasts += at_places
        newest = [each for each in at_places if each.place and each.place.dataset not in results.older_datasets]
        if len(newest) > 1:
            obstacles = "; ".join(dict.fromkeys(each.obstacle for each in newest if each.obstacle))
            all_contrasts.append(
                _contrast(one, other, None, [pairs for each in newest for pairs in each.pairs], obstacles)
            )
    references = set(trials.loc[of_references(trials), "algorithm"])
    all_contrasts = [replace(each, num_references=len({each.one, each.other} & references)) for each in all_contrasts]
    families = {
        kind: iter(_corrected([c for c in all_contrasts if (c.num_references == 2) == kind])) for kind in (True, False)
    }
    return [next(families[each.num_references == 2]) for each in all_contrasts]


def _named_pairs(names: list[str], reference: str) -> Iterator[tuple[str, str]]:
    if reference:
        yield from ((name, reference) for name in names if name != reference)
    else:
        yield from combinations(names, 2)


@dataclass(frozen=True)
class _Meeting:
    """The algorithms at one place, and whether any of them are on different scales."""

    place: Place
    trials: pd.DataFrame
    sides: Mapping[str, Side]
    one_scale: bool

    @classmethod
    def of(cls, results: Results, place: Place, trials: pd.DataFrame) -> _Meeting:
        sides = {str(name): Side(results, mine) for name, mine in trials.groupby("algorithm", sort=False)}
        return cls(place, trials, sides, not caveats.not_comparable(trials))

    def contrasts(self, one: str, other: str) -> Iterator[Contrast]:
        """The contrast if both have seeds in common."""
        if one not in self.sides or other not in self.sides:
            return
        pairs = pairing.paired(self.sides[one], self.sides[other])
        if len(pairs.mine) + pairs.num_left_out:
            yield _contrast(one, other, self.place, [pairs], self._obstacle(one, other))

    def _obstacle(self, one: str, other: str) -> str:
        if self.one_scale:
            return ""
        both = self.trials["algorithm"].isin([one, other])
        return caveats.not_comparable(self.trials[both])


def _contrast(one: str, other: str, place: Place | None, pairs: Sequence[Pairs], obstacle: str) -> Contrast:
    return Contrast(one, other, place, pairs, obstacle, paired.difference(_differences(pairs)))


def _differences(pairs: Sequence[Pairs]) -> list[pairing.Array]:
    return [each.differences for each in pairs if len(each.mine)]


def _corrected(uncorrected: Sequence[Contrast]) -> list[Contrast]:
    """Complete the contrasts with what depends on the number of tests."""
    adjusted = multiple.adjusted([math.nan if each.obstacle else each.gap.p for each in uncorrected])
    num_tests = sum(not math.isnan(p) for p in adjusted)
    confidence = multiple.each_confidence(1 - RATE, num_tests)
    return [
        replace(
            each,
            adjusted_p=float(p),
            together=None if math.isnan(p) else paired.with_confidence(each.gap, _differences(each.pairs), confidence),
            num_tests=num_tests,
        )
        for each, p in zip(uncorrected, adjusted, strict=True)
    ]


def _reversed(gap: Difference) -> Difference:
    return replace(gap, mean=-gap.mean, low=-gap.high, high=-gap.low)
