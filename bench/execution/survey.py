"""Facts about plugins and data that planning needs; a worker gathers them if that runs foreign code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.data import downloads
from bench.dataset import Data
from bench.errors import PluginError
from bench.execution import foreign
from bench.execution.backend import Backend, Workers
from bench.execution.foreign import Code
from bench.studies.spec import Choice, TrialSpec, load_data
from bench.studies.study import Study
from bench.values.texts import quoted

SAMPLE = 2  # points for which models are built to determine which estimators can be used


@dataclass(frozen=True)
class Survey:
    """A study's plugins and data, as plain facts: the trials of its first seed, a few points, and more."""

    grid: list[TrialSpec]
    sample: Data
    estimators: list[Choice]
    version: str  # of the data
    understood: str
    downloads: tuple[Path, ...] = ()  # that loading the data has read

    def specs(self, seeds: Sequence[int]) -> list[TrialSpec]:
        """Return the trials of all these seeds, in the order of `Study.expand`."""
        return [replace(spec, seed=seed) for seed in seeds for spec in self.grid]


def survey(study: Study, backend: Backend, workers: Workers) -> Survey:
    """Import the study's plugins and load its data set; raises UsageError if that is not possible."""
    texts = [*(("algorithm", text) for text in study.algos), ("model", study.model), ("dataset", study.dataset)]
    texts += [("decoder", study.decoder)] if study.decoder != "auto" else []
    texts += [("estimator", text) for text in study.likelihood]
    code = [Code.parse(kind, text) for kind, text in texts]
    return foreign.call(_survey, study, code, backend, workers, doing=f"load the data set {quoted(study.dataset)}")


def _survey(study: Study) -> Survey:
    estimators = study.estimators
    data = study.load_data()
    _check(data, study.dataset)
    grid = replace(study, seeds=study.seeds[:1]).expand(data)
    return Survey(grid, data.sample(SAMPLE), estimators, data.fingerprint(), str(data.understood), downloads.read())


def estimators(names: Sequence[str], backend: Backend, workers: Workers) -> list[Choice]:
    """Return the estimators of these names with their options; raises UsageError for names of none."""
    code = [Code.parse("estimator", name) for name in names]
    return foreign.call(_estimators, names, code, backend, workers, doing="read the options of estimators")


def _estimators(names: Sequence[str]) -> list[Choice]:
    return [Choice.parse("estimator", name) for name in names]


@dataclass(frozen=True)
class DataFacts:
    """The facts about the data that estimation needs: the number of test points, a few points, and the version."""

    num_test: int
    sample: Data
    version: str
    downloads: tuple[Path, ...] = ()  # that loading them has read


def data_facts(dataset: Choice, backend: Backend, workers: Workers) -> DataFacts:
    """Return the facts about a data set; raises UsageError if it cannot be loaded."""
    doing = f"load the data set {quoted(dataset.name)}"
    return foreign.call(_data_facts, dataset, [Code.of(dataset)], backend, workers, doing=doing)


def _data_facts(dataset: Choice) -> DataFacts:
    data = load_data(dataset)
    _check(data, dataset.name)
    return DataFacts(len(data.x_test), data.sample(SAMPLE), data.fingerprint(), downloads.read())


def _check(data: object, name: str) -> None:
    if not isinstance(data, Data):
        raise PluginError(f"`load` of the data set {quoted(name)} must return a Data (got {quoted(data)}).")
