"""The examples in docstrings run, and everything that users import has one."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench import plugins

# described by the examples of their users
WITHOUT = {"Batch", "Comparison", "Outcome", "Report", "Results", "Workers"}
KINDS_WITH_EXAMPLES = ("algorithm", "estimator", "model", "decoder")


def modules() -> Iterator[str]:
    """Every module of the package whose source holds an example."""
    root = Path(bench.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if ">>>" in path.read_text(encoding="utf-8"):
            yield ".".join(("bench", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
    for kind in plugins.KINDS.values():
        for name in kind.shipped_names():
            module = f"{kind.package}.{name}"
            spec = importlib.util.find_spec(module)
            if spec is not None and not Path(str(spec.origin)).is_relative_to(root):
                yield module


@pytest.mark.parametrize("module", [*modules()])
def test_examples_show_what_happens(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert outcome.failed == 0


@pytest.mark.parametrize("name", sorted(set(bench.__all__) - WITHOUT))
def test_what_users_import_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(getattr(bench, name)) or "")


@pytest.mark.parametrize("kind", KINDS_WITH_EXAMPLES)
def test_shipped_plugins_have_an_example(kind: str) -> None:
    lacking = [name for name in plugins.KINDS[kind].shipped_names() if ">>>" not in documented(kind, name)]
    assert not lacking


def documented(kind: str, name: str) -> str:
    """The docstring of a shipped plugin's class."""
    return inspect.getdoc(plugins.PluginRef(kind, name).load()) or ""
