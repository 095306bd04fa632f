"""The files of what a report has rendered: their content, and writing them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.errors import StoreError
from bench.report import Rendered, RenderedFigure, RenderedPage, RenderedTable
from bench.reporting.writers.latex import latex_table
from bench.reporting.writers.texts import csv_text, html_table, markdown_table
from bench.values.texts import quoted

ESCAPED = "backslashreplace"  # half characters, as in the name of a folder that is no UTF-8: no text can hold them

_TABLES: dict[str, Callable[[RenderedTable, str], str]] = {
    "csv": lambda table, _: csv_text(table.numbers),
    "md": lambda table, _: markdown_table(table.shown),
    "tex": lambda table, _: latex_table(table.shown),
    "html": lambda table, name: html_table(table.shown, name),
}


def contents(rendered: Rendered, name: str, formats: Sequence[str]) -> dict[str, bytes]:
    """The content of a file in each of the ``formats``, by format; ``name`` is the report's.

    The same results give the same bytes.
    """
    if isinstance(rendered, RenderedFigure):
        from bench.reporting.writers.images import image_files  # matplotlib takes half a second to import

        return image_files(rendered.figure, name, formats)
    if isinstance(rendered, RenderedPage):
        return {format_: rendered.html.encode(errors=ESCAPED) for format_ in formats}
    return {format_: _TABLES[format_](rendered, name).encode(errors=ESCAPED) for format_ in formats}


def write(folder: Path, place: str, name: str, files: Mapping[str, bytes]) -> list[Path]:
    """Write ``folder/place/name.FORMAT`` for each format, each to a temporary file that is then renamed.

    Raises StoreError if this would be outside of ``folder``.
    """
    parts = (*Path(place).parts, name, *files)
    if any(part == ".." or Path(part).name != part for part in parts):
        raise StoreError(f"A report must be written inside of its folder (got {quoted(place)} and {quoted(name)}).")
    folder = folder / place
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for format_, content in files.items():
        path = folder / f"{name}.{format_}"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(content)
        paths.append(temporary.replace(path))
    return paths
