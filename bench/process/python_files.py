"""Runs a user's Python file as a module of its own, and says in which line it fails."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from bench.errors import PluginError
from bench.process.state import preserved


def edition(path: Path) -> str:
    """Return a hash of the file's current content, or an empty text if there is no file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except OSError:
        return ""


class _SourceLoader(SourceFileLoader):
    """Compiles the current source: cached bytecode, matched by size and whole seconds only, may be outdated."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load(path: Path, kind: str, edition: str) -> ModuleType:
    """Return the module of the current ``edition`` of a plugin's file; raises PluginError if it is missing or fails."""
    name = f"bench_{kind}_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{edition[:8]}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_SourceLoader(name, str(path)))
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"The {kind} file {path} does not exist or is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look their module up by name
    try:
        with preserved():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        line = getattr(error, "lineno", None) or _line_in(path, error)
        raise PluginError(f"The {kind} file {path} fails on import, line {line}: {error!r}.") from error
    return module


def _line_in(path: Path, error: BaseException) -> int | str:
    """Return the innermost line of ``path`` in the traceback of ``error``."""
    line: int | str = "?"
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
