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

FILE = ".finished.json"  # in a run folder; without it, all trials are read as if none was known


class Finished:
    """The finished trials of a run folder, each with a hash of everything that makes it finished.

    That is every byte of its files, the study, the version of the data and all code.  So no change goes unnoticed, not
    even a bit that the disk has flipped; what is saved is to parse the files and to make records of them.
    """

    def __init__(
        self, store: Store, study: Study, specs: Sequence[TrialSpec], estimators: Suitability, version: str
    ) -> None:
        """Read what earlier plans have kept; ``version`` is that of the data."""
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
        """Whether a trial is finished for sure: nothing has changed since a plan found that it was."""
        names = ",".join(each.name for each in self._estimators.of(spec))
        content = self._store.trial(spec.id).fingerprint()
        self._hashes[spec.id] = seeds.digest([self._context, names, content]) if content else ""
        return bool(content) and self._known.get(spec.id) == self._hashes[spec.id]

    def covers(self, estimates: Iterable[EstimateRecord]) -> bool:
        """Whether the code of these estimates is among that which is hashed; others may have been made on their own."""
        sources = [each.source.plugin for each in estimates if each.source is not None]
        return all(plugin.source == "shipped" or repr(plugin) in self._sources for plugin in sources)

    def keep(self, specs: Iterable[TrialSpec]) -> None:
        """Keep which trials are finished, as far as the folder can be written: those that it `holds`, and these."""
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
        return plugin.source_hash()
    except PluginError:  # its file is gone
        return ""
