"""What the commands do, as functions; what they give is what the commands print or write."""

from __future__ import annotations

import gc
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.errors import OptionError, StoreError, UnknownName

PLUGINS = Path(__file__).parent.parent / "plugins"
HERE = bench.Execution(backend="sequential", device="cpu")
STUDY: dict[str, Any] = {
    "dataset": str(PLUGINS / "blobs.py"),
    "algos": "aevb[learning_rate=0.05],mcem[learning_rate=0.05]",
    "z": 2,
    "seeds": 2,
    "budget": 1e3,
    "likelihood": "importance[num_samples=20]",
    "likelihood_points": 20,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, not to be changed."""
    return bench.run(out=tmp_path_factory.mktemp("finished") / "run", execution=HERE, quiet=True, **STUDY).path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_says_what_it_does_unless_it_is_to_be_quiet(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.run(out=run, execution=HERE, **STUDY)
    assert "Nothing to do" in capsys.readouterr().err
    bench.run(out=tmp_path / "more", execution=HERE, **{**STUDY, "seeds": 1, "algos": "aevb[learning_rate=0.05]"})
    shown = capsys.readouterr()
    assert "1 algorithm x z = 2 x 1 seed = 1 trial" in shown.err
    assert "[1/1] done" in shown.err
    assert shown.out == ""
    bench.run(out=run, execution=HERE, quiet=True, **STUDY)
    bench.estimate(run, execution=HERE, quiet=True, trust=True)
    assert capsys.readouterr() == ("", "")


def test_estimates_are_returned_and_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    estimated = bench.estimate(run, "ais[num_steps=5]", points=7, execution=HERE, trust=True)
    assert [each.spec.algorithm.plugin.name for each in estimated] == ["aevb", "aevb", "mcem", "mcem"]
    assert all(each.ended_well for each in estimated)
    assert "[4/4] mcem" in capsys.readouterr().err
    kept = bench.load(run).likelihoods.query("estimator == 'ais[num_steps=5]'")
    assert kept["log_likelihood"].tolist() == [each.estimates[0].log_likelihood for each in estimated]
    assert kept["num_points"].tolist() == [7] * 4
    assert bench.estimate(run, "ais[num_steps=5]", points=7, execution=HERE, trust=True) == []
    assert "Nothing to do" in capsys.readouterr().err


def test_a_comparison_has_a_row_for_everything(run: Path, finished: Path) -> None:
    comparison = bench.compare(finished, run, timings="never")
    assert {row.cell.algorithm for row in comparison.rows} == {name.strip() for name in STUDY["algos"].split(",")}
    assert {row.measure for row in comparison.rows if row.verdict == "no evidence"} >= {"log-likelihood"}
    assert not comparison.of("worse", "better", "missing")
    with pytest.raises(OptionError, match="`false_alarms` must lie between 0 and 1"):
        bench.compare(finished, run, false_alarms=2)


def test_an_export_is_text_or_a_file(run: Path, tmp_path: Path) -> None:
    trials = bench.load(run).trials
    assert list(pd.read_csv(io.StringIO(bench.export(run)))["trial"]) == list(trials["trial"])
    assert bench.export(run, "trace", out=tmp_path / "trace.json") == ""
    assert len(pd.read_json(tmp_path / "trace.json")) == len(bench.load(run).trace)
    with pytest.raises(StoreError, match="give `out`"):
        bench.export(run, format="parquet")
    with pytest.raises(OptionError, match=r"`what` must be trials, trace, .* or rate_distortion"):
        bench.export(run, "weights")  # type: ignore[arg-type]  # what is wrong here


def test_the_report_is_a_function_whatever_has_been_imported(run: Path) -> None:
    import bench.report

    files = bench.report(bench.load(run), ["log_likelihood"], ["csv"])  # type: ignore[operator]  # it is one
    assert [path.name for path in files["log_likelihood"]] == ["log_likelihood.csv"]
    assert bench.report is not sys.modules["bench.report"]


def test_a_wrong_request_leaves_nothing(tmp_path: Path) -> None:
    for wrong, error in (({"algos": "aebv"}, UnknownName), ({"budjet": 3}, OptionError)):
        with pytest.raises(error, match="Did you mean"):
            bench.run(out=tmp_path / "run", execution=HERE, quiet=True, **{**STUDY, **wrong})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("enabled", [True, False])
def test_trials_run_with_the_garbage_collection_of_the_caller(tmp_path: Path, enabled: bool) -> None:
    """Only while a run is planned there is none."""
    algorithm = tmp_path / "collecting.py"
    text = (PLUGINS / "mine.py").read_text().replace("import math", "import gc\nimport math")
    algorithm.write_text(
        text.replace("        self.generator", f"        assert gc.isenabled() is {enabled}\n{'':8}self.generator", 1)
    )
    if not enabled:
        gc.disable()
    try:
        results = bench.run(out=tmp_path / "run", execution=HERE, quiet=True, **{**STUDY, "algos": str(algorithm)})
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
    assert results.trials["status"].tolist() == ["done", "done"]


def test_every_exported_name_is_there() -> None:
    for name in bench.__all__:
        assert getattr(bench, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bench.nothing


@pytest.mark.parametrize(
    ("first", "never"),
    [
        ("bench.api.runs, bench.cli.run, bench.cli.estimate", "torch numpy pandas rich joblib scipy"),
        ("bench.execution.warm_up", "torch numpy joblib"),
        ("bench.execution.trial", "pandas matplotlib sklearn rich plotly seaborn pyarrow joblib click"),
        (
            "bench.api.announcements, bench.execution.planning, bench.execution.runner",
            "pandas pyarrow matplotlib scipy",
        ),
    ],
)
def test_what_a_first_trial_waits_for_is_not_imported(first: str, never: str) -> None:
    """The command starts its workers before it imports anything heavy, and a worker imports what a trial needs.

    That there is nothing to do is said before tables are made, which need pandas.
    """
    code = f"import sys, {first}; print([name for name in {never.split()} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_the_digits_are_read_without_scikit_learn() -> None:
    code = "import sys; from bench import seeds; from bench.datasets.digits import Digits\n"
    code += "Digits().load(seeds.generator(0)); print([name for name in ('sklearn', 'scipy') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"
