"""All checks of each kind of plugin, and running them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from unittest import SkipTest
from warnings import warn

from bench.conformance.check import Broken, Check, NotApplicable, Result, Verdict
from bench.conformance.subject import Subject
from bench.conformance.tiny import is_about_shapes, line_of
from bench.errors import PluginError, UnknownName, did_you_mean, in_words
from bench.process.state import standard
from bench.values.texts import quoted

HOMES = {
    "algorithm": ("contract", "randomness", "saving", "terms", "learning"),
    "dataset": ("data",),
    "estimator": ("estimating",),
    "model": ("networks",),
    "decoder": ("observing",),
    "report": ("reports",),
    "backend": ("backends",),
}


@cache
def checks(kind: str) -> tuple[Check, ...]:
    """The checks of a kind of plugin, in the order in which they are run."""
    return tuple(check for home in HOMES[kind] for check in import_module(f"bench.conformance.{home}").CHECKS)


def check_names(kinds: Iterable[str], only: Sequence[str]) -> None:
    """Raise UnknownName for a name of no check of these kinds of plugins."""
    known = {check.name for kind in kinds for check in checks(kind)}
    for name in only:
        if name not in known:
            raise UnknownName(f"There is no check {quoted(name)} for such a plugin.{did_you_mean(name, known)}")


def run(subject: Subject, only: Sequence[str] = ()) -> Iterator[Result]:
    """Yield the result of each check, run in the standard process state and with one thread.

    With ``only``, run just the checks of these names and those that must hold first.
    """
    declared, failed = declarations(subject), ""
    for check in checks(subject.kind):
        if only and check.name not in only and not check.needed:
            continue
        if failed:
            yield Result(subject.kind, subject.cls.__name__, check, Verdict.SKIPPED, reason=f"{failed} must hold first")
            continue
        result = _judged(_outcome(subject, check), declared.get(check.name))
        failed = check.name if check.needed and result.verdict in (Verdict.FAILED, Verdict.EXPECTED) else ""
        yield result


def declarations(subject: Subject) -> Mapping[str, str]:
    """The checks that a plugin's author expects to fail, with the reasons; raises PluginError for anything else."""
    declared = subject.cls.expected_failed_checks
    example = "expected_failed_checks = {'learns': 'its objective is not the likelihood'}"
    if not isinstance(declared, Mapping) or not all(isinstance(why, str) and why.strip() for why in declared.values()):
        raise PluginError(
            f"`expected_failed_checks` of {subject.cls.__name__} must map names of checks to reasons, as in {example} "
            f"(got {quoted(declared)})."
        )
    known = {check.name for check in checks(subject.kind)}
    for name in declared:
        if name not in known:
            raise PluginError(
                f"`expected_failed_checks` of {subject.cls.__name__} names no check of the kind {subject.kind}: "
                f"{quoted(name)}.{did_you_mean(str(name), known)}"
            )
    return declared


def _outcome(subject: Subject, check: Check) -> Result:
    """The result of one check, regardless of what its author declares."""
    started = time.perf_counter()
    try:
        with standard(threads=1):
            check.function(subject)
    except NotApplicable as reason:
        return Result(
            subject.kind,
            subject.cls.__name__,
            check,
            Verdict.SKIPPED,
            time.perf_counter() - started,
            reason=str(reason),
        )
    except Broken as broken:
        what, where, mend = str(broken), broken.where, broken.mend
    except Exception as error:  # noqa: BLE001  # of the plugin
        shape = "wrong shape: " if is_about_shapes(error) else ""
        what, where, mend = f"{shape}it raises {in_words(error)}.", line_of(error, subject), ""
    else:
        return Result(subject.kind, subject.cls.__name__, check, Verdict.HOLDS, time.perf_counter() - started)
    return Result(
        subject.kind,
        subject.cls.__name__,
        check,
        Verdict.FAILED,
        time.perf_counter() - started,
        what=what,
        where=where or check.where,
        mend=mend or check.mend,
    )


def _judged(result: Result, reason: str | None) -> Result:
    """The result in the light of what the author expects."""
    if reason is None or result.verdict is Verdict.SKIPPED:
        return result
    verdict = Verdict.EXPECTED if result.verdict is Verdict.FAILED else Verdict.UNEXPECTED
    return Result(**{**vars(result), "verdict": verdict, "reason": reason})


@dataclass(frozen=True)
class BoundCheck:
    """A check of one plugin, for pytest: a call raises AssertionError with the lesson if it fails.

    If it fails as declared, or does not apply, it raises `unittest.SkipTest`; if it holds though declared, it warns.
    """

    subject: Subject
    check: Check

    def __str__(self) -> str:
        return f"{self.subject.cls.plugin_name()}-{self.check.name}"

    def __call__(self) -> None:
        """Run it."""
        result = _judged(_outcome(self.subject, self.check), declarations(self.subject).get(self.check.name))
        if result.verdict is Verdict.FAILED:
            raise AssertionError(f"{self}: {self.check.protects}.\n{result.lesson}")
        if result.verdict in (Verdict.EXPECTED, Verdict.SKIPPED):
            raise SkipTest(f"{result.verdict.value}: {result.reason}")
        if result.verdict is Verdict.UNEXPECTED:
            warn(f"{self} holds: remove it from `expected_failed_checks` ({result.reason}).", stacklevel=2)


def bound_checks(subjects: Iterable[Subject]) -> Iterator[BoundCheck]:
    """Yield every check of every one of these plugins."""
    for subject in subjects:
        for check in checks(subject.kind):
            yield BoundCheck(subject, check)
