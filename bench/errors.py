"""Every exception of the project.

::

    BenchError
    ├── UsageError (also a ValueError)   the request was wrong: exit code 2, nothing is lost
    │   ├── OptionError                  an option unknown, ill-typed or out of range
    │   ├── UnknownName                  no plugin of that name
    │   ├── PluginError                  a plugin's file is missing, broken or holds no plugin
    │   ├── DataError                    data missing, truncated, not finite or of the wrong shape
    │   └── StoreError                   a run folder that cannot be read or written as asked
    └── Diverged                         a trial's bound is NaN, infinite or has blown up
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """What the project raises on purpose."""


class UsageError(BenchError, ValueError):
    """The request was wrong; the message says what is allowed and what to do."""


class OptionError(UsageError):
    """An option is unknown, ill-typed or out of range."""


class UnknownName(UsageError):
    """No plugin of that name; the message lists near names."""


class PluginError(UsageError):
    """A plugin's file is missing, fails on import or holds no plugin."""


class DataError(UsageError):
    """Data are missing, truncated, not finite or of the wrong shape."""


class StoreError(UsageError):
    """A run folder cannot be read or written as asked."""


class Diverged(BenchError):
    """A trial's bound is NaN, infinite or has blown up."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the near ones, then all that are known."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
    return f"{guess} Known: {', '.join(known) or 'none'}."
