"""Tables as text in the formats that people paste."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def csv_text(table: pd.DataFrame) -> str:
    """As CSV in which no text is taken for a formula by a spreadsheet: such a one begins with an apostrophe."""

    def plain(value: object) -> object:
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value

    return str(table.rename(columns=plain).map(plain).to_csv(index=False, lineterminator="\n"))


def html_table(table: pd.DataFrame, title: str) -> str:
    """As a document: a browser that opens it takes ± and – for what they are."""
    head = f'<!doctype html>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
    return head + str(table.to_html(index=False, escape=True)) + "\n"


def markdown_table(table: pd.DataFrame) -> str:
    """A table of texts that Markdown shows as they are."""

    def escaped(value: object) -> object:
        return markdown_text(value) if isinstance(value, str) else value

    shown = table.rename(columns=escaped).map(escaped)
    return str(shown.to_markdown(index=False, disable_numparse=True))


def markdown_text(text: str) -> str:
    """As it is shown: no cell of a table ends early, and nothing becomes HTML, emphasis or a link."""
    return re.sub(r"([\\`*_\[\]<>&#$~|])", r"\\\1", text)
