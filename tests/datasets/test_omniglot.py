"""Omniglot, from a file in its format that a mirror serves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat

from bench import seeds
from bench.datasets import omniglot
from bench.datasets.omniglot import Omniglot
from bench.errors import DataError

Mirror = Callable[[Path], None]


@pytest.fixture
def folder(small_files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a mirror serves, and nothing else does."""
    monkeypatch.setattr(omniglot, "FILE", dataclasses.replace(omniglot.FILE, urls=()))
    return small_files("omniglot")


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The variables of a MATLAB file."""
    return {name: value for name, value in loadmat(path).items() if not name.startswith("__")}


@pytest.mark.parametrize("compressed", [True, False])
def test_it_loads_from_a_mirror_upright(mirror: Mirror, folder: Path, compressed: bool) -> None:
    path = folder / "omniglot" / "chardata.mat"
    savemat(path, arrays(path), do_compression=compressed)
    mirror(folder)
    data = Omniglot().load(seeds.generator("data", 0))
    assert (data.x_train.shape, data.x_test.shape, data.image_shape) == ((12, 784), (5, 784), (28, 28))
    upright = data.x_test.reshape(5, 28, 28)
    assert (upright[:, 3, 20] == 1).all()
    assert (upright[:, 5, :4] > 0).all()
    assert int((upright > 0).sum()) == 25
    assert data.labels_train is not None
    assert torch.equal(data.labels_train, torch.arange(12) * 3)
    path.unlink()
    again = Omniglot(binarize="dynamic").load(seeds.generator("data", 0))  # from the cache
    assert torch.equal(again.x_train, data.x_train)
    assert again.resample
    assert set(again.x_test.unique().tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": np.zeros((784, 11))}, "must hold 'data' of [784, 12]"),
        ({"testdata": np.full((784, 5), 255.0)}, "'testdata' must lie in [0, 1]"),
        ({"testdata": np.full((784, 5), np.nan)}, "'testdata' must lie in [0, 1]"),
        ({"target": None}, "it must hold 'target' (got data, targetchar, testdata"),
    ],
)
def test_another_file_is_refused(
    mirror: Mirror, folder: Path, change: dict[str, np.ndarray | None], words: str
) -> None:
    path = folder / "omniglot" / "chardata.mat"
    values = {name: value for name, value in (arrays(path) | change).items() if value is not None}
    savemat(path, values, do_compression=True)
    mirror(folder)
    with pytest.raises(DataError) as error:
        Omniglot().load(seeds.generator("data", 0))
    assert words in str(error.value)
    assert "a folder called omniglot" in str(error.value)


def test_a_file_that_was_cut_off_is_refused(mirror: Mirror, folder: Path) -> None:
    path = folder / "omniglot" / "chardata.mat"
    path.write_bytes(path.read_bytes()[:-300])
    mirror(folder)
    with pytest.raises(DataError, match="damaged or truncated"):
        Omniglot().load(seeds.generator("data", 0))
