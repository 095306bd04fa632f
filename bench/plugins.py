"""Finds and loads plugins: shipped with the project, provided by another package's entry points, or a user's file.

Each file defines one plugin and gives it its name, so that names are known without importing anything. A `PluginRef`
is plain data from which a worker process can load the class again.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, cast

from bench import options
from bench.errors import PluginError, UnknownName, did_you_mean
from bench.process import python_files
from bench.process.state import preserved
from bench.values.calls import parse_call
from bench.values.code import code_hash
from bench.values.paths import user_path
from bench.values.places import here
from bench.values.texts import quoted


class Plugin:
    """Base class of all kinds of plugins.

    ``Options`` is a frozen dataclass of the plugin's options. An instance is created from named settings, which are
    checked and stored as ``options``.
    """

    Options: ClassVar[type[Any]] = options.NoOptions
    options: Any
    entry_point: ClassVar[str] = ""  # the name in another package's entry points, set when the plugin is loaded
    expected_failed_checks: ClassVar[Mapping[str, str]] = {}  # by `bench check`: names and reasons

    def __init__(self, **settings: object) -> None:
        """Create the plugin from named settings; raises OptionError if one is unknown, ill-typed or out of range."""
        self.options = options.build(self.Options, settings, self.plugin_name())

    @classmethod
    def plugin_name(cls) -> str:
        """Return the plugin's name: that of its entry point or its file; without either, the class's in lower case."""
        if "entry_point" in vars(cls):  # a subclass has a name of its own
            return cls.entry_point
        file = getattr(sys.modules[cls.__module__], "__file__", None)
        return Path(file).stem if file else cls.__name__.lower()

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().split("\n")[0]

    @classmethod
    def code_hash(cls) -> str:
        """Return the hash of the code in the file that defines the plugin, which shows whether it has changed."""
        file = sys.modules[cls.__module__].__file__
        return code_hash(Path(cast(str, file)).read_bytes())


@dataclass(frozen=True)
class Kind:
    """A kind of plugin: its contract (``module:class``) and the package that holds the shipped ones.

    Every file in the package's folder is a plugin, named after the file. Other packages provide theirs as entry points
    in the group with the package's name. A path that is not a Python file denotes the plugin ``opener`` with this
    ``path``.
    """

    name: str
    contract: str
    package: str
    opener: str = ""

    def shipped_names(self) -> tuple[str, ...]:
        """Return the names of the shipped plugins."""
        folders = importlib.import_module(self.package).__path__
        return tuple(sorted(p.stem for folder in folders for p in Path(folder).glob("*.py") if p.stem[0] != "_"))

    def shipped_file(self, name: str) -> Path:
        """The file of a shipped plugin, whether or not there is one."""
        folders = importlib.import_module(self.package).__path__
        paths = [Path(folder, f"{name}.py") for folder in folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def contract_class(self) -> type[Plugin]:
        """Return the base class of all plugins of this kind."""
        module, _, name = self.contract.partition(":")
        return cast(type[Plugin], getattr(importlib.import_module(module), name))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("algorithm", "bench.algorithm:Algorithm", "bench.algorithms"),
        Kind("dataset", "bench.dataset:Dataset", "bench.datasets", opener="file"),
        Kind("model", "bench.architecture:Architecture", "bench.architectures"),
        Kind("decoder", "bench.models.observation:ObservationModel", "bench.models.observations"),
        Kind("estimator", "bench.estimator:Estimator", "bench.estimators"),
        Kind("report", "bench.report:Report", "bench.reports"),
        Kind("backend", "bench.execution.backend:Backend", "bench.execution.backends"),
    )
}


@dataclass(frozen=True)
class PluginRef:
    """A reference to a plugin, sufficient to load its class in any process.

    ``source`` is ``"shipped"``, ``"entry point"`` or the absolute path of a user's file.
    """

    kind: str
    name: str
    source: str = "shipped"

    def load(self) -> type[Any]:
        """Load the plugin's class; a user's file is loaded again if it has changed (in a notebook, for instance).

        Raises PluginError if the file is missing, fails on import or does not define exactly one plugin.
        """
        return _load(self, python_files.edition(here(self.source)))

    def summary(self) -> str:
        """Return the first line of the plugin's docstring."""
        return str(self.load().summary())

    @property
    def file(self) -> str:
        """The path of a user's file; empty for an installed plugin."""
        return "" if self.source in ("shipped", "entry point") else self.source

    def is_foreign(self, values: Iterable[object]) -> bool:
        """Whether its code, or code named by one of these option values, is not shipped with the project."""
        return self.source != "shipped" or any(".py" in str(value) for value in values)

    def code_hash(self) -> str:
        """Return the hash of the code in the file that defines the plugin, which shows whether it has changed.

        Comments, docstrings and formatting do not count. The file is not executed. Raises PluginError if it is missing
        or cannot be read.
        """
        if self.source == "entry point" or self.kind not in KINDS:
            return str(self.load().code_hash())
        path = here(self.file) if self.file else KINDS[self.kind].shipped_file(self.name)
        try:
            return code_hash(path.read_bytes())
        except OSError:
            file = self.file or self.name
            raise PluginError(f"The {self.kind} file {file!r} does not exist or cannot be read.") from None


