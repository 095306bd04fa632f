"""Every report is made from a real run, and writes no file for an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench import plugins
from bench.conformance import reports, suite
from bench.conformance.check import Verdict
from bench.conformance.subject import Subject
from bench.execution.execution import Execution
from bench.plugins import PluginRef
from bench.report import Report
from bench.reporting.rendering import make_reports
from bench.results.frames import Results
from bench.store.run_folder import Store
from bench.studies.study import Study

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
EVERY = list(plugins.find("report").values())
# Each has a file in tests/reports, but for aevb_fig3, which is in test_convergence_likelihood.py.
OF_OTHER_RUNS = {"aevb_fig2", "aevb_fig3", "gradients", "iwae_table1"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """An algorithm without a bound, one with discrete z, two seeds, estimators with two bounds and with a path."""
    asked = {"algos": "aevb,mcem,vqvae[num_codes=5]", "dataset": BLOBS, "z": [2], "seeds": 2, "budget": 1e3}
    asked["likelihood_marks"] = [500]
    asked["tune"] = "paper[samples=200]"
    few = "num_steps=5,num_chains=2"
    asked["likelihood"] = f"importance[num_samples=20],bdmc[num_points=4,{few}],ais[start=prior,{few}]"
    out = tmp_path_factory.mktemp("reports") / "run"
    sequential = Execution(backend="sequential", device="cpu")
    return bench.run(out=out, execution=sequential, quiet=True, **asked)


@pytest.mark.parametrize(
    "plugin", [plugin for plugin in EVERY if plugin.name not in OF_OTHER_RUNS], ids=lambda plugin: plugin.name
)
def test_is_saved_in_every_format(plugin: PluginRef, results: Results, tmp_path: Path) -> None:
    report: Report = plugin.load()()
    (made,) = make_reports(results, [plugin.name], folder=tmp_path / "report")
    assert made.error is None
    assert [path.suffix[1:] for path in made.paths] == list(report.formats)
    assert all(path.stat().st_size > 100 for path in made.paths)


@pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)
def test_keeps_the_contract(plugin: PluginRef, results: Results) -> None:
    """With the checks of `bench check`."""
    subject = Subject("report", plugin.load(), cache={reports.RUN: lambda: results})
    made = [*suite.run(subject)]
    assert [each.lesson for each in made if each.verdict is Verdict.FAILED] == []
    assert plugin.name in OF_OTHER_RUNS or all(each.verdict is Verdict.HOLDS for each in made)


@pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.name)
def test_an_empty_run_gives_no_files(plugin: PluginRef, tmp_path: Path) -> None:
    empty = Results(Store.create(tmp_path / "run", Study()).path)
    (made,) = make_reports(empty, [plugin.name], folder=tmp_path / "report")
    assert (made.paths, made.error) == ((), None)
    assert not (tmp_path / "report").exists()
