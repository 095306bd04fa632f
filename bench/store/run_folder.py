"""A run folder: what its study asks for, and one folder per trial."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import Damaged, StoreError, WriteFailed
from bench.store import contents, study_file
from bench.store.contents import Contents
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Labels, TrialSpec
from bench.studies.study import Study
from bench.values.calls import parse_call
from bench.values.texts import quoted

FILE = "study.toml"
TRIALS = "trials"
TUNING = "tuning"  # trials by which hyperparameters were chosen
AGAINST = "against"  # reference runs that this one is compared with, one folder each
LOCK = ".lock"
_TRIAL_ID = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class StoredTrial:
    """A trial of a run folder, whole or damaged."""

    labels: Labels
    folder: TrialFolder
    contents: Contents


@dataclass(frozen=True)
class StoredRun:
    """The content of a run folder: the study; its trials by the study's order of algorithms, then n_train, z and seed.

    ``damage`` says in words which files are damaged or missing, and of which trials.
    """

    study: Study
    trials: tuple[StoredTrial, ...]
    damage: tuple[str, ...]


class Store:
    """A run folder."""

    def __init__(self, path: Path) -> None:
        """``path`` need not exist yet."""
        self.path = path
        self._lock = FileLock(path / LOCK, blocking=False)
        self._identity: tuple[int, int] | None = None  # of the folder that is locked

    @classmethod
    def create(cls, path: Path, study: Study, specs: Sequence[TrialSpec] = ()) -> Store:
        """Create or continue the run folder of ``study``; ``specs`` are its trials.  It is locked until `leave`.

        If the study file is damaged, ``study`` replaces it, provided that the trials in the folder belong to it.
        Raises StoreError if ``path`` is a file, cannot be written, contains something else or another study, or is
        locked by another process.
        """
        store = cls(path)
        if path.exists() and not path.is_dir():
            raise StoreError(f"`out` must be a folder, and {str(path)!r} is a file: choose another `out`.")
        if not cls.is_at(path) and path.exists() and any(not each.name.startswith(".") for each in path.iterdir()):
            raise StoreError(f"{str(path)!r} is not empty and holds no study: choose another `out`.")
        store._enter()
        try:
            if cls.is_at(path):
                study = study.merged_with(store._earlier(study, specs))
            store._write_study(study)
        except BaseException:
            store.leave()
            raise
        return store

    def _write_study(self, study: Study) -> None:
        try:
            if (self.path / FILE).is_dir():
                (self.path / FILE).rmdir()
            for folder in (self.path / TRIALS, self.path / TUNING):
                if folder.is_file():  # damage: its content will be recreated
                    folder.unlink()
            study_file.write(self.path / FILE, study)
        except (OSError, WriteFailed) as error:
            why = error.why if isinstance(error, WriteFailed) else error.strerror
            raise StoreError(f"`out` {str(self.path)!r} cannot be written ({why}): choose another `out`.") from error

    def _enter(self) -> None:
        """Create the folder and lock it.  The operating system unlocks it when this process ends for any reason."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._identity = _identity(self.path)
        except Timeout as error:
            raise StoreError(
                f"Another `bench run` works in {str(self.path)!r}: wait until it has ended, then the same command does "
                "what is left; or choose another `out`."
            ) from error
        except OSError as error:
            raise StoreError(
                f"`out` {str(self.path)!r} cannot be written ({error.strerror}): choose another `out`."
            ) from error

    def check_presence(self) -> None:
        """Raise StoreError if the folder that this process has locked no longer exists: nothing can be stored."""
        if _identity(self.path) != self._identity:
            raise StoreError(
                f"The run folder {quoted(str(self.path))} was moved, deleted or replaced while trials ran in it, which "
                "stops the run: move it back, and the same command does what is left."
            )

    def leave(self) -> None:
        """Let other processes run trials here."""
        self._lock.release()

    @staticmethod
    def is_at(path: Path) -> bool:
        """Whether a folder is a run folder, or was one before its study file was lost."""
        return (path / FILE).exists() or (path / TRIALS).is_dir()

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open an existing run folder; raises StoreError if there is none."""
        if not cls.is_at(path):
            raise StoreError(
                f"{str(path)!r} is not a run folder (it has no study.toml): give the folder of a `bench run`."
            )
        return cls(path)

    def read_study(self) -> Study:
        """Read the study of this folder; raises Damaged if its file is damaged, StoreError for another format."""
        return study_file.read(self.path / FILE)

    def protocol(self) -> str | None:
        """Return how hyperparameters are chosen in this folder, if known; raises StoreError for another format."""
        if not self.is_at(self.path):
            return None
        try:
            return self.read_study().tune
        except Damaged:
            specs = (contents.read(folder).spec for folder in self._folders())
            return next((spec.search.protocol for spec in specs if spec and spec.search), None)

    @property
    def tuning(self) -> Store:
        """The folder of the trials by which hyperparameters were chosen; it has no study of its own."""
        return Store(self.path / TUNING)

    @property
    def references(self) -> list[Store]:
        """The reference runs with which this run is compared; their folders are named after them."""
        return [Store(path) for path in sorted((self.path / AGAINST).glob("[!.]*")) if self.is_at(path)]

    def reference(self, name: str) -> Path:
        """Return the folder of the reference run of this name."""
        return self.path / AGAINST / name

    def seems_done(self, num_trials: int, budget: int) -> bool:
        """Whether ``num_trials`` trials seem to have seen ``budget`` training samples; a quick guess without checks."""
        folders = self._folders()
        return len(folders) >= num_trials and all(folder.seems_done(budget) for folder in folders)

    def trial(self, trial_id: str) -> TrialFolder:
        """The files of a trial."""
        return TrialFolder(self.path / TRIALS / trial_id)

    def read(self) -> StoredRun:
        """Read all records, each file once; damage to a file affects only its own trial.

        Raises StoreError for another format, or if the study can be determined neither from its file nor from any
        trial.
        """
        read = [(folder, contents.read(folder)) for folder in self._folders()]
        trials = [StoredTrial(each.labels, folder, each) for folder, each in read if each.labels is not None]
        damage = [f"Trial {folder.path.name}: {each.record.reason}" for folder, each in read if each.damage]
        try:
            study = self.read_study()
        except Damaged as error:
            reconstructed = study_file.from_trials([(each.contents.spec, each.contents.record) for each in trials])
            if reconstructed is None:
                raise StoreError(f"{str(self.path / FILE)!r}: {error}") from error
            study = reconstructed
            damage.append(f"{error} Until then, the study is reconstructed from the trials.")
        expected = len(study.algos) * len(study.z) * len(study.n_train) * len(study.seeds)
        if len(read) < expected:
            damage.append(
                f"{expected - len(read)} of {expected} trials of {FILE} have no folder: `bench run` runs them."
            )
        algos = [_read_call(text) for text in study.algos]

        def place(labels: Labels) -> tuple[int, int, int, str, int]:
            name = labels.algorithm
            return labels.n_train, labels.z, _rank(_read_call(name), algos), name, labels.seed

        return StoredRun(study, tuple(sorted(trials, key=lambda trial: place(trial.labels))), tuple(damage))

    def _folders(self) -> list[TrialFolder]:
        paths = sorted((self.path / TRIALS).glob("*"))
        return [TrialFolder(path) for path in paths if _TRIAL_ID.fullmatch(path.name)]

    def _earlier(self, study: Study, specs: Sequence[TrialSpec]) -> Study:
        """Return the study that the folder contains, with which ``study`` may be merged."""
        try:
            earlier = self.read_study()
        except Damaged as error:
            read = ((folder, contents.read(folder)) for folder in self._folders())
            trials = [StoredTrial(each.labels, folder, each) for folder, each in read if each.labels and each.spec]
            kinds = {_kind(spec) for spec in specs}
            others = [t for t in trials if t.contents.spec and _kind(t.contents.spec) not in kinds]
            if others:
                raise StoreError(
                    f"{str(self.path / FILE)!r} is damaged ({error.why}), and the folder holds trials of another study "
                    f"({others[0].contents.spec}, for instance): give the command that made it, or another `out`."
                ) from error
            budgets = [trial.contents.record.budget or 1 for trial in trials]
            seeds = {trial.labels.seed for trial in trials}
            return replace(study, budget=max([1, *budgets]), seeds=tuple(sorted({*study.seeds, *seeds})))
        differences = study.differs_from(earlier)
        if differences:
            raise StoreError(
                f"{str(self.path)!r} holds another study ({'; '.join(differences)}): choose another `out`. "
                "Only the budget, the seeds and the estimators may change within a folder."
            )
        return earlier


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode, which distinguish a folder from a later one of the same name; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _kind(spec: TrialSpec) -> str:
    """A key that is the same for trials that differ only in their seed."""
    return replace(spec, seed=0).id


def _read_call(text: str) -> tuple[str, dict[str, object]]:
    """Return the name of a plugin or of its file, and its settings, in which 1e5 becomes 100000."""
    name, settings = parse_call(text)
    return Path(name).stem if name.endswith(".py") else name, {key: _number(value) for key, value in settings.items()}


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _rank(call: tuple[str, dict[str, object]], algos: list[tuple[str, dict[str, object]]]) -> int:
    """Return the position in the study's list, or that of the first with the same plugin: defaults may be spelt out."""
    same = [i for i, other in enumerate(algos) if other[0] == call[0]]
    return next((i for i in same if algos[i] == call), same[0] if same else 0)
