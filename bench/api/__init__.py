"""The Python API behind `run`, `report`, `compare`, `power`, `estimate`, `export` and others; one file per subject."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.api.checks import check, plugin_checks
    from bench.api.comparisons import compare
    from bench.api.estimates import estimate
    from bench.api.exports import export
    from bench.api.loading import load
    from bench.api.planning import power
    from bench.api.profiles import profile
    from bench.api.reporting import report
    from bench.api.runs import run

__all__ = ["check", "compare", "estimate", "export", "load", "plugin_checks", "power", "profile", "report", "run"]

_HOMES = {
    "check": "checks",
    "compare": "comparisons",
    "estimate": "estimates",
    "export": "exports",
    "load": "loading",
    "plugin_checks": "checks",
    "power": "planning",
    "profile": "profiles",
    "report": "reporting",
    "run": "runs",
}


def __getattr__(name: str) -> object:
    """Import a function on first use (PEP 562), since none of them needs the imports of the others."""
    if name in _HOMES:
        return getattr(import_module(f"bench.api.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'bench.api' has no attribute {name!r}")
