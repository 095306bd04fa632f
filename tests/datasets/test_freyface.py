"""The real Frey Face."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from bench import seeds
from bench.dataset import Data
from bench.datasets.freyface import FILE, FreyFace
from bench.errors import DataError


def load(seed: int = 0, **settings: object) -> Data:
    return FreyFace(**settings).load(seeds.generator("data", seed))


def frames(data: Data) -> torch.Tensor:
    """All 1965, [1965, 28, 20]."""
    return torch.cat([data.x_train, data.x_test]).reshape(-1, 28, 20)


@pytest.mark.data
def test_sizes_shape_and_mean_pixel(data_dir: Path) -> None:
    data = load()
    assert data.x_train.shape == (1600, 560)
    assert data.x_test.shape == (365, 560)
    assert data.image_shape == (28, 20)
    assert (data.observation_model, data.bounded, FreyFace.hidden) == ("gaussian", True, 200)
    # NumPy on the file's own bytes: ff.mean() / 255 and ff.max() / 255.
    assert frames(data).mean().item() == pytest.approx(0.6057289, abs=1e-6)
    assert frames(data).max().item() == pytest.approx(238 / 255)
    assert load(num_test=100).x_test.shape == (100, 560)


@pytest.mark.data
def test_every_frame_is_in_exactly_one_part(data_dir: Path) -> None:
    from scipy.io import loadmat

    pixels = loadmat(data_dir / FILE.name)["ff"]  # [560, 1965]
    loaded = frames(load()).mul(255).round().to(torch.uint8).reshape(1965, 560)
    assert sorted(map(bytes, loaded.numpy())) == sorted(map(bytes, pixels.T))
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == FILE.sha256


@pytest.mark.data
def test_faces_stand_upright(data_dir: Path) -> None:
    mean = frames(load()).mean(0)
    # A face seen from the front is nearly symmetric about its vertical axis, and not about its horizontal one.
    assert (mean - mean.flip(1)).abs().mean() < 0.5 * (mean - mean.flip(0)).abs().mean()
    # Neighbouring pixels are alike along both axes (0.048) only where the rows have their true length (else 0.14).
    assert mean.diff(dim=0).abs().mean() < 0.06
    assert mean.diff(dim=1).abs().mean() < 0.06
    # A bright forehead on top, the dark eyes below it, bright cheeks, and the dark mouth.
    forehead, eyes, cheeks, mouth = (mean[a:b, 5:15].mean() for a, b in ((0, 4), (5, 9), (10, 13), (18, 21)))
    assert min(forehead, cheeks) > max(eyes, mouth) + 0.15


@pytest.mark.data
def test_the_split_is_random_and_comes_from_the_generator(data_dir: Path) -> None:
    assert load().fingerprint() == load().fingerprint()
    assert load().fingerprint() != load(seed=1).fingerprint()


@pytest.mark.data
def test_a_truncated_file_is_reported(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / FILE.name
    copy.write_bytes((data_dir / FILE.name).read_bytes()[:500_000])
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=f"{copy} .*damaged or truncated, 500000 bytes"):
        load()


@pytest.mark.parametrize("content", [b"", b"<html>moved</html>" * 100], ids=["empty", "a web page"])
def test_what_is_no_matlab_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / FILE.name).write_bytes(content)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=r"frey_rawface\.mat .*damaged or truncated"):
        load()
