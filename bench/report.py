"""The contract of a report: from the results of a run to one table, one figure or one page.

A report renders its content once; `bench.reporting` writes the rendered content in the requested formats, prints tables
on a terminal and puts everything on a page.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bench.plugins import Plugin

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


@dataclass(frozen=True)
class RenderedTable:
    """A table with unrounded numbers, and its display form: texts, with units in the headings."""

    numbers: pd.DataFrame
    shown: pd.DataFrame


@dataclass(frozen=True)
class RenderedFigure:
    """A figure with all its content drawn; its layout is not fixed yet."""

    figure: MatplotlibFigure


@dataclass(frozen=True)
class RenderedPage:
    """A self-contained HTML page."""

    html: str


Rendered = RenderedTable | RenderedFigure | RenderedPage


class Report(Plugin, ABC):
    """One table, one figure or one page: derive from `Table` or `Figure`."""

    formats: ClassVar[tuple[str, ...]] = ()
    place: ClassVar[str] = ""  # the folder below report/ that it is written to
    ends_run: ClassVar[bool] = False  # whether `bench run` makes it at the end; `bench report` makes all

    @abstractmethod
    def render(self, results: Results) -> Rendered | None:
        """Make what the report shows of ``results``; None if there is nothing to show."""


class Table(Report):
    """A report that is a table.

    A file with one class like this is a report; ``bench report RUN --only ./seeds.py`` makes it:

    >>> class Seeds(Table):
    ...     '''How many seeds each algorithm has.'''
    ...
    ...     def table(self, results):
    ...         return results.trials.groupby("algorithm", as_index=False)["seed"].count()
    >>> import pandas as pd
    >>> from types import SimpleNamespace
    >>> results = SimpleNamespace(trials=pd.DataFrame({"algorithm": ["aevb", "aevb"], "seed": [0, 1]}))
    >>> Seeds().render(results).numbers.to_dict("records")
    [{'algorithm': 'aevb', 'seed': 2}]
    """

    formats = ("csv", "md", "tex", "html")
    place = "tables"
    printed: ClassVar[bool] = True  # whether `bench report` prints it even if it was not named with --only
    essential: ClassVar[tuple[str, ...]] = ()  # headings of columns that a narrow terminal must not leave out
    captioned: ClassVar[tuple[str, ...]] = ()  # those of them that may move to the caption: texts about the numbers

    @abstractmethod
    def table(self, results: Results) -> pd.DataFrame:
        """The table with unrounded numbers; an empty frame if there is nothing to show."""

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table for display: rounded, with units in the headings.  CSV files keep the unrounded numbers."""
        return table

    def render(self, results: Results) -> RenderedTable | None:
        """See `Report.render`."""
        table = self.table(results)
        return None if table.empty else RenderedTable(table, self.display(table))


class Figure(Report):
    """A report that is a figure.

    A file with one class like this is a report; ``bench report RUN --only ./bounds.py`` makes it:

    >>> from matplotlib.figure import Figure as MatplotlibFigure
    >>> class Bounds(Figure):
    ...     '''Training and test bound of each trial.'''
    ...
    ...     def figure(self, results):
    ...         figure = MatplotlibFigure()
    ...         figure.subplots().scatter(results.trials["elbo_train"], results.trials["elbo_test"])
    ...         return figure
    >>> import pandas as pd
    >>> from types import SimpleNamespace
    >>> results = SimpleNamespace(trials=pd.DataFrame({"elbo_train": [-39.0], "elbo_test": [-40.5]}))
    >>> Bounds().render(results)
    RenderedFigure(figure=<Figure size 640x480 with 1 Axes>)
    """

    formats = ("png", "svg", "pdf")
    place = "figures"
    shows_models: ClassVar[bool] = False  # whether it reads `Results.models`, which takes a second to load once

    @abstractmethod
    def figure(self, results: Results) -> MatplotlibFigure | None:
        """The figure, or None if there is nothing to show.

        It must be a `matplotlib.figure.Figure` that was not created by pyplot, which would keep it open.
        """

    def render(self, results: Results) -> RenderedFigure | None:
        """See `Report.render`."""
        figure = self.figure(results)
        return None if figure is None else RenderedFigure(figure)


@dataclass(frozen=True)
class PageEntry:
    """Another report on a page: its table, or its figure as a PNG file."""

    name: str
    report: Report
    content: RenderedTable | bytes


@dataclass(frozen=True)
class PageContents:
    """The content of a page besides the results."""

    entries: tuple[PageEntry, ...] = ()
    failures: tuple[str, ...] = ()  # which reports could not be made, and why
    folder: Path | None = None  # the report folder


class Page(Report):
    """A report that shows the rendered content of all others; it is made last."""

    formats = ("html",)

    @abstractmethod
    def page(self, results: Results, contents: PageContents) -> str:
        """The page as HTML; empty if there is nothing to show."""

    def render(self, results: Results, contents: PageContents | None = None) -> RenderedPage | None:
        """See `Report.render`; without ``contents`` the page holds no other report."""
        html = self.page(results, contents or PageContents())
        return RenderedPage(html) if html else None
