"""The page of a run without its figures, which take longer to draw than all else."""

from __future__ import annotations

from pathlib import Path

from bench import plugins
from bench.report import PageContents, PageEntry, Table
from bench.reporting.rendering import make_reports
from bench.results.frames import Results


def page_of_tables(run: Results, folder: Path) -> str:
    """The page with all tables, whose files are written below ``folder``; a table that cannot be made is an error."""
    tables = [name for name, plugin in plugins.find("report").items() if issubclass(plugin.load(), Table)]
    made = make_reports(run, tables, ["csv"], folder)
    assert not [each.error for each in made if each.error]
    entries = [PageEntry(each.name, each.report, each.table) for each in made if each.report and each.table]
    contents = plugins.create("report", "index").render(run, PageContents(tuple(entries), folder=folder))
    return str(contents.html)
