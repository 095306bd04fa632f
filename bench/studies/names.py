"""Names that become folders."""

from __future__ import annotations

import re

from bench.errors import OptionError
from bench.values.texts import quoted

MOST_CHARACTERS = 60
TAKEN = ("report", "trials", "parts.toml", "study.toml")  # what bench itself keeps in a run folder


def check_folder_name(name: str, what: str) -> None:
    """Refuse a name that cannot be used, on every system, for a subfolder of the intended folder.

    Raises OptionError; ``what`` describes the object that is named.

    >>> check_folder_name("mnist-z2", "a part")
    >>> check_folder_name("../outside", "A part")
    Traceback (most recent call last):
    bench.errors.OptionError: A part must be named with at most 60 letters, digits, spaces and _ - . (got '../outside').
    """
    fits = re.fullmatch(r"\w(?:[\w .-]*[\w-])?", name) and len(name) <= MOST_CHARACTERS
    if not fits:
        raise OptionError(
            f"{what} must be named with at most {MOST_CHARACTERS} letters, digits, spaces and _ - . "
            f"(got {quoted(name)})."
        )
    if name.casefold() in TAKEN:
        raise OptionError(f"{what} must not be named {', '.join(TAKEN)} (got {quoted(name)}): bench uses these names.")
