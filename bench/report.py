"""The contract of a report: from the results of a run to one table or one figure, saved in the formats people paste."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from bench.plugins import Plugin
from bench.reporting.writers import csv_text, html_table, markdown_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class Report(Plugin, ABC):
    """One table or one figure: derive from `Table` or `Figure`."""

    formats: ClassVar[tuple[str, ...]] = ()
    place: ClassVar[str] = ""  # the folder below report/ that it is written to
    ends_run: ClassVar[bool] = False  # whether `bench run` makes it at its end; `bench report` makes all

    @abstractmethod
    def save(self, results: Results, folder: Path, name: str, formats: tuple[str, ...]) -> list[Path]:
        """Write ``folder/name.FORMAT`` for each format; returns the paths (none where there is nothing to show)."""


class Table(Report):
    """A report that is a table."""

    formats = ("csv", "md", "tex", "html")
    place = "tables"
    printed: ClassVar[bool] = True  # whether `bench report` prints it without being asked for it by name

    @abstractmethod
    def table(self, results: Results) -> pd.DataFrame:
        """The table, numbers unrounded; an empty frame where there is nothing to show."""

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table as people read it: rounded, with units in the headings.  CSV keeps the unrounded one."""
        return table

    def save(self, results: Results, folder: Path, name: str, formats: tuple[str, ...]) -> list[Path]:
        """See `Report.save`."""
        from bench.reporting.latex import latex_table

        table = self.table(results)
        if table.empty:
            return []
        shown = self.display(table)
        write: dict[str, Callable[[Path], object]] = {
            "csv": lambda path: path.write_text(csv_text(table), encoding="utf-8"),
            "md": lambda path: path.write_text(markdown_table(shown), encoding="utf-8"),
            "tex": lambda path: path.write_text(latex_table(shown), encoding="utf-8"),
            "html": lambda path: path.write_text(html_table(shown, name), encoding="utf-8"),
        }
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.{format_}" for format_ in formats]
        for path in paths:
            write[path.suffix[1:]](path)
        return paths


class Figure(Report):
    """A report that is a figure."""

    formats = ("png", "svg", "pdf")
    place = "figures"

    @abstractmethod
    def figure(self, results: Results) -> MatplotlibFigure | None:
        """The figure, or None where there is nothing to show."""

    def drawn(self, results: Results) -> MatplotlibFigure | None:
        """`figure`, drawn once for the same results and options."""
        kept: dict[object, MatplotlibFigure | None] = results.__dict__.setdefault("drawn", {})
        key = (type(self).__module__, type(self).__qualname__, self.options)
        if key not in kept:
            kept[key] = figure = self.figure(results)
            if figure is not None:
                from bench.reporting.figures import fix_layout

                fix_layout(figure)
        return kept[key]

    def save(self, results: Results, folder: Path, name: str, formats: tuple[str, ...]) -> list[Path]:
        """See `Report.save`; 200 dots an inch."""
        figure = self.drawn(results)
        if figure is None:
            return []
        import matplotlib as mpl

        from bench.reporting.figures import extent

        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.{format_}" for format_ in formats]
        undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
        with mpl.rc_context({"svg.hashsalt": name}):  # the same results give the same bytes
            for path in paths:
                figure.savefig(path, dpi=200, bbox_inches=extent(figure), metadata=undated.get(path.suffix[1:]))
        return paths
