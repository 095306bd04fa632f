"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="session")  # before any test changes the environment
def data_dir() -> Path:
    """The folder of real data that BENCH_DATA_DIR names; without it a test is skipped, but fails in CI."""
    named = os.environ.get("BENCH_DATA_DIR")
    if not named:
        reason = "BENCH_DATA_DIR is not set: name the folder with the MNIST and Frey Face files"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return Path(named)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As trials run by default; several threads on tensors this small only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache of downloads."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
