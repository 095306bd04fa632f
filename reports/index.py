"""The page: all tables and figures of a run in one file, the answer first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench import plugins
from bench.errors import PluginError
from bench.report import Figure, Report, Table
from bench.store.files import write_text

if TYPE_CHECKING:
    from bench.results.frames import Results


class Index(Report):
    """One page with everything: which is better, how surely and why; curves, tables and figures.

    It opens in any browser without a network.
    """

    formats = ("html",)

    def save(self, results: Results, folder: Path, name: str, formats: tuple[str, ...]) -> list[Path]:
        """See `Report.save`."""
        if results.trials.empty or not formats:
            return []
        from bench.reporting.learning_curves import LearningCurves
        from bench.reporting.page.build import FigureOnPage, TableOnPage, build

        tables: list[TableOnPage] = []
        figures: list[FigureOnPage] = []
        failures: list[str] = []
        reports = _reports(failures)
        for found, report in reports.items():
            title = found.replace("_", " ").capitalize()
            try:
                if isinstance(report, Table) and not (table := report.table(results)).empty:
                    tables.append(TableOnPage(found, title, report.summary(), report.display(table), table))
                elif isinstance(report, Figure) and (figure := report.drawn(results)) is not None:
                    figures.append(FigureOnPage(found, title, report.summary(), figure))
            except Exception as error:  # noqa: BLE001  # reports are plugins: one that fails leaves the others
                failures.append(f"{found} could not be made: {type(error).__name__}: {error}")
        folder.mkdir(parents=True, exist_ok=True)
        drawn = [(report.clock, found) for found, report in reports.items() if isinstance(report, LearningCurves)]
        curves = dict(reversed(drawn))  # the first of each clock
        write_text(folder / f"{name}.html", build(results, tables, figures, curves, failures, folder))
        return [folder / f"{name}.html"]


def _reports(failures: list[str]) -> dict[str, Report]:
    """All that are installed, by name; those that answer most come first."""
    made = {}
    for found, plugin in plugins.find("report").items():
        try:
            made[found] = plugin.load()()
        except PluginError as error:
            failures.append(f"{found} could not be loaded: {error}")
    return dict(sorted(made.items(), key=lambda pair: not pair[1].ends_run))
