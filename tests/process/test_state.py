"""What plugins change for the whole process is as before afterwards."""

from __future__ import annotations

import os
import random
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench import plugins
from bench.process.state import preserved, standard

PLUGINS = Path(__file__).parent.parent / "plugins"
BLOBS = str(PLUGINS / "blobs.py")


def everything() -> dict[str, Any]:
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "precision": torch.get_float32_matmul_precision(),
        "torch stream": torch.get_rng_state().tolist(),
        "errors": np.geterr(),
        "numpy stream": np.random.get_state()[1].tolist(),  # type: ignore[index]  # noqa: NPY002  # the global one
        "stream": random.getstate(),
        "filters": [*warnings.filters],
        "environment": dict(os.environ),
        "folder": Path.cwd(),
    }


def change_everything() -> None:
    runpy.run_path(str(PLUGINS / "trouble.py"))["change_everything"]()


def test_a_block_leaves_everything_as_it_was() -> None:
    before = everything()
    with preserved():
        change_everything()
        changed = everything()
    assert everything() == before
    assert [name for name, value in before.items() if changed[name] == value] == []


def test_a_block_that_raises_leaves_everything_as_it_was() -> None:
    before = everything()

    def change_and_raise() -> None:
        with preserved():
            change_everything()
            raise SystemExit

    with pytest.raises(SystemExit):
        change_and_raise()
    assert everything() == before


def test_a_trial_begins_with_the_standard_whatever_the_caller_has_set() -> None:
    with preserved():
        change_everything()
        with standard(threads=2):
            found = everything()
        assert everything()["dtype"] is torch.float64
    assert found["dtype"] is torch.float32
    assert found["device"] == torch.device("cpu")
    assert (found["threads"], found["gradients"], found["deterministic"]) == (2, True, False)
    assert found["errors"] == {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


IMPORTED_FIRST = """
from bench.process.state import preserved
with preserved():
    import torch
    torch.set_default_dtype(torch.float64)
print(torch.get_default_dtype())
"""


def test_convolutions_on_cuda_repeat_in_a_trial_alone() -> None:
    """By cuDNN's own setting; what else is computed does not depend on it."""
    assert not torch.backends.cudnn.deterministic
    with standard(1):
        assert torch.backends.cudnn.deterministic
    assert not torch.backends.cudnn.deterministic


def test_a_block_that_imports_torch_itself_leaves_the_standard() -> None:
    finished = subprocess.run([sys.executable, "-c", IMPORTED_FIRST], capture_output=True, text=True, check=True)
    assert finished.stdout == "torch.float32\n"


def test_a_file_that_changes_everything_on_import_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rude.py"
    file.write_text((PLUGINS / "trouble.py").read_text() + "\nchange_everything()\n")
    before = everything()
    plugins.resolve("algorithm", str(file))[0].load()
    assert everything() == before


def test_a_rude_algorithm_beside_another_changes_neither_its_numbers_nor_the_caller(tmp_path: Path) -> None:
    """In one process, where the rude one runs first."""

    def log_likelihoods(*algos: str) -> list[float]:
        results = bench.run(
            algos=algos, dataset=BLOBS, z=2, seeds=2, budget=200, likelihood_points=10, quiet=True,
            out=tmp_path / str(len(algos)), execution=bench.Execution(backend="sequential", device="cpu"),
        )  # fmt: skip
        found = results.likelihoods
        return found[found["algorithm"].str.startswith("aevb")]["log_likelihood"].tolist()

    before = everything()
    alone = log_likelihoods("aevb[learning_rate=0.1]")
    assert log_likelihoods(f"{PLUGINS / 'trouble.py'}[how=globals,when=-1]", "aevb[learning_rate=0.1]") == alone
    assert len(alone) == 2
    assert everything() == before


def test_places_that_modules_are_found_in_are_not_lost() -> None:
    before = list(sys.path)
    try:
        with preserved():
            sys.path[:] = ["a plugin's own place"]
        assert set(sys.path) == {"a plugin's own place", *before}
    finally:
        sys.path[:] = before
