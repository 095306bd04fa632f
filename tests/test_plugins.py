"""Plugins are found by file name, and messages say what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import plugins
from bench.errors import PluginError, UnknownName

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
    ],
)
def test_every_shipped_file_is_found_and_holds_one_plugin(kind: str, folder: str) -> None:
    found = plugins.find(kind)
    assert set(found) == {path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__"}
    for plugin in found.values():
        assert issubclass(plugin.load(), plugins.KINDS[kind].contract_class())
        assert plugin.load().plugin_name() == plugin.name
        assert len(plugin.summary()) > 10


def test_a_users_file_is_loaded_by_path_and_hashes_its_source(tmp_path: Path) -> None:
    copy = tmp_path / "mine.py"
    copy.write_text(MINE.read_text())
    plugin, settings = plugins.resolve("algorithm", f"{copy}[rate=0.5]")
    assert (plugin.name, settings) == ("mine", {"rate": "0.5"})
    assert plugin.load().__name__ == "ImportanceWeighted"
    before = plugin.source_hash()
    copy.write_text(MINE.read_text().replace("class ImportanceWeighted", "class IMPORTANCEWeighted"))  # as long
    assert plugin.source_hash() != before
    assert plugin.load().__name__ == "IMPORTANCEWeighted"  # not the one that this process has already loaded
    copy.write_text("raise ValueError")
    with pytest.raises(PluginError, match="fails on import"):
        plugin.load()
    copy.write_text(MINE.read_text())
    assert plugin.load().__name__ == "ImportanceWeighted"
    assert plugin.source_hash() == before


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


def test_entry_points_of_other_packages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip would install them: a module, and a dist-info folder that names it."""
    (tmp_path / "theirs.py").write_text(MINE.read_text())
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[bench.algorithms]\niwae = theirs:ImportanceWeighted\nempty = theirs:nothing\nwrong = theirs:Hyperparameters\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = plugins.find("algorithm")
    assert found["iwae"].load().__name__ == "ImportanceWeighted"
    assert found["iwae"].source_hash()
    with pytest.raises(PluginError, match="cannot be loaded"):
        found["empty"].load()
    with pytest.raises(PluginError, match="must name a class"):
        found["wrong"].load()
