"""The plugin that is checked."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import plugins
from bench.errors import OptionError, UnknownName, did_you_mean
from bench.plugins import Plugin, PluginRef
from bench.values.calls import parse_call
from bench.values.texts import quoted


@dataclass(frozen=True, eq=False)
class Subject:
    """A plugin's class, with the options used for checking; ``cache`` stores results that several checks use."""

    kind: str
    cls: type[Any]
    settings: Mapping[str, object] = field(default_factory=dict)
    cache: dict[str, object] = field(default_factory=dict)

    @cached_property
    def file(self) -> str:
        """The file that defines its class; empty if there is none, as in a notebook."""
        return str(getattr(sys.modules.get(self.cls.__module__), "__file__", "") or "")

    @cached_property
    def source(self) -> list[str]:
        """The lines of that file."""
        try:
            return Path(self.file).read_text(encoding="utf-8").splitlines() if self.file else []
        except (OSError, UnicodeDecodeError):
            return []

    @cached_property
    def lines(self) -> range:
        """The numbers of the lines that its class takes."""
        try:
            source, first = inspect.getsourcelines(self.cls)
        except (OSError, TypeError):
            return range(0)
        return range(first, first + len(source))

    def at(self, line: int) -> str:
        """A line of its file, for messages."""
        text = self.source[line - 1].strip() if 0 < line <= len(self.source) else ""
        return f"{Path(self.file).name}, line {line}: {text}"

    def make(self, *arguments: object, **more: object) -> Any:
        """An instance at its settings."""
        return self.cls(*arguments, **{**self.settings, **more})


def subjects(plugin: object, name: str | None = None) -> list[Subject]:
    """Return the plugins that ``plugin`` refers to: a class, all plugins in a file, or an installed plugin by name.

    ``name`` picks one of several, by its class or its kind.  Options may follow in brackets.
    Raises UnknownName or PluginError if there is none, OptionError if ``plugin`` is something else.
    """
    if isinstance(plugin, type) and issubclass(plugin, Plugin):
        defined = [Subject(_kind(plugin), plugin)]
    elif isinstance(plugin, str):
        defined = _of_file(plugin) if plugins.is_file(plugin) else _installed(plugin)
    else:
        raise OptionError(f"`plugin` must be a file, a name or a class of a plugin (got {quoted(plugin)}).")
    if name is None:
        return defined
    chosen = [each for each in defined if name in (each.cls.__name__, each.kind)]
    if not chosen:
        known = {each.cls.__name__ for each in defined} | {each.kind for each in defined}
        raise UnknownName(f"{plugin} defines no plugin {quoted(name)}.{did_you_mean(name, known)}")
    return chosen


def _kind(cls: type[Plugin]) -> str:
    for kind in plugins.KINDS.values():
        if issubclass(cls, kind.contract_class()):
            return kind.name
    raise OptionError(f"`plugin` must be derived from a contract of bench, such as bench.Algorithm (got {cls!r}).")


def _of_file(text: str) -> list[Subject]:
    _, settings = parse_call(text)
    return [Subject(kind, cls, settings) for kind, cls in plugins.defined_in(text)]


def _installed(text: str) -> list[Subject]:
    plain, settings = parse_call(text)
    matches: list[PluginRef] = [known[plain] for known in map(plugins.find, plugins.KINDS) if plain in known]
    if not matches:
        every = {each for kind in plugins.KINDS for each in plugins.find(kind)}
        raise UnknownName(
            f"Unknown plugin {quoted(plain)}.{did_you_mean(plain, every)} A file of your own is named by its path: "
            f"./{plain}.py."
        )
    return [Subject(match.kind, match.load(), settings) for match in matches]
