"""Reading a run folder never runs a plugin's file that the folder names, unless the user trusts it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import bench
from bench.cli import cli
from bench.errors import StoreError
from bench.execution.execution import Execution

HERE = Execution(backend="sequential")
ALGORITHM = '''"""An algorithm that leaves a trace when it is run."""
from pathlib import Path

from bench.algorithms.aevb import AEVB

Path(__file__).with_name("algorithm was run").touch()


class Mine(AEVB):
    """AEVB."""
'''
ESTIMATOR = '''"""An estimator that leaves a trace when it is run."""
from pathlib import Path

from bench.estimators.importance import Importance

Path(__file__).with_name("estimator was run").touch()


class Mine(Importance):
    """Importance sampling."""
'''


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder from somebody else, whose algorithm and estimator are files inside it."""
    folder = tmp_path_factory.mktemp("theirs") / "run"
    plugin_folder = folder.parent / "code"
    plugin_folder.mkdir()
    (plugin_folder / "mine.py").write_text(ALGORITHM)
    (plugin_folder / "closer.py").write_text(ESTIMATOR)
    asked = {"algos": f"{plugin_folder}/mine.py[learning_rate=0.02],aevb[learning_rate=0.02]", "z": 2, "seeds": 1}
    asked |= {"likelihood": f"{plugin_folder}/closer.py[num_samples=5,proposal=encoder]", "likelihood_points": 4}
    bench.run(**asked, n_train=50, hidden=3, budget=200, out=folder, execution=HERE, quiet=True)  # type: ignore[arg-type]  # names of fields
    return folder


@pytest.fixture
def run(theirs: Path) -> Path:
    """As on the day on which it is received: nothing was run yet."""
    forget(theirs)
    return theirs


def forget(run: Path) -> None:
    """What the plugins left, and what this process has loaded of them."""
    from bench import plugins

    plugins._load.cache_clear()
    for path in (run.parent / "code").glob("* was run"):
        path.unlink()


def was_run(run: Path) -> list[str]:
    return sorted(path.name.partition(" ")[0] for path in (run.parent / "code").glob("* was run"))


def test_reading_runs_nothing(run: Path) -> None:
    results = bench.load(run)
    assert results.trials["status"].tolist() == ["done", "done"]
    assert results.changed_since == {}
    models, missing = results.models
    assert [each.cell.algorithm for each in models] == ["aevb[learning_rate=0.02]"]
    assert [*missing.values()] == ["its plugin mine.py is a file, which is run only with --trust"]
    for command in (
        ["export", run],
        ["compare", run, run],
        ["report", run, "--only", "what_ran,manifold", "--format", "md,png"],
    ):
        assert CliRunner().invoke(cli, [*map(str, command)]).exit_code == 0
    assert was_run(run) == []


def test_estimates_run_what_is_named_or_trusted(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    with pytest.raises(
        StoreError, match=r"Nothing in .* can be evaluated: .*closer.py.* of the study are left out: --trust"
    ):
        bench.estimate(copy, points=3, execution=HERE, quiet=True)
    assert was_run(run) == []
    named = CliRunner().invoke(
        cli,
        [
            "estimate",
            str(copy),
            "--likelihood",
            "importance[num_samples=3,proposal=encoder]",
            "--backend",
            "sequential",
        ],
    )
    assert named.exit_code == 0
    assert "mine.py are left out: --trust runs these files" in named.stderr
    assert was_run(run) == []
    estimated = bench.estimate(copy, points=3, execution=HERE, quiet=True, trust=True)
    assert [each.failure for each in estimated] == ["", ""]
    assert was_run(run) == ["algorithm", "estimator"]


def test_figures_of_models_run_what_is_trusted(run: Path) -> None:
    models, missing = bench.load(run, trust=True).models
    assert len(models) == 2
    assert not missing
    assert was_run(run) == ["algorithm"]
