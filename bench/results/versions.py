"""Versions: trials of one cell that other data or other code have made are set apart, so that no mean is over both."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.execution.sources import HARNESS, is_edited
from bench.store.references import is_reference
from bench.store.run_folder import StoredTrial
from bench.studies.spec import Labels

DATA = "data"
ALGORITHM = "algorithm"  # its code makes another competitor; other code and data make another place

Age = int  # age of a component of a trial: 0 is the newest, 1 the previous one


class Version(NamedTuple):
    """The labels of a trial, distinct from those of newer ones; and which of its components are older: data, ..."""

    labels: Labels
    older: tuple[str, ...]

    @property
    def is_of_older_place(self) -> bool:
        """Whether its place is not that of the newest trials: anything but the algorithm's own code is older."""
        return any(component != ALGORITHM for component in self.older)


def versions(trials: Sequence[tuple[Path, StoredTrial]]) -> list[Version]:
    """The version of each trial, which comes with the path of its run.

    Data are older if other trials here, of any run, used newer data of the same name; the name of the data set then
    shows this.  Code is older if other trials of the same run were made with newer code (code of another run is there
    to be compared); the name of the algorithm shows this if it is the algorithm's own code, else that of the data set.
    """
    ages = _ages(trials)
    labels = [trial.labels for _, trial in trials]
    of_data = [{name: age for name, age in each.items() if name != ALGORITHM} for each in ages]
    of_code = [{name: age for name, age in each.items() if name == ALGORITHM} for each in ages]
    datasets = _names([each.dataset for each in labels], of_data)
    algorithms = _names([each.algorithm for each in labels], of_code)
    return [
        Version(dataclasses.replace(each, dataset=dataset, algorithm=algorithm), tuple(age))
        for each, dataset, algorithm, age in zip(labels, datasets, algorithms, ages, strict=True)
    ]


def _ages(trials: Sequence[tuple[Path, StoredTrial]]) -> list[dict[str, Age]]:
    """For each trial, the components that are not the newest, with their ages."""
    comparable: dict[tuple[str, Hashable], dict[int, _Made]] = defaultdict(dict)
    for i, (path, trial) in enumerate(trials):
        labels = trial.labels
        for name, made in _components(trial):
            if name == HARNESS and is_reference(path):  # it does not count: nearly every edit changes it
                continue
            group = (
                labels.dataset if name == DATA else (path, labels.algorithm if name == ALGORITHM else labels.dataset)
            )
            comparable[name, group][i] = made
    ages: list[dict[str, Age]] = [{} for _ in trials]
    for (name, _), members in comparable.items():
        latest = {made.value: made for made in sorted(members.values(), key=lambda made: made.time)}
        order = sorted(latest, key=lambda value: latest[value].time, reverse=True)
        for i, made in members.items():
            if made.value != order[0]:
                ages[i][name] = order.index(made.value)
    return ages


class _Made(NamedTuple):
    value: str  # the hash of a component
    time: tuple[bool, str]  # whether it is as it is now, as far as that is known, and when it was used


def _components(trial: StoredTrial) -> Iterator[tuple[str, _Made]]:
    """The versions of code and data that made a trial, by component."""
    made_by = trial.contents.record.provenance
    if made_by is not None:
        yield DATA, _Made(made_by.data_version, (not trial.contents.record.data_changed, made_by.began))
        for name, code in made_by.code.items():
            yield name, _Made(code, (True, made_by.began))
        for estimate in trial.contents.estimates:
            if estimate.source is not None:
                time = not is_edited(estimate), made_by.began
                yield f"estimator {estimate.estimator}", _Made(estimate.source.code, time)


def _names(names: Sequence[str], ages: Sequence[dict[str, Age]]) -> list[str]:
    """The names, with a note for trials that have older components: ``digits (older code)``."""
    keys = [tuple(sorted(each.items())) for each in ages]
    known: dict[str, list[Hashable]] = defaultdict(list)  # what is called the same
    called = []
    for name, key in zip(names, keys, strict=True):
        if not key:
            called.append(name)
            continue
        kinds = {"data" if component == DATA else "code" for component, _ in key}
        base = f"{name} (older {' and '.join(sorted(kinds, reverse=True))}"
        if key not in known[base]:
            known[base].append(key)
        number = known[base].index(key) + 1
        called.append(f"{base}{f' {number}' if number > 1 else ''})")
    return called
