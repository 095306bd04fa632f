"""Texts that anybody may have written, made fit for messages and files: printable, and of bounded length."""

from __future__ import annotations

import unicodedata

MOST_CHARACTERS = 5000  # of a text that is kept; its middle is left out
ROOM_TO_SAY = 40  # how many these are, so that a text that has been cut once is short enough
MOST_QUOTED = 200  # characters of a value that a message shows


def printable(text: str, most: int = MOST_CHARACTERS) -> str:
    r"""A text that any file and terminal can hold: nothing but printable characters, tabs and line breaks.

    Control characters (terminal escapes, NUL), lone surrogates and marks that turn the direction of writing become
    escapes such as ``\x1b``.  If the text is longer than ``most`` characters, its middle is left out.

    >>> print(printable("\x1b[31mred\ud800"))
    \x1b[31mred\ud800
    >>> printable("a" * 500 + "b" * 500, 60)
    'aaaaaaaaaa ... 980 characters left out ... bbbbbbbbbb'
    """
    if not text.isprintable():
        text = "".join(map(_printable_character, text))
    if len(text) > most:
        kept = (most - ROOM_TO_SAY) // 2
        text = f"{text[:kept]} ... {len(text) - 2 * kept} characters left out ... {text[-kept:]}"
    return text


def is_plain(text: str) -> bool:
    """Whether a text has no line breaks, control characters and lone surrogates, so that every file can hold it.

    >>> is_plain("naïve 数"), is_plain("a" + chr(0))
    (True, False)
    """
    return all(unicodedata.category(char) not in ("Cc", "Cs") for char in text)


def quoted(value: object) -> str:
    """A value as a message shows it: texts in quotation marks, printable, and the middle of a long one left out.

    >>> quoted("fast"), quoted(0.5), len(quoted(10**400)) < 250
    ("'fast'", '0.5', True)
    """
    if isinstance(value, str):
        return f"'{printable(value, MOST_QUOTED)}'"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # a user's object, or an integer with more digits than Python shows
        text = f"an object of type {type(value).__name__}"
    return printable(text, MOST_QUOTED)


def _printable_character(char: str) -> str:
    if char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs":
        return char
    return char.encode("unicode_escape").decode()
