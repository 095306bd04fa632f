"""A run folder: what its study asks for, and one folder per trial."""

from __future__ import annotations

from pathlib import Path

from bench.errors import StoreError
from bench.options import parse_call
from bench.store.files import write_text
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import TrialSpec
from bench.studies.study import FORMAT, Study


class Store:
    """A run folder."""

    def __init__(self, path: Path) -> None:
        """``path`` need not exist yet."""
        self.path = path

    @classmethod
    def create(cls, path: Path, study: Study) -> Store:
        """The run folder of ``study``, new or continued.

        Raises StoreError if ``path`` is a file, cannot be written, or holds something else or another study.
        """
        store = cls(path)
        if path.exists() and not path.is_dir():
            raise StoreError(f"`out` must be a folder, and {str(path)!r} is a file: choose another --out.")
        if (path / "study.toml").exists():
            earlier = store.read_study()
            differences = study.differs_from(earlier)
            if differences:
                raise StoreError(
                    f"{str(path)!r} holds another study ({'; '.join(differences)}): choose another --out. "
                    "Only the budget, the seeds and the estimators may change within a folder."
                )
            study = study.merged_with(earlier)
        elif path.exists() and any(path.iterdir()):
            raise StoreError(f"{str(path)!r} is not empty and holds no study: choose another --out.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_text(path / "study.toml", f"# Written by bench.\nformat = {FORMAT}\n" + study.to_toml())
        except OSError as error:
            raise StoreError(
                f"`out` {str(path)!r} cannot be written ({error.strerror}): choose another --out."
            ) from error
        return store

    @classmethod
    def open(cls, path: Path) -> Store:
        """An existing run folder; raises StoreError if there is none."""
        if not (path / "study.toml").is_file():
            raise StoreError(
                f"{str(path)!r} is not a run folder (it has no study.toml): give the folder of a `bench run`."
            )
        return cls(path)

    def read_study(self) -> Study:
        """The study that this folder was made for."""
        return Study.from_toml(self.path / "study.toml")

    def trial(self, trial_id: str) -> TrialFolder:
        """The files of a trial."""
        return TrialFolder(self.path / "trials" / trial_id)

    def trials(self) -> list[tuple[TrialSpec, TrialFolder]]:
        """Every trial that has a spec, in the study's order of algorithms, then by n_train, z and seed."""
        folders = [TrialFolder(path.parent) for path in sorted(self.path.glob("trials/*/spec.json"))]
        trials = [(folder.read_spec(), folder) for folder in folders]
        algos = [_read_call(text) for text in self.read_study().algos]

        def place(spec: TrialSpec) -> tuple[int, int, int, str, int]:
            name = spec.algorithm.name
            return spec.n_train, spec.z, _rank(_read_call(name), algos), name, spec.seed

        return sorted(trials, key=lambda pair: place(pair[0]))


def _read_call(text: str) -> tuple[str, dict[str, object]]:
    """The name of a plugin or of its file, and settings in which 1e5 is 100000."""
    name, settings = parse_call(text)
    return Path(name).stem if name.endswith(".py") else name, {key: _number(value) for key, value in settings.items()}


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _rank(call: tuple[str, dict[str, object]], algos: list[tuple[str, dict[str, object]]]) -> int:
    """The place in the study's list, or that of the first of the same plugin: defaults may have been spelt out."""
    same = [i for i, other in enumerate(algos) if other[0] == call[0]]
    return next((i for i in same if algos[i] == call), same[0] if same else 0)
