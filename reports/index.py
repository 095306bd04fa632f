"""The page: all tables and figures of a run in one file, the answer first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench import plugins
from bench.files import write_text
from bench.report import Figure, Report, Table

if TYPE_CHECKING:
    from bench.results import Results


class Index(Report):
    """One page with everything: which is better, how surely and why; curves, tables and figures.

    It opens in any browser without a network.
    """

    formats = ("html",)

    def save(self, results: Results, folder: Path, name: str, formats: tuple[str, ...]) -> list[Path]:
        """See `Report.save`."""
        if results.trials.empty or not formats:
            return []
        from bench.page.build import FigureOnPage, TableOnPage, build

        tables, figures = [], []
        made = {found: plugin.load()() for found, plugin in plugins.find("report").items()}
        for found in sorted(made, key=lambda found: not made[found].ends_run):  # those that answer most come first
            report, about = made[found], plugins.find("report")[found].summary()
            title = found.replace("_", " ").capitalize()
            if isinstance(report, Table) and not (table := report.table(results)).empty:
                tables.append(TableOnPage(found, title, about, report.display(table), table))
            elif isinstance(report, Figure) and (figure := report.drawn(results)) is not None:
                figures.append(FigureOnPage(found, title, about, figure))
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{name}.html", build(results, tables, figures))
        return [folder / f"{name}.html"]
