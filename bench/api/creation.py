"""Writes a plugin that works, to start a new one from."""

from __future__ import annotations

import keyword
import re
import sys
from importlib import metadata, resources
from os import PathLike
from pathlib import Path
from string import Template

from bench import plugins
from bench.errors import OptionError, StoreError, did_you_mean
from bench.values.paths import user_path
from bench.values.texts import quoted

KINDS = {  # the word that users type, and the kind of plugin
    "algorithm": "algorithm",
    "dataset": "dataset",
    "estimator": "estimator",
    "architecture": "model",
    "report": "report",
    "decoder": "decoder",
    "backend": "backend",
}


def new(kind: str, name: str, out: str | PathLike[str] = ".") -> Path:
    """Write a working plugin that passes `check` to the file NAME.py in the folder ``out``, and return its path.

    ``kind`` is algorithm, dataset, estimator, architecture, report, decoder or backend; ``name`` is the plugin's name
    in tables.  Raises OptionError for an unknown kind or a name that cannot be used, StoreError if the file already
    exists or cannot be written.
    """
    kind_of_plugin = {**KINDS, "model": "model"}.get(kind)
    if kind_of_plugin is None:
        raise OptionError(f"Unknown kind {quoted(kind)}.{did_you_mean(str(kind), KINDS)}")
    _check_name(kind_of_plugin, name)
    path = user_path("out", out) / f"{name}.py"
    text = resources.files("bench").joinpath("templates", f"{kind_of_plugin}.txt").read_text(encoding="utf-8")
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
    except OSError as error:
        raise StoreError(
            f"`out` {quoted(str(out))} cannot be made ({error.strerror}): choose another folder."
        ) from error
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(Template(text).substitute(Name=_class_name(name, text)))
    except FileExistsError as error:
        raise StoreError(f"{quoted(str(path))} exists already: choose another name, or another folder.") from error
    except OSError as error:
        raise StoreError(f"{quoted(str(path))} cannot be written ({error.strerror}): choose another folder.") from error
    return path


def _class_name(name: str, text: str) -> str:
    """The name of the class: the file's name in capitals, unless the text uses that for something else."""
    capitals = "".join(part.capitalize() for part in name.split("_"))
    return f"My{capitals}" if re.search(rf"\b{capitals}\b", text) else capitals


def _check_name(kind: str, name: str) -> None:
    """Reject names that no Python file can have, and names of installed plugins."""
    if not isinstance(name, str) or not name.isidentifier() or name != name.lower() or keyword.iskeyword(name):
        raise OptionError(
            f"`name` must be lower-case letters, digits and underscores, beginning with a letter (got {quoted(name)})."
        )
    if not name.strip("_0123456789") or name.startswith("_"):
        raise OptionError(f"`name` must begin with a letter (got {quoted(name)}).")
    if name in plugins.find(kind):
        raise OptionError(f"`name` {quoted(name)} is an installed {kind}, which tables could not tell from yours.")
    if name in sys.stdlib_module_names or name in metadata.packages_distributions():
        raise OptionError(f"`name` {quoted(name)} is a Python module, which a file of that name would hide.")
