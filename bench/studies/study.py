"""What to run: the grid of a study, its file, and the identity of each trial.

A `Study` is what was asked, as text and numbers.  `Study.expand` makes the plugins out of the names and gives one
`TrialSpec` for each cell and seed.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from bench import options, plugins, seeds
from bench.errors import DataError, OptionError, StoreError, did_you_mean
from bench.studies.spec import Choice, TrialSpec, load_data

if TYPE_CHECKING:
    from bench.dataset import Data

FORMAT = 2  # of run folders and study files; raised when an older reader could not understand them
DECODERS = ("bernoulli", "gaussian", "unit_gaussian")


@dataclass(frozen=True)
class Study:
    """What was asked: algorithms x latent sizes x training-set sizes x seeds on one data set, with one budget.

    ``n_train`` 0 stands for all the training data, ``hidden`` 0 for the data set's own width, ``decoder`` ``auto``
    for what suits the data set.  The bound is followed on the first ``eval_points`` of each split, and log p(x)
    estimated on the first ``likelihood_points`` of the test data: so few by default that evaluation takes less than a
    quarter of a trial's time.  ``likelihood_marks`` are numbers of training samples at which log p(x) is estimated on
    the way too, of both splits (at the first evaluation mark that reaches each).
    """

    algos: tuple[str, ...] = ("aevb", "wakesleep", "mcem")
    z: tuple[int, ...] = (3,)
    n_train: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0, 1, 2)
    dataset: str = "digits"
    model: str = "mlp"
    hidden: int = 0
    decoder: str = "auto"
    budget: int = 300_000
    likelihood: tuple[str, ...] = ("importance",)
    eval_points: int = 1000
    likelihood_points: int = 300
    likelihood_marks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no trial could run, naming the option; list-valued fields are made tuples."""
        for name in ("algos", "z", "n_train", "seeds", "likelihood", "likelihood_marks"):
            value = getattr(self, name)
            entries = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
            if not entries and name != "likelihood_marks":
                raise OptionError(f"`{name}` is empty: give at least one value.")
            if len(set(entries)) != len(entries):
                raise OptionError(f"`{name}` names something twice (got {', '.join(map(str, entries))}).")
            object.__setattr__(self, name, entries)
        for name in ("algos", "likelihood", "dataset", "model", "decoder"):
            value = getattr(self, name)
            for entry in value if isinstance(value, tuple) else (value,):
                if not isinstance(entry, str):
                    raise OptionError(f"`{name}` must be text such as 'name[key=value]' (got {entry!r}).")
        for name, least in (("z", 1), ("n_train", 0), ("seeds", 0), ("likelihood_marks", 1)):
            for entry in getattr(self, name):
                _check_count(name, entry, least)
        for name, least in (("hidden", 0), ("budget", 1), ("eval_points", 1), ("likelihood_points", 1)):
            _check_count(name, getattr(self, name), least)
        if self.decoder not in (*DECODERS, "auto"):
            raise OptionError(f"Unknown decoder {self.decoder!r}.{did_you_mean(self.decoder, (*DECODERS, 'auto'))}")

    # -- what follows from it --------------------------------------------------------------------------------------

    @cached_property
    def dataset_choice(self) -> Choice:
        """The data set with its options."""
        return Choice.parse("dataset", self.dataset)

    def load_data(self, seed: int) -> Data:
        """The data as the trials of a seed see them, whole."""
        return load_data(self.dataset_choice, seed)

    @cached_property
    def estimators(self) -> list[Choice]:
        """The estimators of log p(x), in the order asked for."""
        return [Choice.parse("estimator", text) for text in self.likelihood]

    def expand(self, data: Data) -> list[TrialSpec]:
        """One spec for each seed, n_train, z and algorithm, seeds outermost, so that early seeds are complete early.

        ``data`` are the data of any seed (their sizes are the same for all).
        Raises UsageError for unknown plugins and options, and for a training set larger than the data.
        """
        model = self._model()
        algorithms = [Choice.parse("algorithm", text) for text in self.algos]
        names = [choice.name for choice in algorithms]
        if len(set(names)) != len(names):
            raise OptionError(f"Two algorithms have the same name and options (got {', '.join(names)}).")
        decoder = data.likelihood if self.decoder == "auto" else self.decoder
        if decoder == "bernoulli" and not data.bounded:
            raise OptionError(
                f"A Bernoulli decoder needs data in [0, 1], and {self.dataset} is not: try --decoder gaussian."
            )
        for n in self.n_train:
            if n > len(data.x_train):
                raise DataError(
                    f"`n_train` must be at most {len(data.x_train)}, the training points of {self.dataset} (got {n})."
                )
        return [
            TrialSpec(algorithm, model, decoder, self.dataset_choice, z, n or len(data.x_train), seed)
            for seed in self.seeds
            for n in self.n_train
            for z in self.z
            for algorithm in algorithms
        ]

    def _model(self) -> Choice:
        """The model, as wide as asked, or as suits the data where it has a width and none was asked for."""
        has_width = "hidden" in options.names(plugins.resolve("model", self.model)[0].load().Options)
        width = self.hidden or (int(self.dataset_choice.plugin.load().hidden) if has_width else 0)
        return Choice.parse("model", self.model, **({"hidden": width} if width else {}))

    # -- its file --------------------------------------------------------------------------------------------------

    def to_toml(self) -> str:
        """The study as a TOML document with every value spelled out."""
        return tomli_w.dumps(
            {key: list(v) if isinstance(v, tuple) else v for key, v in dataclasses.asdict(self).items()}
        )

    @classmethod
    def from_toml(cls, path: Path) -> Study:
        """Read a study file; raises StoreError for a file that is missing or not TOML, OptionError for unknown keys."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StoreError(f"The study file {str(path)!r} cannot be read ({error.strerror}).") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise StoreError(f"The study file {str(path)!r} is not valid TOML: {error}.") from error
        version = content.pop("format", FORMAT)
        if version != FORMAT:
            raise StoreError(
                f"{str(path)!r} is of format {version!r}, and this version of bench reads format {FORMAT}: use the "
                "version of bench that wrote it."
            )
        known = [field.name for field in dataclasses.fields(cls)]
        for key in content:
            if key not in known:
                raise OptionError(f"The study file {str(path)!r} has an unknown key {key!r}.{did_you_mean(key, known)}")
        return cls(**content)

    def differs_from(self, other: Study) -> list[str]:
        """What makes two studies different ones, in words.

        Budget, seeds and estimators do not: they may grow in the same folder.
        """
        return [
            f"{field.name} is {_listed(getattr(other, field.name))} there and {_listed(getattr(self, field.name))} here"
            for field in dataclasses.fields(self)
            if field.name not in ("budget", "seeds", "likelihood")
            and getattr(self, field.name) != getattr(other, field.name)
        ]

    def merged_with(self, earlier: Study) -> Study:
        """This study with the seeds and the budget that its folder has already been asked for."""
        return dataclasses.replace(
            self, budget=max(self.budget, earlier.budget), seeds=tuple(sorted({*self.seeds, *earlier.seeds}))
        )

    def folder_name(self) -> str:
        """A name for the run folder: the same study, with whatever budget and seeds, has the same."""
        what = {k: v for k, v in dataclasses.asdict(self).items() if k not in ("budget", "seeds", "likelihood")}
        readable = "-".join(text.partition("[")[0].replace("/", "_") for text in (self.dataset, *self.algos))
        return f"{readable[:60]}-{seeds.digest(what)[:6]}"


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(f"`{name}` must be an integer of at least {least} (got {value!r}).")


def _listed(value: object) -> str:
    return (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
