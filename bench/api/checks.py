"""Checks of a plugin: whether it fulfils the contract that tables and figures rely on."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench import options
from bench.api import arguments
from bench.api.runs import run
from bench.conformance import reports, suite
from bench.conformance.check import Result
from bench.conformance.subject import Subject, subjects
from bench.conformance.suite import BoundCheck
from bench.execution.execution import Execution

if TYPE_CHECKING:
    from bench.results.frames import Results


def check(
    plugin: object,
    name: str | None = None,
    *,
    only: Sequence[str] | str = (),
    shown: Callable[[Result], object] | None = None,
) -> tuple[Result, ...]:
    """Run the conformance checks on your own or an installed plugin, and return the result of each.

    ``plugin`` is a file (``"./mine.py"``), with options in brackets if it needs any, the name of an installed plugin,
    or a class.  All plugins in a file are checked; ``name`` selects one by its class or its kind.  ``only`` restricts
    the run to the named checks.  ``shown`` is called with each result as soon as it is available.

    A `Result` has a ``verdict``.  For a failure, its ``lesson`` explains ``what`` broke, ``where`` to look and how to
    ``mend`` it.  A class may declare that it fails a check on purpose:
    ``expected_failed_checks = {"learns": "its objective is not the likelihood"}``.  The checks take a few seconds per
    algorithm.

    Raises UsageError if there is no such plugin, check or option.

    >>> import bench
    >>> from bench.estimators.importance import Importance
    >>> [(result.check.name, result.verdict.value) for result in bench.check(Importance, only=["estimates"])]
    [('estimates', 'ok')]
    """
    plugins, chosen, results = _given_results(subjects(plugin, name)), arguments.names("only", only), []
    suite.check_names({subject.kind for subject in plugins}, chosen)
    for subject in plugins:
        options.build(subject.cls.Options, subject.settings, subject.cls.plugin_name())  # a wrong one is no defect
    for subject in plugins:
        for result in suite.run(subject, chosen):
            if shown is not None:
                shown(result)
            results.append(result)
    return tuple(results)


def plugin_checks(plugin: object, name: str | None = None) -> Iterator[BoundCheck]:
    """Yield the same checks one by one for pytest, as functions without arguments, named after what they check.

    A check that fails raises AssertionError with its lesson.  A check that fails as declared, or does not apply to
    such a plugin, is skipped.  In a test file of your own::

        @pytest.mark.parametrize("check", bench.plugin_checks("./mine.py"), ids=str)
        def test_conformance(check):
            check()

    Raises UsageError if there is no such plugin.

    >>> import bench
    >>> [str(check) for check in bench.plugin_checks("aevb")][:2]
    ['aevb-runs', 'aevb-shapes']
    """
    return suite.bound_checks(_given_results(subjects(plugin, name)))


def _given_results(plugins: list[Subject]) -> list[Subject]:
    """The same plugins, with reports able to obtain the results of a small run."""
    for subject in plugins:
        subject.cache.setdefault(reports.RUN, _small_run)
    return plugins


@cache
def _small_run() -> Results:
    """Two algorithms with two seeds on digits, in a temporary folder that is removed with the process."""
    folder = tempfile.mkdtemp(prefix="bench-check-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return run(
        algos="aevb[learning_rate=0.02],wakesleep[learning_rate=0.02]",
        z=2,
        seeds=2,
        n_train=200,
        hidden=8,
        budget=1000,
        dataset="digits",
        likelihood="importance[num_samples=20]",
        likelihood_points=20,
        out=Path(folder, "run"),
        execution=Execution(backend="sequential", device="cpu"),
        quiet=True,
    )