def find(kind: str) -> dict[str, PluginRef]:
    """Return all installed plugins of a kind by name; shipped ones take precedence over entry points.

    Example:
        >>> "aevb" in find("algorithm")
        True
    """
    group = KINDS[kind].package
    references = {point.name: PluginRef(kind, point.name, "entry point") for point in _entry_points(group)}
    references.update({name: PluginRef(kind, name) for name in KINDS[kind].shipped_names()})
    return dict(sorted(references.items()))


def _entry_points(group: str) -> EntryPoints:
    """The entry points of a group, including those of packages installed since the process started."""
    return _read_entry_points(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=len(KINDS))
def _read_entry_points(group: str, folders: tuple[tuple[str, int], ...]) -> EntryPoints:  # noqa: ARG001  # for the cache
    """Read the metadata of every installed package; ``folders`` are their locations and modification times."""
    return entry_points(group=group)


def _changed(folder: str) -> int:
    with suppress(OSError, ValueError):
        return os.stat(folder or os.curdir).st_mtime_ns  # noqa: PTH116  # faster, and called repeatedly
    return 0


def resolve(kind: str, text: str) -> tuple[PluginRef, dict[str, str]]:
    """Resolve ``"aevb[num_samples=5]"`` or ``"./mine.py[rate=0.1]"`` to a plugin's reference and its options as text.

    Raises UnknownName if there is no such plugin, PluginError if there is no such file, and OptionError if the brackets
    are malformed.

    Example:
        >>> resolve("algorithm", "aevb[num_samples=5]")
        (PluginRef(kind='algorithm', name='aevb', source='shipped'), {'num_samples': '5'})
        >>> resolve("dataset", "data/x.npy[rows=8]")
        (PluginRef(kind='dataset', name='file', source='shipped'), {'path': 'data/x.npy', 'rows': '8'})
    """
    opener, known = KINDS[kind].opener, find(kind)
    if opener and isinstance(text, str) and text.strip() not in known and _exists(text) and not text.endswith(".py"):
        return known[opener], {"path": text}
    name, settings = parse_call(text)
    is_path = any(mark in name for mark in "/\\.") or _exists(name)
    if opener and name not in known and is_path and not name.endswith(".py"):
        return known[opener], {"path": name, **settings}
    if is_file(text):
        path = _file(kind, name)
        return PluginRef(kind, path.stem, str(path)), settings
    if name not in known:
        here = f" There is a file {name}.py here: give ./{name}.py." if _is_here(f"{name}.py") else ""
        raise UnknownName(f"Unknown {kind} {quoted(name)}.{here}{did_you_mean(name, known)}")
    return known[name], settings


def _is_here(file: str) -> bool:
    try:
        return Path(file).is_file()
    except (OSError, ValueError):  # not a valid file name
        return False


def is_file(text: str) -> bool:
    """Whether ``text`` names a user's file rather than an installed plugin.

    >>> is_file("./mine.py[rate=0.1]"), is_file("file[path=data/x.npy]")
    (True, False)
    """
    name, _ = parse_call(text)
    return name.endswith(".py") or "/" in name or "\\" in name


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # not allowed, too long, no such user: not treated as a path
        return False


