"""How the hyperparameters that a study leaves open (``auto``) are chosen: once per cell, for all its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bench import options
from bench.errors import OptionError, did_you_mean
from bench.options import option
from bench.training.candidates import TUNING_SAMPLES
from bench.values import calls
from bench.values.texts import quoted


@dataclass(frozen=True)
class Protocol:
    """A method of choosing hyperparameters; its fields are its options."""

    keyword: ClassVar[str]
    score: ClassVar[str] = ""  # the name of the quantity by which candidates are compared

    @classmethod
    def parse(cls, text: str) -> Protocol:
        """Read ``paper``, ``fixed`` or ``halving[samples=2e4]``; raises OptionError for anything else.

        >>> Protocol.parse("halving[seeds=3]")
        Halving(samples=200000, seeds=3, points=200)
        """
        keyword, settings = calls.parse_call(text)
        kinds = {kind.keyword: kind for kind in (Paper, Halving, Fixed)}
        if keyword not in kinds:
            raise OptionError(
                f"`tune` is auto, or the name of a protocol with its options in brackets (got {quoted(text)})."
                f"{did_you_mean(keyword, kinds)}"
            )
        return options.build(kinds[keyword], settings, keyword)

    @property
    def name(self) -> str:
        """The protocol as written on the command line, with the options that differ from their defaults."""
        return options.call_name(self.keyword, self)

    @property
    def identity(self) -> dict[str, object]:
        """Everything besides the candidates that determines the choice."""
        return {"name": self.keyword, "options": options.as_dict(self)}


@dataclass(frozen=True)
class Paper(Protocol):
    """The candidate with the best objective on the first training samples, averaged over the seeds of the cell.

    Source: Kingma & Welling 2014, section 5.
    """

    keyword = "paper"
    score = "objective"
    samples: int = option(TUNING_SAMPLES, "training samples per candidate and seed", unit="samples", minimum=1)


@dataclass(frozen=True)
class Halving(Protocol):
    """Successive halving: train all candidates, keep the better half on held-out training data, and repeat.

    Candidates are compared by log p(x) of training points that they are not trained on, with separate seeds.
    Every algorithm has the same total number of training samples for all its candidates, except that the last update of
    a round may exceed it.
    Source: Jamieson & Talwalkar 2016, algorithm 1.
    """

    keyword = "halving"
    score = "log p(x)"
    samples: int = option(
        200_000, "training samples of all candidates together, per tuning seed", unit="samples", minimum=100
    )
    seeds: int = option(2, "tuning seeds, none of which is a trial's", unit="seeds", minimum=1, maximum=100)
    points: int = option(200, "held-out training points that candidates are scored on", unit="datapoints", minimum=2)

    def rounds(self, num_candidates: int) -> list[tuple[int, int]]:
        """Return, for each round, the number of candidates and the training samples that each has seen at its end.

        Each round doubles the samples of the remaining candidates; all rounds together use at most `samples`.

        >>> Halving(samples=200_000).rounds(3), Halving(samples=200_000).rounds(8)
        ([(3, 40000), (2, 80000)], [(8, 12500), (4, 25000), (2, 50000)])
        """
        left = _left(num_candidates)
        return [(count, max(1, self.samples // _cost(left)) * 2**i) for i, count in enumerate(left)]

    def check(self, algorithm: str, num_candidates: int, batch_size: int) -> None:
        """Raise OptionError if the second round would add no update of ``batch_size`` datapoints to the first."""
        (_, first), *others = self.rounds(num_candidates)
        if others and 2 * first <= batch_size:
            raise OptionError(
                f"`samples` of halving must be at least {_cost(_left(num_candidates)) * (batch_size // 2 + 1)} for "
                f"{algorithm} (got {self.samples}): its {num_candidates} candidates have {first} training samples each "
                f"in the first round, and twice as many are still one update of {batch_size}."
            )


def _left(num_candidates: int) -> list[int]:
    """Return the number of candidates in each round."""
    left = [num_candidates]
    while left[-1] > 2:
        left.append((left[-1] + 1) // 2)
    return left


def _cost(left: Sequence[int]) -> int:
    """Return the samples of all rounds, in units of the samples of one candidate in the first round."""
    return left[0] + sum(count << i for i, count in enumerate(left[1:]))


@dataclass(frozen=True)
class Fixed(Protocol):
    """Nothing is chosen: every hyperparameter has to be given."""

    keyword = "fixed"


def default_protocol(budget: int) -> Protocol:
    """Return the protocol that is used if none is given, for trials of ``budget`` training samples.

    This is `Halving` if it uses no more samples per tuning seed than a trial has, so that choosing costs no more than
    training as many trials as there are tuning seeds; otherwise it is `Paper`, which is cheaper.

    >>> default_protocol(300_000).name, default_protocol(10_000).name
    ('halving', 'paper')
    """
    return Halving() if budget >= Halving.samples else Paper()


@dataclass(frozen=True)
class Search:
    """The open choice of a trial: the protocol, and the ``candidates``, each as names and values."""

    protocol: str
    candidates: tuple[tuple[tuple[str, Any], ...], ...]

    @property
    def identity(self) -> dict[str, object]:
        """Everything besides the trial's own identity that determines the choice."""
        return {
            "protocol": Protocol.parse(self.protocol).identity,
            "candidates": [dict(each) for each in self.candidates],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Search:
        """The inverse of `dataclasses.asdict`, after JSON."""
        candidates = tuple(tuple((str(key), value) for key, value in each) for each in data["candidates"])
        return cls(str(data["protocol"]), candidates)
