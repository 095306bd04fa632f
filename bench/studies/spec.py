"""Trial specifications: plugins with their options, and the identity of a trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench import options, plugins, seeds
from bench.plugins import PluginRef
from bench.studies.tuning import Search
from bench.values import calls

if TYPE_CHECKING:
    from bench.dataset import Data


@dataclass(frozen=True)
class Choice:
    """A plugin with its options, as plain data that can be sent to a worker.

    ``settings`` are the options that identify it (see `options.identifying`); all others have their defaults.

    ``name`` is the plugin's name with the options that differ from their defaults.  For an option that is a path, it
    contains only the last part of the path, and so does the identity (see ``located``).
    """

    plugin: PluginRef
    settings: tuple[tuple[str, Any], ...]
    name: str
    located: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, kind: str, text: str, **defaults: object) -> Choice:
        """Parse ``name[key=value,...]``; settings in brackets take precedence over ``defaults``."""
        plugin, settings = plugins.resolve(kind, text)
        built = options.build(plugin.load().Options, {**defaults, **settings}, plugin.name)
        located = options.located(built)
        name = options.call_name(plugin.name, dataclasses.replace(built, **located) if located else built)
        return cls(plugin, tuple(options.identifying(built).items()), name, tuple(located.items()))

    @property
    def identity(self) -> dict[str, object]:
        """Everything besides its code that determines what the plugin computes; only the last part of a path counts."""
        return {"name": self.plugin.name, "options": {**dict(self.settings), **dict(self.located)}}

    @property
    def default_identity(self) -> dict[str, object]:
        """The identity of the plugin with its default options, regardless of the options chosen here."""
        return {"name": self.plugin.name, "options": options.defaults(self.plugin.load().Options)}

    def create(self, *arguments: object, **keywords: object) -> Any:
        """Create an instance of the plugin."""
        return self.plugin.load()(*arguments, **keywords, **dict(self.settings))

    def options(self) -> Any:
        """The options as the plugin's own dataclass."""
        return options.build(self.plugin.load().Options, dict(self.settings), self.plugin.name)

    def with_values(self, values: Mapping[str, object]) -> Choice:
        """Return the plugin with new values for these options; it is not imported."""
        settings = {**dict(self.settings), **values}
        keyword, named = calls.parse_call(self.name)
        named = {key: text for key, text in named.items() if key not in values}
        named |= {key: options.text(value) for key, value in values.items()}
        return dataclasses.replace(self, settings=tuple(settings.items()), name=calls.call(keyword, named))


@dataclass(frozen=True)
class Labels:
    """A trial and its place in the grid; ``algorithm`` and ``dataset`` are names with options."""

    trial: str
    algorithm: str
    dataset: str
    z: int
    n_train: int
    seed: int

    def __str__(self) -> str:
        """The trial's name in progress bars and messages."""
        return f"{self.algorithm} z={self.z} n={self.n_train} seed={self.seed}"


@dataclass(frozen=True)
class TrialSpec:
    """One training of one algorithm: everything that determines its result, and nothing else.

    ``search`` says how the open hyperparameters of the algorithm are chosen; it is None if there are none.  If
    ``held_out`` is not 0, that many of the ``n_train`` training points are used as test data instead.  With
    ``resample_train`` each seed draws its own training points from those of the data set; otherwise the first
    ``n_train`` points are used.
    """

    algorithm: Choice
    model: Choice
    decoder: Choice  # the observation model p(x|z)
    dataset: Choice
    z: int
    n_train: int
    seed: int
    search: Search | None = None
    held_out: int = 0
    resample_train: bool = False

    @property  # not cached: a plan of thousands of trials would keep ten dictionaries of each
    def identity(self) -> dict[str, object]:
        """The data whose hash is the trial's id."""
        search = {"search": self.search.identity} if self.search is not None else {}
        return {**self.task, "algorithm": self.algorithm.identity, **search}

    @property
    def task(self) -> dict[str, object]:
        """The identity without the algorithm, which is common to all trials of a paired comparison."""
        return {
            "model": self.model.identity,
            "decoder": self.decoder.identity if self.decoder.settings else self.decoder.plugin.name,
            "dataset": self.dataset.identity,
            "z": self.z,
            "n_train": self.n_train,
            "seed": self.seed,
            **({"held_out": self.held_out} if self.held_out else {}),
            **({"resample_train": True} if self.resample_train else {}),
        }

    @cached_property
    def cell(self) -> str:
        """The common id of all trials that differ only in their seed."""
        return dataclasses.replace(self, seed=0).id

    def load_data(self) -> Data:
        """Return the data that the trial is trained and evaluated on; raises DataError if they cannot be loaded."""
        return self.selected(load_data(self.dataset))

    def selected(self, data: Data) -> Data:
        """Return the part of the data set that the trial uses: usually all, since ``n_train`` counts from the first."""
        if self.resample_train:
            data = data.drawn(
                self.n_train, seeds.generator("training points", self.dataset.default_identity, self.seed)
            )
        if self.held_out:
            data = data.validation(
                self.n_train, self.held_out, seeds.generator("validation", self.dataset.identity, self.seed)
            )
        return data

    @cached_property
    def id(self) -> str:
        """The trial's id: 16 hexadecimal digits."""
        return seeds.digest(self.identity)[:16]

    @property
    def files(self) -> list[str]:
        """The users' files that define its plugins; running the trial executes them."""
        choices = (self.algorithm, self.model, self.decoder, self.dataset)
        return [choice.plugin.file for choice in choices if choice.plugin.file]

    def labels(self) -> Labels:
        """Return the columns with which every row of a table begins."""
        return Labels(self.id, self.algorithm.name, self.dataset.name, self.z, self.n_train, self.seed)

    def __str__(self) -> str:
        """The trial's name in progress bars and messages."""
        return str(self.labels())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``spec.json``."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrialSpec:
        """The inverse of `to_dict`."""

        def choice(entry: Mapping[str, Any]) -> Choice:
            settings = tuple((key, value) for key, value in entry["settings"])
            located = tuple((key, value) for key, value in entry.get("located", ()))
            return Choice(PluginRef(**entry["plugin"]), settings, entry["name"], located)

        chosen = {name: choice(data[name]) for name in ("algorithm", "model", "decoder", "dataset")}
        search = Search.from_dict(data["search"]) if data.get("search") is not None else None
        return cls(**{**data, **chosen, "search": search})


def load_data(dataset: Choice) -> Data:
    """Load a data set; split and static binarisation are the same for every trial, regardless of its seed.

    They are also the same for all options of the data set, since the random stream is that of the default options.
    """
    data: Data = dataset.create().load(seeds.generator("data", dataset.default_identity))
    return data
