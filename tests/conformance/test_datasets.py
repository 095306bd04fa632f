"""Every data set satisfies the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench import plugins, seeds
from bench.dataset import Data
from bench.models.observation import observation_model
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


def loaded(plugin: PluginRef, settings: dict[str, str], seed: int = 0) -> Data:
    data: Data = plugin.load()(**settings).load(seeds.generator("data", seed))
    return data


@pytest.mark.parametrize("plugin", EVERY)
def test_keeps_the_contract(plugin: PluginRef, settings: dict[str, str]) -> None:
    """Shapes, ranges and finiteness are checked by `Data` itself; the rest is here."""
    before = (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())  # noqa: NPY002  # the global state is what is watched
    data = loaded(plugin, settings)
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002  # as above
    assert data.x_train.shape[1] == data.image_shape[0] * data.image_shape[1]
    for x in (data.x_train, data.x_test):
        assert observation_model(data.observation_model).refusal(x) == ""
    assert len(data.pixels) > 5
    for labels, x in ((data.labels_train, data.x_train), (data.labels_test, data.x_test)):
        assert labels is None or labels.shape == (len(x),)
    assert data.fingerprint() == loaded(plugin, settings).fingerprint()
    assert plugin.load().hidden >= 1
    assert plugin.summary()


@pytest.mark.parametrize("plugin", EVERY)
def test_no_test_point_is_a_training_point(plugin: PluginRef, settings: dict[str, str]) -> None:
    """For real-valued data; binary datapoints may repeat by chance."""
    data = loaded(plugin, settings)
    if data.pixels == "binary":
        return
    train = {row.tobytes() for row in data.x_train.numpy()}
    shared = sum(row.tobytes() in train for row in data.x_test.numpy())
    assert shared <= 0.01 * len(data.x_test)
