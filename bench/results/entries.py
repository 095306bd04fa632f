"""Trials of one or several run folders, with the names by which rows of different origin are told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.execution.sources import HARNESS, code_changes
from bench.results.grid import Cell
from bench.results.references import Source
from bench.results.rows import labels_of
from bench.results.versions import DATA, Version
from bench.store.contents import Contents
from bench.store.references import is_reference
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Labels, TrialSpec


class Entry(NamedTuple):
    """A trial with its folder, its contents, the leading columns of its rows, and which of its components are older.

    ``reference`` is the name of the reference run that it belongs to; ``is_cut`` means that its later results are left
    out.
    """

    folder: TrialFolder
    contents: Contents
    labels: Labels
    older: tuple[str, ...] = ()
    reference: str = ""
    is_cut: bool = False

    @property
    def cell(self) -> Cell:
        """The cell of the grid that it belongs to, by its labels."""
        return Cell(self.labels.dataset, self.labels.n_train, self.labels.z, self.labels.algorithm)

    def changes(self, of_code: dict[Hashable, list[str]]) -> list[str]:
        """The changes since it ran; ``of_code`` caches the results for other trials, and is updated.

        For a reference, the harness does not count: every edit of its code changes its hash, but few change numbers.
        """
        record, spec = self.contents.record, self.contents.spec
        data = [DATA] if record.data_changed else []
        code = [] if spec is None else self._code_changes(spec, of_code)
        if is_reference(self.folder.path.parents[1]):
            code = [name for name in code if name != HARNESS]
        return list(dict.fromkeys([*data, *self.older, *code]))

    def _code_changes(self, spec: TrialSpec, known: dict[Hashable, list[str]]) -> list[str]:
        """Call `code_changes`, which reads the plugins' files, once for all trials with the same plugins and hashes."""
        made_by, estimates = self.contents.record.provenance, self.contents.estimates
        plugins = (spec.algorithm.plugin, spec.dataset.plugin, spec.model.plugin, spec.decoder.plugin)
        hashes = frozenset(made_by.code.items()) if made_by is not None else None
        key = plugins, hashes, tuple((each.estimator, each.source) for each in estimates)
        if key not in known:
            known[key] = code_changes(spec, made_by, estimates)
        return known[key]


def entries(
    paths: Sequence[Path], sources: Sequence[Source], versions: Sequence[Version], *, mix_stale: bool
) -> list[Entry]:
    """The trials of the folders ``paths``; an algorithm whose cell is in several has the folder's name after its own.

    Trials of a reference have the reference's name there; older ones are listed separately unless ``mix_stale``.
    """
    pairs = [*zip(sources, versions, strict=True)]
    labels = [source.trial.labels if mix_stale else version.labels for source, version in pairs]
    read = [
        Entry(source.trial.folder, source.trial.contents, each, version.older, source.reference, source.is_cut)
        for (source, version), each in zip(pairs, labels, strict=True)
    ]
    homes: dict[Cell, set[Path]] = {}
    for source, each in zip(sources, read, strict=True):
        if not each.reference:
            homes.setdefault(each.cell, set()).add(source.path)
    shared = {cell.algorithm for cell, found in homes.items() if len(found) > 1}
    names = folder_names(paths)
    return [
        each._replace(
            labels=labels_of(
                each.labels, each.reference or (names[source.path] if each.labels.algorithm in shared else "")
            )
        )
        for source, each in zip(sources, read, strict=True)
    ]


def folder_names(paths: Sequence[Path]) -> dict[Path, str]:
    """The name of each folder, or its path if two have the same name."""
    counts = Counter(path.resolve().name for path in paths)
    return {path: path.resolve().name if counts[path.resolve().name] == 1 else str(path) for path in paths}
