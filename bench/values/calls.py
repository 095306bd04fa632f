"""Plugins and their options as text: ``name[key=value,...]``, and lists of these."""

from __future__ import annotations

from collections.abc import Mapping

from bench.errors import OptionError
from bench.values.texts import is_plain, quoted

QUOTES = ("'", '"')
HOW_TO_QUOTE = "write name[key=value,...], and quote a value that holds a comma or a bracket, as in path='a,b.npy'"


def split_list(text: str) -> list[str]:
    """Split a list at its commas, except for those inside brackets and those inside quotes around a value.

    Example:
        >>> split_list("a[x=1,y='p,q'],b")
        ["a[x=1,y='p,q']", 'b']
    """
    parts, depth, start = [], 0, 0
    quote, before = "", ""  # the quote that is open, and the last character that is not a space
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in QUOTES and before == "=":
            quote = char
        else:
            depth += (char == "[") - (char == "]")
            if char == "," and depth == 0:
                parts.append(text[start:i].strip())
                start = i + 1
        before = char if char.strip() else before
    parts.append(text[start:].strip())
    if depth != 0 or quote:
        raise OptionError(
            f"{'A quote is left open' if quote else 'Brackets do not match'} in {quoted(text)}: {HOW_TO_QUOTE}."
        )
    if not all(parts):
        raise OptionError(f"The list {quoted(text)} has an empty entry: separate entries by single commas.")
    return parts


def parse_call(text: str) -> tuple[str, dict[str, str]]:
    """Split ``name[key=value,...]`` into the name and its settings, both as text; quotes around a value are removed.

    Example:
        >>> parse_call("file[path='one, two.npy',rows=8]")
        ('file', {'path': 'one, two.npy', 'rows': '8'})
    """
    if not isinstance(text, str) or not is_plain(text):
        raise OptionError(f"Cannot read {quoted(text)}: write name or name[key=value,...], in one line of text.")
    name, bracket, rest = text.strip().partition("[")
    if not name or (bracket and not rest.endswith("]")):
        raise OptionError(f"Cannot read {quoted(text)}: write name or name[key=value,...].")
    settings: dict[str, str] = {}
    for part in split_list(rest[:-1]) if bracket and rest != "]" else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise OptionError(f"Cannot read {quoted(part)} in {quoted(text)}: {HOW_TO_QUOTE}.")
        if key.strip() in settings:
            raise OptionError(f"{quoted(key.strip())} is set twice in {quoted(text)}.")
        settings[key.strip()] = _unquoted(value.strip())
    return name.strip(), settings


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] in QUOTES and value[-1] == value[0] else value


def _quoted_if_needed(value: str) -> str:
    """A text as `parse_call` reads it back, in quotes only if it has to be."""
    try:
        plain = split_list(f"={value}") == [f"={value}"] and _unquoted(value) == value.strip() != ""
    except OptionError:
        plain = False
    quote = "'" if "'" not in value else '"'
    return value if plain else f"{quote}{value}{quote}"


def call(name: str, settings: Mapping[str, str]) -> str:
    """The inverse of `parse_call`.

    Example:
        >>> call("aevb", {"num_samples": "5"}), call("aevb", {})
        ('aevb[num_samples=5]', 'aevb')
    """
    written = [f"{key}={_quoted_if_needed(value)}" for key, value in settings.items()]
    return f"{name}[{','.join(written)}]" if written else name
