"""What a notebook changes between two runs, the second one sees: environment, working directory, path of modules."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

import bench
from bench import Execution

PLUGINS = Path(__file__).parent.parent / "plugins"
SMALL: dict[str, Any] = {"algos": "aevb[learning_rate=0.1]", "z": 2, "seeds": 1, "budget": 200, "hidden": 5}
SMALL |= {"likelihood": "importance[num_samples=5]", "likelihood_points": 5, "eval_points": 10, "quiet": True}
HERE = Execution(jobs=1, device="cpu")

ALGORITHM = """
    import os
    from pathlib import Path

    from bench.algorithms.aevb import AEVB
    from module_of_the_notebook import VALUE


    class Curious(AEVB):
        '''Fails unless it sees what has been changed.

        Source: none.
        '''

        def setup(self, problem, generator):
            assert VALUE == 3
            assert os.environ["BENCH_CACHE_DIR"].endswith("new cache")
            assert Path("data.txt").exists()
            super().setup(problem, generator)
"""


@pytest.mark.data
def test_a_second_run_sees_what_was_changed_after_the_first(
    tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    first = bench.run(out=tmp_path / "first", dataset=str(PLUGINS / "blobs.py"), execution=HERE, **SMALL)
    assert first.trials["status"].tolist() == ["done"]

    elsewhere, modules = tmp_path / "elsewhere", tmp_path / "modules"
    elsewhere.mkdir()
    modules.mkdir()
    (elsewhere / "data.txt").touch()
    (elsewhere / "curious.py").write_text(textwrap.dedent(ALGORITHM))
    (modules / "module_of_the_notebook.py").write_text("VALUE = 3\n")
    monkeypatch.setenv("BENCH_DATA_DIR", str(data_dir))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "new cache"))
    monkeypatch.chdir(elsewhere)
    monkeypatch.syspath_prepend(modules)
    changed = {**SMALL, "algos": "./curious.py[learning_rate=0.1]"}
    results = bench.run(out="run", dataset="mnist", n_train=100, execution=HERE, **changed)
    assert results.trials["reason"].tolist() == [""]
    assert results.trials["status"].tolist() == ["done"]
    assert (elsewhere / "run" / "study.toml").exists()
