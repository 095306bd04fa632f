"""Reference runs: what an earlier run has reached, kept without its weights, for other algorithms to be compared with.

A reference is a run folder.  Shipped references are archives of run folders, stored next to their studies.  The
reference of a run is copied into the run's own folder, so that the folder can be moved and reported anywhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from os import PathLike
from pathlib import Path

from bench.errors import StoreError, did_you_mean
from bench.store import study_file
from bench.store.run_folder import AGAINST, FILE, TRIALS, Store, StoredTrial
from bench.studies.files import SHIPPED
from bench.studies.study import Study
from bench.values.paths import user_path
from bench.values.texts import quoted

PREFIX = "bench-references-"  # of the temporary folder that shipped ones are unpacked into
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every file in an archive, so that the same run always gives the same archive


@dataclass(frozen=True)
class Reference:
    """A run to compare with; ``name`` marks its rows.  It is an existing folder, or an unpacked archive."""

    name: str
    path: Path

    @classmethod
    def find(cls, given: str | PathLike[str]) -> Reference:
        """Return a shipped reference given its name, or a run folder given its path.

        Raises StoreError if there is neither, or if the folder contains several runs.
        """
        path = user_path("against", given)
        if Store.is_at(path):
            return cls(path.resolve().name.lstrip(".") or "run", path)
        if str(given) in shipped_names():
            return cls(str(given), unpacked(str(given)))
        parts = sorted(each for each in path.glob("*") if os.access(each, os.X_OK) and Store.is_at(each))
        if parts:
            raise StoreError(
                f"`against` must be one run, and {quoted(str(path))} is a folder of runs: give one of them, "
                f"{' or '.join(map(str, parts))}."
            )
        known = shipped_names()
        raise StoreError(
            "`against` must be a shipped reference or a run folder with a study.toml "
            f"(got {quoted(str(given))}).{did_you_mean(str(given), known)}"
        )

    @cached_property
    def study(self) -> Study:
        """The study of the reference."""
        return Store(self.path).read().study

    @cached_property
    def trials(self) -> tuple[StoredTrial, ...]:
        """The trials that have ended, in the order of the study."""
        return tuple(
            trial
            for trial in Store(self.path).read().trials
            if trial.contents.record.status.has_ended and trial.contents.spec is not None
        )

    def keep_in(self, store: Store, trials: Iterable[StoredTrial]) -> None:
        """Copy these trials, without weights, into a run folder, replacing an earlier copy."""
        kept = list(trials)
        target = store.reference(self.name)
        try:
            target.parent.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copying.") as temporary:
                copy = Path(temporary, "run")
                for trial in kept:
                    trial.folder.copy_records(copy / TRIALS / trial.folder.path.name)
                study_file.write(copy / FILE, _narrowed(self.study, kept))
                if target.exists():
                    shutil.rmtree(target)
                copy.rename(target)
        except OSError as error:
            raise StoreError(f"{str(target)!r} cannot be written ({error.strerror}): choose another `out`.") from error


def _narrowed(study: Study, trials: Iterable[StoredTrial]) -> Study:
    """Return the study restricted to these trials."""
    labels = [trial.labels for trial in trials]
    return replace(
        study,
        z=tuple(z for z in study.z if z in {each.z for each in labels}),
        n_train=tuple(sorted({each.n_train for each in labels})),
        seeds=tuple(seed for seed in study.seeds if seed in {each.seed for each in labels}),
    )


def shipped_names() -> list[str]:
    """Return the names of the references that are shipped with bench."""
    return sorted(path.stem for path in SHIPPED.glob("*.zip"))


@cache
def unpacked(name: str) -> Path:
    """Return the run folder of a shipped reference, unpacked into a temporary folder for this process."""
    folder = Path(_temporary().name, name)
    with zipfile.ZipFile(SHIPPED / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=PREFIX)


def is_reference(path: Path) -> bool:
    """Whether a run folder is a shipped reference, or one that is kept for a run to be compared with."""
    return path.parent.name == AGAINST or path.parent.name.startswith(PREFIX)


def pack(run: Path, archive: Path) -> None:
    """Write an archive of a run folder whose trials have all ended well: its content without weights.

    Raises StoreError if there is no such run.
    """
    stored = Store.open(run).read()
    unfinished = [trial for trial in stored.trials if not trial.contents.record.status.is_finished]
    if unfinished or stored.damage:
        raise StoreError(f"{str(run)!r} is no reference yet: {stored.damage or unfinished[0].contents.record.reason}")
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for trial in stored.trials:
            trial.folder.copy_records(Path(temporary, TRIALS, trial.folder.path.name))
        study_file.write(Path(temporary, FILE), stored.study)
        for path in sorted(each for each in Path(temporary).rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(temporary).as_posix(), EPOCH)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
