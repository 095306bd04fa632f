"""Profiling algorithms: where the time of a step goes, and how good its gradients are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.api import arguments
from bench.errors import OptionError
from bench.execution.execution import Execution
from bench.values.numerals import is_number, whole_number
from bench.values.texts import quoted

if TYPE_CHECKING:
    from bench.profiling.profile import Profile

SHARE_OF_TIMES = 0.25  # of the seconds
AFTER = 50_000


def profile(
    algorithms: str | Sequence[str],
    *,
    beside: str | Sequence[str] = "aevb",
    by: str | Mapping[str, Sequence[object]] | None = None,
    after: int = AFTER,
    dataset: str = "digits",
    z: int = 10,
    model: str = "mlp",
    decoder: str = "auto",
    repeats: int | None = None,
    seconds: float = 20.0,
    threads: int = 1,
    device: str = "cpu",
    seed: int = 0,
) -> Profile:
    """Profile the time, model evaluations and gradient quality of a step, beside reference algorithms.

    ``algorithms`` and ``beside`` are names or files, with options in brackets.  Each algorithm is trained for ``after``
    training samples.  Then the parts of further steps are timed and their model evaluations counted.  Gradients are
    repeated on one minibatch of 100 datapoints, at the weights of the first algorithm in ``beside`` as far as the
    models share them, for each value of the option that ``by`` names (``"num_samples=1,4,16"``); by default, this
    option is num_samples for algorithms that have it without a given value.  ``repeats`` is the number of repetitions
    of each measurement; None for as many as take about ``seconds`` in all.

    Returns a `Profile`, whose docstring describes its frames ``times``, ``evaluations`` and ``gradients``.
    Raises UsageError if the request is invalid, or an algorithm cannot be trained on the data.

    >>> import bench
    >>> profile = bench.profile("iwae[learning_rate=0.02]", beside="aevb[learning_rate=0.02]", by="num_samples=2",
    ...     after=200, z=2, model="mlp[hidden=8]", repeats=64)
    >>> profile.evaluations[["counted", "declared"]].values.tolist()
    [[10.0, 10.0], [2.0, 2.0]]
    """
    from bench.devices import choose_device
    from bench.process.state import standard
    from bench.profiling import profile as profiling
    from bench.profiling.training import trained
    from bench.profiling.variation import Subject, Variation
    from bench.studies.study import Study

    Execution(threads=threads, device=device)  # rejects invalid combinations
    for argument, value, least in (("after", after, 0), ("repeats", 1 if repeats is None else repeats, 1)):
        if (number := whole_number(value)) is None or number < least:
            raise OptionError(f"`{argument}` must be an integer of at least {least} (got {quoted(value)}).")
    if not is_number(seconds) or not 0 < seconds < math.inf:
        raise OptionError(f"`seconds` must be a number above 0 (got {quoted(seconds)}).")
    variation = Variation.parse(by)
    compared, references = (
        [Subject.parse(text) for text in arguments.names(argument, value)]
        for argument, value in (("algorithms", algorithms), ("beside", beside))
    )
    if not compared or not references:
        raise OptionError(f"`{'beside' if compared else 'algorithms'}` must name at least one algorithm.")
    variation.check(compared)
    subjects: dict[str, Subject] = {}
    for subject in (*compared, *references):
        subjects.setdefault(subject.name, subject)
    study = Study(
        algos=tuple(each.text for each in subjects.values()), z=(z,), seeds=(seed,), dataset=dataset, model=model,
        decoder=decoder, tune="paper",
    )  # fmt: skip
    first, place = references[0].name, str(choose_device(device))
    with standard(threads):
        data = study.load_data()
        ready = {spec.algorithm.name: trained(spec, data, after, place) for spec in study.expand(data)}
        number = sum(len(variation.settings(subject)[0]) for subject in subjects.values())
        table = profiling.GradientTable(
            ready[first],
            data,
            variation,
            repeats=repeats or 0,
            seconds=(1 - SHARE_OF_TIMES) * seconds / number,
            seed=seed,
        )
        for name in sorted(subjects, key=lambda name: name != first):
            table.add(subjects[name], ready[name])
        every = [ready[name] for name in subjects]
        evaluations = profiling.evaluations_of(every)
        times = profiling.times_of(every, repeats=repeats or 0, seconds=SHARE_OF_TIMES * seconds / len(every))
    rows = profiling.ordered(table.rows, [*subjects], variation.name)
    notes = tuple(dict.fromkeys(table.notes))
    return profiling.Profile(times, evaluations, rows, variation.name, first, after, threads, notes)