def kind_of(text: str) -> str:
    """Return the kind of the plugin in a user's file, as in ``"./mine.py"`` or ``"./mine.py[rate=0.1]"``.

    Raises PluginError if the file is missing, fails on import or defines no plugin.
    """
    return defined_in(text)[0][0]


def defined_in(text: str) -> list[tuple[str, type[Any]]]:
    """Return all plugins that a user's file defines, each with its kind; raises PluginError as `kind_of` does.

    If classes derive from each other, only the most derived ones count.
    """
    path = _file("plugin", parse_call(text)[0])
    module = python_files.load(path, "plugin", python_files.edition(path))
    contracts = {kind.name: kind.contract_class() for kind in KINDS.values()}
    defined = [(name, cls) for name, contract in contracts.items() for cls in _leaves(_defined(module, contract))]
    if not defined:
        known = ", ".join(contract.__name__ for contract in contracts.values())
        raise PluginError(f"{path} must define a plugin, a class derived from one of these: {known} (found: none).")
    return defined


def _file(kind: str, name: str) -> Path:
    """The absolute path of a user's file; raises PluginError if there is none."""
    path = user_path(kind, name, PluginError)
    if not path.is_file():
        raise PluginError(f"The {kind} file {quoted(name)} does not exist: give the path of a Python file.")
    return path.resolve()


def create(kind: str, text: str) -> Any:
    """Create the plugin that ``text`` names, with the options in its brackets; raises the same errors as `resolve`.

    >>> create("model", "mlp[hidden=20]").options.hidden
    20
    """
    reference, settings = resolve(kind, text)
    return reference.load()(**settings)


@cache
def _load(ref: PluginRef, edition: str) -> type[Any]:
    if ref.kind not in KINDS:
        raise PluginError(f"There is no kind of plugin called {ref.kind!r}: it must be {', '.join(KINDS)}.")
    kind = KINDS[ref.kind]
    if ref.source == "entry point":
        return _from_entry_point(ref, kind)
    if ref.source == "shipped":
        if ref.name not in kind.shipped_names():
            raise PluginError(f"This version of bench has no {ref.kind} {ref.name!r}.")
        module = importlib.import_module(f"{kind.package}.{ref.name}")
    else:
        module = python_files.load(here(ref.source), ref.kind, edition)
    contract = kind.contract_class()
    leaves = _leaves(_defined(module, contract))
    if len(leaves) != 1:
        names = ", ".join(cls.__name__ for cls in leaves) or "none"
        raise PluginError(
            f"{ref.source if ref.source != 'shipped' else module.__name__} must define exactly one {ref.kind}, "
            f"a class derived from {contract.__module__}.{contract.__name__} (found: {names})."
        )
    return _complete(leaves[0], ref)


def _defined(module: ModuleType, contract: type[Plugin]) -> list[type[Any]]:
    """Return the classes derived from a contract that a module defines itself."""
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, contract) and value.__module__ == module.__name__
    ]


def _leaves(classes: list[type[Any]]) -> list[type[Any]]:
    """Return the classes that no other class in the list derives from."""
    return [cls for cls in classes if not any(cls in other.__mro__[1:] for other in classes)]


def _complete(cls: type[Any], ref: PluginRef) -> type[Any]:
    missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
    if missing:
        raise PluginError(f"The {ref.kind} {cls.__name__} in {ref.source} does not define: {missing}.")
    return cls


def _from_entry_point(ref: PluginRef, kind: Kind) -> type[Any]:
    (point,) = [p for p in _entry_points(kind.package) if p.name == ref.name]
    try:
        with preserved():
            loaded = point.load()
    except Exception as error:
        raise PluginError(f"The entry point {ref.name!r} of {kind.package} cannot be loaded: {error!r}.") from error
    if not (isinstance(loaded, type) and issubclass(loaded, kind.contract_class())):
        raise PluginError(f"The entry point {ref.name!r} of {kind.package} must name a class of {kind.contract}.")
    loaded.entry_point = ref.name
    return _complete(loaded, ref)
