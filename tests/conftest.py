"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that judge a time are left out of parallel runs, where others run beside them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        timed = [item for item in items if item.get_closest_marker("timing")]
        config.hook.pytest_deselected(items=timed)
        items[:] = [item for item in items if item not in timed]


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


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run for all tests of reports, in a folder with a hostile name: two algorithms, two latent sizes, five seeds.

    It is not to be changed: take a copy.
    """
    import bench
    from bench.runner import Execution

    out = tmp_path_factory.mktemp("trained") / "<b>run & 'co'"
    asked: dict[str, Any] = {"algos": "aevb[learning_rate=0.05],mcem", "z": [2, 3], "seeds": 5, "budget": 2000}
    asked |= {"dataset": str(Path(__file__).parent / "plugins" / "blobs.py")}
    asked |= {"likelihood": "importance[num_samples=20]", "likelihood_points": 60}
    bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **asked)
    return out
