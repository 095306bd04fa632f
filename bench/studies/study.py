"""Studies: a grid of trials as text and numbers, and the file that stores it.

`Study.expand` resolves the names of plugins and returns one `TrialSpec` per cell and seed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from bench import options, plugins, seeds
from bench.errors import DataError, OptionError, StoreError, UsageError, did_you_mean
from bench.studies import fields
from bench.studies.spec import Choice, TrialSpec, load_data
from bench.studies.toml import read_toml
from bench.studies.tuning import Fixed, Halving, Protocol, Search, default_protocol
from bench.training.candidates import AUTO, candidates, is_open
from bench.values.texts import quoted

if TYPE_CHECKING:
    from bench.architecture import Architecture
    from bench.dataset import Data
    from bench.models.observation import ObservationModel

FORMAT = 3  # of run folders and study files; incremented if an older reader could not understand them
READABLE = (2, FORMAT)  # of study files: a study in a run folder of format 2 can be run again


@dataclass(frozen=True)
class Study:
    """A grid of algorithms x latent sizes x training-set sizes x seeds, on one data set and with one budget.

    ``n_train`` 0 means all training data, ``hidden`` 0 the width that the data set suggests, and ``decoder`` ``auto``
    the observation model that the data set suggests. The lower bound is evaluated on ``eval_points`` of each split, and
    log p(x) is estimated on ``likelihood_points`` of the test data, 0 or ``all`` for all of them: a random subset that
    depends on the data set alone. The defaults keep evaluation below a quarter of a trial's time; they do not grow with
    the budget, so that all trials at one place of the grid, including extended ones, are evaluated on the same points.
    ``likelihood_marks`` are numbers of training samples after which log p(x) is also estimated during training, on both
    splits (at the first evaluation mark that reaches each of them). ``tune`` says how hyperparameters that are ``auto``
    are chosen, once for all seeds of a cell: ``paper``, ``halving`` or ``fixed`` (not at all), with options in brackets
    (`bench.studies.tuning`); ``auto`` is `settled` before it runs. With ``resample_train`` each seed draws its own
    ``n_train`` training points from those of the data set instead of using the first ones, so that intervals also
    account for the choice of training data.

    Numbers and lists may be written as on the command line ("3,10", "1e6"), and ``seeds`` 3 stands for 0, 1 and 2.

    Example:
        >>> study = Study(algos=("aevb", "mcem"), z=(3, 10), seeds=(0, 1))
        >>> len(study.expand(study.load_data()))
        8
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
    tune: str = AUTO
    resample_train: bool = False

    def __post_init__(self) -> None:
        """Convert lists to tuples, and raise OptionError for values that no trial could use."""
        for name, value in fields.checked(vars(self)).items():
            object.__setattr__(self, name, value)
        if self.tune != AUTO:
            object.__setattr__(self, "tune", Protocol.parse(self.tune).name)

    # -- derived values --------------------------------------------------------------------------------------------

    @cached_property
    def dataset_choice(self) -> Choice:
        """The data set with its options."""
        return Choice.parse("dataset", self.dataset)

    def load_data(self) -> Data:
        """Load the complete data set."""
        return load_data(self.dataset_choice)

    @cached_property
    def estimators(self) -> list[Choice]:
        """The estimators of log p(x), in the given order."""
        return [Choice.parse("estimator", text) for text in self.likelihood]

    def settled(self, earlier: str | None = None) -> Study:
        """Return this study with ``auto`` as the value of `tune` replaced by a protocol.

        The protocol is the ``earlier`` one of its run folder, which a larger budget must not change, or else the
        default for its budget.
        """
        if self.tune != AUTO:
            return self
        return dataclasses.replace(self, tune=earlier or default_protocol(self.budget).name)

    def expand(self, data: Data) -> list[TrialSpec]:
        """Return one spec per seed, n_train, z and algorithm; seeds come first, so that early seeds finish early.

        ``data`` is the data set (`load_data`). Raises UsageError for unknown plugins or options, and if a training set
        is larger than the data.
        """
        model = self._model()
        algorithms = [Choice.parse("algorithm", text) for text in self.algos]
        names = [choice.name for choice in algorithms]
        if len(set(names)) != len(names):
            raise OptionError(f"`algos` has two algorithms of the same name and options (got {', '.join(names)}).")
        protocol = self.settled().tune
        decoder = self._decoder(data)
        self._check_model(model, decoder, data)
        for choice in (model, decoder, self.dataset_choice):
            _refuse_open(choice)
        for n in self.n_train:
            if n > len(data.x_train):
                raise DataError(
                    f"`n_train` must be at most {len(data.x_train)}, the training points of {self.dataset} (got {n})."
                )
            if self.resample_train and n in (0, len(data.x_train)):
                raise OptionError(
                    f"`resample_train` draws `n_train` training points for each seed, and {self.dataset} has no more "
                    f"than {len(data.x_train)}: give an --n-train below that."
                )
        largest = max(n or len(data.x_train) for n in self.n_train)
        searches = [_search(choice, protocol, largest) for choice in algorithms]
        return [
            TrialSpec(
                *(algorithm, model, decoder, self.dataset_choice, z, n or len(data.x_train), seed, search),
                resample_train=self.resample_train,
            )
            for seed in self.seeds
            for n in self.n_train
            for z in self.z
            for algorithm, search in zip(algorithms, searches, strict=True)
        ]

    def _decoder(self, data: Data) -> Choice:
        """The observation model that was chosen or, by default, suits the data; refused if it cannot model them."""
        decoder = Choice.parse("decoder", data.observation_model if self.decoder == "auto" else self.decoder)
        observation_model: ObservationModel = decoder.create()
        for x in (data.x_train, data.x_test):
            refusal = observation_model.refusal(x)
            if refusal:
                raise OptionError(
                    f"The decoder {decoder.name} does not suit {self.dataset}, since it {refusal}: choose another, for "
                    "instance --decoder gaussian."
                )
        return decoder

    def _check_model(self, model: Choice, decoder: Choice, data: Data) -> None:
        """Raise OptionError if the architecture has no networks for the data and these latent dimensions."""
        from bench.architecture import Shape  # imports torch, which loading the data has imported already

        architecture: Architecture = model.create()
        for z in self.z:
            shape = Shape(z, data.x_train.shape[1], decoder.create(), data.bounded, data.image_shape)
            refusal = architecture.refusal(shape)
            if refusal:
                raise OptionError(
                    f"The model {model.name} does not suit {self.dataset} with z = {z}, since it {refusal}: choose "
                    "another, for instance --model mlp."
                )

    def _model(self) -> Choice:
        """Return the architecture; if it has a width and none is given, the data set suggests one."""
        has_width = "hidden" in options.names(plugins.resolve("model", self.model)[0].load().Options)
        width = self.hidden or (int(self.dataset_choice.plugin.load().hidden) if has_width else 0)
        return Choice.parse("model", self.model, **({"hidden": width} if width else {}))

    # -- file -----------------------------------------------------------------------------------------------------

    def to_toml(self) -> str:
        """Return the study as a TOML document that includes default values."""
        return tomli_w.dumps(
            {key: list(v) if isinstance(v, tuple) else v for key, v in dataclasses.asdict(self).items()}
        )

    @classmethod
    def from_toml(cls, path: Path) -> Study:
        """Read a study file; raises StoreError if it is missing or not TOML, OptionError if it has unknown keys."""
        content = read_toml(path)
        content.pop("sha256", None)  # present in a run folder's file, which may be edited and run
        version = content.pop("format", FORMAT)
        if version not in READABLE:
            raise StoreError(
                f"{quoted(str(path))} is of format {quoted(version)}, and this version of bench reads format {FORMAT}: "
                "use the version of bench that wrote it."
            )
        known = [field.name for field in dataclasses.fields(cls)]
        for key in content:
            if key not in known:
                what = f"The study file {quoted(str(path))} has an unknown key"
                raise OptionError(f"{what} {quoted(key)}.{did_you_mean(key, known)}")
        return cls(**content)

    def differs_from(self, other: Study) -> list[str]:
        """Describe how this study differs from ``other``, apart from budget, seeds and estimators.

        These three may be extended in the same run folder.
        """
        return [
            f"{field.name} is {fields.in_words(field.name, getattr(other, field.name))} there and "
            f"{fields.in_words(field.name, getattr(self, field.name))} here"
            for field in dataclasses.fields(self)
            if field.name not in ("budget", "seeds", "likelihood")
            and getattr(self, field.name) != getattr(other, field.name)
            and not (field.name == "dataset" and self._has_dataset_of(other))
        ]

    def _has_dataset_of(self, other: Study) -> bool:
        """Whether the data set is the same under another spelling: ``x.npy``, ``./x.npy`` and ``file[path=x.npy]``."""
        try:
            plugin, others = (plugins.resolve("dataset", study.dataset)[0] for study in (self, other))
            same = plugin == others and self.dataset_choice.identity == other.dataset_choice.identity
        except UsageError:  # the other's plugin may no longer exist
            return False
        return same

    def merged_with(self, earlier: Study) -> Study:
        """Return this study, extended by the seeds and the budget that its folder already has."""
        return dataclasses.replace(
            self, budget=max(self.budget, earlier.budget), seeds=tuple(sorted({*self.seeds, *earlier.seeds}))
        )

    def folder_name(self) -> str:
        """Return a name for the run folder, which does not depend on budget, seeds and estimators."""
        identity = {k: v for k, v in dataclasses.asdict(self).items() if k not in ("budget", "seeds", "likelihood")}
        if not self.resample_train:
            del identity["resample_train"]  # so that studies keep the names that they had before this field existed
        readable = "-".join(text.partition("[")[0].replace("/", "_") for text in (self.dataset, *self.algos))
        return f"{readable[:60]}-{seeds.digest(identity)[:6]}"


