"""Characters that the encoding of a stream lacks: plain ones are written in their place."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata

NAME = "bench.plain"

_PLAIN = {
    "±": "+/-",
    "–": "-",
    "—": "-",
    "−": "-",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "→": "->",
    "…": "...",
    "·": ".",
    "•": "*",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "━": "-",  # rich's bars
    "╸": "-",
    "╺": "-",
    "─": "-",
}


def replace_what_streams_lack() -> None:
    """Make the standard streams write plain characters instead of failing on those that their encoding lacks."""
    codecs.register_error(NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=NAME)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """See `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(plain, error.object[error.start : error.end])), error.end


def plain(char: str) -> str:
    r"""A character in ASCII: a similar one, or its escape.

    >>> plain("±"), plain("é"), plain("数")
    ('+/-', 'e', '\\u6570')
    """
    similar = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return _PLAIN.get(char) or similar or char.encode("unicode_escape").decode()
