"""The source code that makes numbers: its hashes, and what has been edited since."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from bench.errors import PluginError
from bench.store.records import EstimateRecord, Provenance
from bench.studies.spec import TrialSpec

ROOT = "bench.execution.trial"  # runs a trial: what this module imports is the code that makes the numbers
HARNESS = "harness"  # as a component that makes numbers: this code, without the plugins
BENCH = Path(__file__).parents[1]  # the folder of the package

_IMPORT = re.compile(r"^ *(?:from (bench[\w.]*) import (?:\(([^)]*)\)|(.*))|import (bench[\w.]*))", re.MULTILINE)
_FOR_TYPES_ALONE = re.compile(r"^if TYPE_CHECKING:\n(?: +.*\n|\n)+", re.MULTILINE)


@cache
def harness_hash(package: Path = BENCH) -> str:
    """Return the SHA-256 of the source of `ROOT` and of every `bench` module that it imports, directly or indirectly.

    Plugins are loaded by name, not imported, and have separate hashes.  Code that only reads results is not imported by
    trials, so editing it makes no trial stale.
    """
    content = hashlib.sha256()
    for name, path in sorted(_imported_sources(ROOT, package).items()):
        content.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()


def _imported_sources(name: str, package: Path = BENCH) -> dict[str, Path]:
    """Return the source files of a `bench` module and of all `bench` modules that it imports transitively, by name."""
    sources: dict[str, Path] = {}
    waiting = [name]
    while waiting:
        module = waiting.pop()
        path = _source(module, package)
        if module in sources or path is None:
            continue
        sources[module] = path
        waiting.append(module.rpartition(".")[0])  # importing a module runs its package's `__init__` too
        text = _FOR_TYPES_ALONE.sub("", path.read_text(encoding="utf-8"))
        for parent, block, line, plain in _IMPORT.findall(text):
            names = [each.split()[0] for each in (block or line).partition("#")[0].split(",") if each.split()]
            waiting += [plain or parent, *(f"{parent}.{name}" for name in names)]
    return sources


def _source(module: str, package: Path) -> Path | None:
    """Return the file of a module of the package `bench`; None for a name that is not a module, such as a class."""
    stem = package.joinpath(*module.split(".")[1:])
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def code_hashes(spec: TrialSpec) -> dict[str, str]:
    """Return hashes of the code that a trial would use now: of each of its plugins, by kind, and of the harness."""
    choices = {name: getattr(spec, name) for name in ("algorithm", "dataset", "model", "decoder")}
    return {**{name: choice.plugin.code_hash() for name, choice in choices.items()}, HARNESS: harness_hash()}


def code_changes(spec: TrialSpec, made_by: Provenance | None, estimates: Sequence[EstimateRecord] = ()) -> list[str]:
    """Describe the edits since a trial ran: to its plugins, the harness, and the estimators of its ``estimates``.

    Empty for a trial that has not begun.  Results made by other code are stale.
    """
    if made_by is None:
        return []
    edited = [f"estimator {record.estimator}" for record in estimates if is_edited(record)]
    try:
        return [name for name, code in code_hashes(spec).items() if made_by.code.get(name) != code] + edited
    except PluginError:
        return ["a plugin's file is gone"]


def is_edited(record: EstimateRecord) -> bool:
    """Whether the estimator's file has been edited since then, or no longer exists."""
    if record.source is None:
        return False
    try:
        return record.source.plugin.code_hash() != record.source.code
    except PluginError:
        return True
