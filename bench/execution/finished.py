"""Trials that a plan has found finished, so that later plans need not parse and check what has not changed since."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from bench import seeds
from bench.errors import Damaged, PluginError, WriteFailed
from bench.execution.remote.versions import versions
from bench.execution.suitability import Suitability
from bench.plugins import PluginRef
from bench.store.files import read_json, write_json
from bench.store.records import EstimateRecord
from bench.store.run_folder import Store
from bench.studies.spec import TrialSpec
from bench.studies.study import Study

FILE = ".finished.json"  # in a run folder; without it, all trials are read


class Finished:
    """The finished trials of a run folder, each with a hash of everything that makes it finished.

    The hash covers every byte of its files, the study, the version of the data and all code.  No change goes unnoticed,
    not even a flipped bit on disk; what is saved is the time for parsing the files into records.
    """

    def __init__(
        self, store: Store, study: Study, specs: Sequence[TrialSpec], estimators: Suitability, version: str
    ) -> None:
        """Read what earlier plans have stored; ``version`` is the version of the data."""
        self._store = store
        self._estimators = estimators
        self._sources = _sources(specs, estimators)
        settings = {**asdict(study), "seeds": None}  # further seeds leave the finished trials as they are
        self._context = seeds.digest([settings, version, asdict(versions()), self._sources])
        self._hashes: dict[str, str] = {}  # of the trials that were looked for, by id
        self._known: Mapping[str, object] = {}
        with contextlib.suppress(Damaged):
            self._known = read_json(store.path / FILE)

    def holds(self, spec: TrialSpec) -> bool:
        """Whether a trial is certainly finished: nothing has changed since a plan found it finished."""
        names = ",".join(each.name for each in self._estimators.of(spec))
        content = self._store.trial(spec.id).fingerprint()
        self._hashes[spec.id] = seeds.digest([self._context, names, content]) if content else ""
        return bool(content) and self._known.get(spec.id) == self._hashes[spec.id]

    def covers(self, estimates: Iterable[EstimateRecord]) -> bool:
        """Whether the hash covers the code of these estimates; others may have been made by a separate command."""
        sources = [each.source.plugin for each in estimates if each.source is not None]
        return all(plugin.source == "shipped" or repr(plugin) in self._sources for plugin in sources)

    def keep(self, specs: Iterable[TrialSpec]) -> None:
        """Store which trials are finished, if the folder is writable: those for which `holds` is true, and these."""
        held = {key: each for key, each in self._hashes.items() if self._known.get(key) == each}
        finished = held | {spec.id: self._hashes[spec.id] for spec in specs if self._hashes[spec.id]}
        if finished != self._known:
            with contextlib.suppress(WriteFailed):
                write_json(self._store.path / FILE, finished, synced=False)


def _sources(specs: Sequence[TrialSpec], estimators: Suitability) -> dict[str, str]:
    """The hash of each plugin's code."""
    choices = {each for spec in specs for each in (spec.algorithm, spec.model, spec.decoder, spec.dataset)}
    choices |= {each for some in estimators.by_kind.values() for each in some}
    return {repr(plugin): _source(plugin) for plugin in {choice.plugin for choice in choices}}


def _source(plugin: PluginRef) -> str:
    try:
        return plugin.code_hash()
    except PluginError:  # its file is gone
        return ""
