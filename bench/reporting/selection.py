"""Which reports are made, in which formats, and what their files are called."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from bench import options, plugins, seeds
from bench.errors import PluginError, StoreError
from bench.report import Report

MOST_CHARACTERS = 60  # of the name of a file


@dataclass(frozen=True)
class Selected:
    """A report to be made, the name of its files, and their formats."""

    name: str
    report: Report
    formats: tuple[str, ...]

    @property
    def key(self) -> Hashable:
        """A key that is equal for reports with the same content: the same report with the same options."""
        return type(self.report), self.report.options


def select(names: Sequence[str] = (), formats: Sequence[str] = ()) -> tuple[list[Selected], dict[str, PluginError]]:
    """The named reports (by default all installed ones), and why others cannot be loaded.

    ``formats`` are file extensions, by default all that a report supports.  Raises UnknownName for an unknown report,
    PluginError if a named report cannot be loaded, StoreError if no report supports a format.
    """
    reports, unloaded = _load(names)
    known = {each for report in reports.values() for each in report.formats}
    unknown = sorted(set(formats) - known)
    if unknown:
        raise StoreError(f"No report is made as {', '.join(unknown)}: choose among {', '.join(sorted(known))}.")
    selected = [
        Selected(name, report, tuple(each for each in report.formats if not formats or each in formats))
        for name, report in reports.items()
    ]
    return selected, unloaded


def _load(names: Sequence[str]) -> tuple[dict[str, Report], dict[str, PluginError]]:
    """Selected reports by file name, which includes options that differ from the defaults: ``cost-clock-samples``."""
    reports: dict[str, Report] = {}
    unloaded: dict[str, PluginError] = {}
    calls = [plugins.resolve("report", text) for text in names] or [
        (each, {}) for each in plugins.find("report").values()
    ]
    for reference, settings in calls:
        try:
            report: Report = reference.load()(**settings)
        except PluginError as error:
            if names:
                raise
            unloaded[reference.name] = error
        else:
            reports[_file_name(options.call_name(reference.name, report.options))] = report
    return reports, unloaded


def _file_name(call: str) -> str:
    """The name of a report with its options as that of its files, without separators of folders."""
    name = re.sub(r"[^\w.]+", "-", call).strip("-").lstrip(".")
    return name if len(name) <= MOST_CHARACTERS else f"{name[:MOST_CHARACTERS]}-{seeds.digest(call)[:6]}"
