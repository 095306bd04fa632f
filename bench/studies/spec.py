"""The identity of a trial: plugins with their options, and what is asked of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench import options, plugins, seeds
from bench.plugins import PluginRef

if TYPE_CHECKING:
    from bench.dataset import Data


@dataclass(frozen=True)
class Choice:
    """A plugin with all its options: plain data that travels to a worker.

    ``name`` is the plugin's name with the options that differ from their defaults.
    """

    plugin: PluginRef
    settings: tuple[tuple[str, Any], ...]
    name: str

    @classmethod
    def parse(cls, kind: str, text: str, **given: object) -> Choice:
        """From ``name[key=value,...]``; ``given`` are further settings, which the brackets may override."""
        plugin, settings = plugins.resolve(kind, text)
        built = options.build(plugin.load().Options, {**given, **settings}, plugin.name)
        return cls(plugin, tuple(options.as_dict(built).items()), options.call_name(plugin.name, built))

    @property
    def identity(self) -> dict[str, Any]:
        """What defines the plugin's mathematics, apart from its code: no paths."""
        return {"name": self.plugin.name, "options": dict(self.settings)}

    def create(self, *arguments: object, **keywords: object) -> Any:
        """An instance of the plugin."""
        return self.plugin.load()(*arguments, **keywords, **dict(self.settings))


@dataclass(frozen=True)
class TrialSpec:
    """One training of one algorithm: all that defines its mathematics, and nothing else."""

    algorithm: Choice
    model: Choice
    decoder: str
    dataset: Choice
    z: int
    n_train: int
    seed: int

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What the trial's id is a hash of."""
        return {**self.task, "algorithm": self.algorithm.identity}

    @cached_property
    def task(self) -> dict[str, Any]:
        """The identity less the algorithm: what trials that are compared in pairs have in common."""
        return {
            "model": self.model.identity,
            "decoder": self.decoder,
            "dataset": self.dataset.identity,
            "z": self.z,
            "n_train": self.n_train,
            "seed": self.seed,
        }

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits."""
        return seeds.digest(self.identity)[:16]

    def labels(self) -> dict[str, Any]:
        """The columns that every frame begins with."""
        return {
            "trial": self.id,
            "algorithm": self.algorithm.name,
            "dataset": self.dataset.name,
            "z": self.z,
            "n_train": self.n_train,
            "seed": self.seed,
        }

    def __str__(self) -> str:
        """As it is named in progress and messages."""
        return f"{self.algorithm.name} z={self.z} n={self.n_train} seed={self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data for `spec.json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrialSpec:
        """The inverse of `to_dict`."""

        def choice(entry: Mapping[str, Any]) -> Choice:
            settings = tuple((key, value) for key, value in entry["settings"])
            return Choice(PluginRef(**entry["plugin"]), settings, entry["name"])

        chosen = {name: choice(data[name]) for name in ("algorithm", "model", "dataset")}
        return cls(**{**data, **chosen})


def load_data(dataset: Choice, seed: int) -> Data:
    """The data of a seed: split and static binarisation are the same for every algorithm."""
    data: Data = dataset.create().load(seeds.generator("data", dataset.identity, seed))
    return data
