"""Every data set satisfies the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import plugins
from bench.conformance import suite
from bench.conformance.check import Verdict
from bench.conformance.subject import Subject
from bench.plugins import PluginRef

USERS_FILE = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
REAL = ("mnist", "freyface")
SMALL = ("fashionmnist", "kmnist", "omniglot")  # from small files of their formats
EVERY = [
    pytest.param(plugin, id=name, marks=[pytest.mark.data] if name in REAL else [])
    for name, plugin in [*plugins.find("dataset").items(), ("blobs", plugins.resolve("dataset", USERS_FILE)[0])]
]


@pytest.fixture
def settings(request: pytest.FixtureRequest, plugin: PluginRef, tmp_path: Path) -> dict[str, str]:
    """Options that a data set requires; the real ones need their files."""
    if plugin.name in REAL:
        request.getfixturevalue("data_dir")
    if plugin.name in SMALL:
        request.getfixturevalue("monkeypatch").setenv(
            "BENCH_DATA_DIR", str(request.getfixturevalue("small_files")(plugin.name))
        )
    if plugin.name != "file":
        return {}
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((30, 12), dtype=np.float32))
    return {"path": str(tmp_path / "x.npy")}


@pytest.mark.parametrize("plugin", EVERY)
def test_keeps_the_contract(plugin: PluginRef, settings: dict[str, str]) -> None:
    """With the checks of `bench check`; the data are loaded once for all of them."""
    results = [*suite.run(Subject("dataset", plugin.load(), settings))]
    assert [each.lesson for each in results if each.verdict is Verdict.FAILED] == []
    assert plugin.summary()