def _refuse_open(choice: Choice) -> None:
    """Raise OptionError for an option that only an algorithm can leave open."""
    chosen = choice.options()
    if is_open(chosen):
        open_ones = ", ".join(f"`{name}`" for name in candidates(chosen)[0])
        raise OptionError(
            f"{open_ones} of {choice.name} must be given, since --tune chooses hyperparameters of algorithms alone: "
            "compare its values in several runs, or make it an option of the algorithm."
        )


def _search(algorithm: Choice, protocol: str, n_train: int) -> Search | None:
    """Return how the open hyperparameters of an algorithm are chosen; raises OptionError if they cannot be."""
    hyperparameters = algorithm.options()
    if not is_open(hyperparameters):
        return None
    grid = candidates(hyperparameters)
    if protocol == Fixed.keyword:
        raise OptionError(
            f"`tune` is fixed, and {algorithm.name} leaves {', '.join(grid[0])} open: give "
            f"{algorithm.plugin.name}[{','.join(f'{key}=...' for key in grid[0])}], or another --tune."
        )
    way = Protocol.parse(protocol)
    if isinstance(way, Halving):
        batch_size = getattr(hyperparameters, "batch_size", 1)
        way.check(algorithm.name, len(grid), batch_size if isinstance(batch_size, int) else n_train)
    return Search(protocol, tuple(tuple(candidate.items()) for candidate in grid))
