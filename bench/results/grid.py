"""The grid of a run, cell by cell: what reports go through."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, TypeVar, cast

import pandas as pd

from bench.store.records import Status

FrameOrSeries = TypeVar("FrameOrSeries", pd.DataFrame, pd.Series)


class Cell(NamedTuple):
    """One algorithm at one place of the grid; its trials differ in nothing but the seed."""

    dataset: str
    n_train: int
    z: int
    algorithm: str

    @property
    def place(self) -> Place:
        """The place at which the algorithm is compared with others."""
        return Place(self.dataset, self.n_train, self.z)


class Place(NamedTuple):
    """A setting in which algorithms are compared: one data set, number of training points and latent size."""

    dataset: str
    n_train: int
    z: int

    @property
    def words(self) -> str:
        """The text of a heading."""
        return f"{self.dataset}, {self.n_train} training points, z = {self.z}"


def cells(trials: pd.DataFrame) -> Iterator[tuple[Cell, pd.DataFrame]]:
    """Each cell with its trials, regardless of status: n_train and z ascending, names as they first appear."""
    places = [{name: i for i, name in enumerate(trials[column].unique())} for column in ("dataset", "algorithm")]
    groups = {cast(Cell, cell): seeds for cell, seeds in trials.groupby(list(Cell._fields), sort=False)}
    for dataset, n_train, z, algorithm in sorted(
        groups, key=lambda cell: (places[0][cell[0]], cell[1], cell[2], places[1][cell[3]])
    ):
        seeds = groups[cast(Cell, (dataset, n_train, z, algorithm))]
        yield Cell(str(dataset), int(n_train), int(z), str(algorithm)), seeds


def done(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that ended well: the frame itself if all did."""
    ended_well = trials["status"] == Status.DONE
    return trials if ended_well.all() else trials[ended_well]


def of_references(trials: pd.DataFrame) -> pd.Series:
    """Whether each trial belongs to a reference run, whose seconds are unknown on this machine."""
    return trials["reference"].notna() & (trials["reference"] != "")


def finite(values: FrameOrSeries) -> FrameOrSeries:
    """The values with infinite ones set to missing, since one infinite value would make a mean over seeds useless."""
    return values.replace([math.inf, -math.inf], math.nan)
