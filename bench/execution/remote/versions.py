"""Versions that must agree on all machines for the results to agree."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path

from bench import plugins


@dataclass(frozen=True)
class Versions:
    """Versions of the software that affects results; ``bench`` is a hash of its code, including shipped plugins."""

    python: str
    torch: str
    numpy: str
    bench: str

    def differences(self, other: Versions) -> list[str]:
        """Return the versions in which another machine differs from this one, in words.

        >>> one = Versions("3.11", "2.13.0", "2.4.6", "a")
        >>> one.differences(Versions("3.11", "2.12.0", "2.4.6", "a"))
        ['torch 2.12.0 in place of 2.13.0']
        """
        return [
            f"{field.name} {getattr(other, field.name)} in place of {getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]


@cache
def versions() -> Versions:
    """Return the versions in this process."""
    python = ".".join(platform.python_version_tuple()[:2])
    return Versions(python, version("torch"), version("numpy"), _code())


def _code() -> str:
    """Return a hash of all source files of the package and of the shipped plugins, as 12 hexadecimal digits."""
    roots = {Path(__file__).parents[2]}
    roots |= {kind.shipped_file(name).parent for kind in plugins.KINDS.values() for name in kind.shipped_names()[:1]}
    files = {(path.parent.name, path.name): path for root in roots for path in root.rglob("*.py")}
    digest = hashlib.sha256()
    for key in sorted(files):
        digest.update(repr(key).encode() + hashlib.sha256(files[key].read_bytes()).digest())
    return digest.hexdigest()[:12]
