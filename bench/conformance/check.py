"""A check of a plugin: what it protects, why that matters, where to look and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from bench.conformance.subject import Subject


class Broken(AssertionError):  # named as a statement about a plugin
    """A plugin violates the property that a check protects; the message says what was observed.

    ``where`` and ``mend`` are more specific than those of the check, if they are known.
    """

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.where = where
        self.mend = mend


class NotApplicable(Exception):  # likewise
    """A check does not apply to a plugin, for the reason in the message."""


class Verdict(Enum):
    """The outcome of a check."""

    HOLDS = "ok"
    FAILED = "FAILED"
    EXPECTED = "fails as declared"
    UNEXPECTED = "holds, though declared"  # the declaration is out of date
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One check of a kind of plugin.

    ``function`` raises `Broken`, or `NotApplicable`; an exception of the plugin counts as broken.  Of the texts,
    ``protects`` continues "this check makes sure that"; the others are sentences.  If a ``needed`` check fails, those
    after it are not run.
    """

    name: str
    function: Callable[[Subject], None]
    protects: str
    why: str
    where: str
    mend: str
    needed: bool = False


@dataclass(frozen=True)
class Result:
    """The outcome of one check of one plugin; the texts are empty unless it failed."""

    kind: str
    plugin: str  # the name of its class
    check: Check
    verdict: Verdict
    seconds: float = 0.0
    reason: str = ""  # of a declaration, or why it was skipped
    what: str = ""  # what broke
    where: str = ""
    mend: str = ""

    @property
    def lesson(self) -> str:
        """What broke, why it matters, where to look and how to mend it, one line each; empty unless something broke."""
        if not self.what:
            return ""
        lines = {
            "What broke": self.what,
            "Why it matters": self.check.why,
            "Where to look": self.where,
            "How to mend it": self.mend,
        }
        return "\n".join(f"{title}: {' '.join(text.split())}" for title, text in lines.items())
