"""Tables as text in the formats that people paste; LaTeX has a file of its own."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def csv_text(table: pd.DataFrame) -> str:
    """Format as CSV; text that a spreadsheet would interpret as a formula is prefixed with an apostrophe."""

    def plain(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value

    return str(table.rename(columns=plain).map(plain).to_csv(index=False, lineterminator="\n"))


def html_table(table: pd.DataFrame, title: str) -> str:
    """Format as a complete HTML document that names its encoding, so that a browser shows ± and – correctly."""
    head = f'<!doctype html>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
    return head + str(table.to_html(index=False, escape=True)) + "\n"


def markdown_table(table: pd.DataFrame) -> str:
    """Format as Markdown in which every character of a text is shown as it is."""

    def escaped(value: object) -> object:
        return markdown_text(value) if isinstance(value, str) else value

    shown = table.rename(columns=escaped).map(escaped)
    return str(shown.to_markdown(index=False, disable_numparse=True))


def markdown_text(text: str) -> str:
    """Escape text so that no table cell ends early and nothing becomes HTML, emphasis or a link."""
    return re.sub(r"([\\`*_\[\]<>&#$~|])", r"\\\1", text)
