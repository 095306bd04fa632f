"""Plugins are found by file name, and messages say what is wrong with a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import plugins
from bench.algorithms.aevb import AEVB
from bench.errors import OptionError, PluginError, UnknownName

MINE = Path(__file__).parent / "plugins" / "mine.py"
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("kind", "folder"),
    [
        ("algorithm", "algorithms"),
        ("dataset", "datasets"),
        ("report", "reports"),
        ("model", "bench/architectures"),
        ("decoder", "bench/models/observations"),
        ("estimator", "bench/estimators"),
        ("backend", "bench/execution/backends"),
    ],
)
def test_every_shipped_file_is_found_and_holds_one_plugin(kind: str, folder: str) -> None:
    known = plugins.find(kind)
    assert set(known) == {path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__"}
    for plugin in known.values():
        assert issubclass(plugin.load(), plugins.KINDS[kind].contract_class())
        assert plugin.load().plugin_name() == plugin.name
        assert len(plugin.summary()) > 10


def test_a_users_file_is_loaded_by_path_and_hashes_its_source(tmp_path: Path) -> None:
    copy = tmp_path / "mine.py"
    copy.write_text(MINE.read_text())
    plugin, settings = plugins.resolve("algorithm", f"{copy}[rate=0.5]")
    assert (plugin.name, settings) == ("mine", {"rate": "0.5"})
    assert plugin.load().__name__ == "ImportanceWeighted"
    before = plugin.code_hash()
    copy.write_text(MINE.read_text().replace("class ImportanceWeighted", "class IMPORTANCEWeighted"))  # as long
    assert plugin.code_hash() != before
    assert plugin.load().__name__ == "IMPORTANCEWeighted"  # not the one that this process has already loaded
    copy.write_text("raise ValueError")
    with pytest.raises(PluginError, match="fails on import"):
        plugin.load()
    copy.write_text(MINE.read_text())
    assert plugin.load().__name__ == "ImportanceWeighted"
    assert plugin.code_hash() == before


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "does not exist"),
        ("x = 1\n", "must define exactly one algorithm"),
        ("x = 1\nraise RuntimeError('boom')\n", "fails on import, line 2: RuntimeError('boom')"),
        ("def broken(:\n", "fails on import, line 1"),
        (
            "from bench import Algorithm\nclass A(Algorithm):\n    '''Half.'''\n    def setup(self, p, g): ...\n",
            "does not define: step",
        ),
        ("from bench.algorithms.aevb import AEVB\n", "must define exactly one algorithm"),
        (
            "from bench.algorithms.aevb import AEVB\nclass A(AEVB): ...\nclass B(AEVB): ...\n",
            "exactly one algorithm, a class derived from bench.algorithm.Algorithm (found: A, B)",
        ),
    ],
)
def test_a_bad_file_is_one_message(tmp_path: Path, source: str | None, words: str) -> None:
    path = tmp_path / "bad.py"
    if source is not None:
        path.write_text(source)
    with pytest.raises(PluginError) as caught:
        plugins.resolve("algorithm", str(path))[0].load()
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_unknown_names_get_the_near_ones() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'aevb'"):
        plugins.resolve("algorithm", "aveb")


THEIRS = """
from dataclasses import dataclass

from bench import option
from {module} import {contract}


@dataclass(frozen=True)
class Options:
    n: int = option(1, "a number", minimum=1)


body = dict.fromkeys({contract}.__abstractmethods__)
Theirs = type("Theirs", ({contract},), {{**body, "Options": Options, "__doc__": "Theirs.", "__module__": __name__}})
nothing = None
"""


@pytest.mark.parametrize("kind", plugins.KINDS.values(), ids=lambda kind: kind.name)
def test_entry_points_of_other_packages_are_found(
    kind: plugins.Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip would install them: a module, and a dist-info folder that names it."""
    module, _, contract = kind.contract.partition(":")
    package = f"theirs_{kind.name}"
    (tmp_path / f"{package}.py").write_text(THEIRS.format(module=module, contract=contract))
    info = tmp_path / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = {"special": "Theirs", "empty": "missing", "nothing": "nothing", "wrong": "Options"}
    lines = "".join(f"{name} = {package}:{value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[{kind.package}]\n{lines}")
    monkeypatch.syspath_prepend(str(tmp_path))
    known = plugins.find(kind.name)
    assert {*points} | {*kind.shipped_names()} == {*known}
    cls = known["special"].load()
    assert issubclass(cls, kind.contract_class())
    assert (cls.plugin_name(), cls.summary()) == ("special", "Theirs.")
    assert known["special"].code_hash()
    first = {"latent_size": 2} if kind.name == "algorithm" else {}
    with pytest.raises(OptionError, match=r"`n` of special must be an integer of at least 1"):
        cls(**first, n=0)
    with pytest.raises(OptionError, match=r"special has no option .other."):
        cls(**first, other=0)
    with pytest.raises(PluginError, match="cannot be loaded"):
        known["empty"].load()
    for name in ("nothing", "wrong"):
        with pytest.raises(PluginError, match="must name a class"):
            known[name].load()


def test_an_entry_point_is_found_once_its_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook, say: packages are not read again and again, but after a change."""
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "later" not in plugins.find("algorithm")
    info = tmp_path / "later-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench.algorithms]\nlater = later:Later\n")
    assert "later" in plugins.find("algorithm")
    shutil.rmtree(info)
    assert "later" not in plugins.find("algorithm")


def test_a_class_derived_from_an_entry_points_class_has_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from bench.algorithms.aevb import AEVB\nclass A(AEVB): ...\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AEVB, "entry_point", "theirs", raising=True)
        assert plugins.resolve("algorithm", str(path))[0].load().plugin_name() == "mine"
