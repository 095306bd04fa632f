"""A user's algorithm compared with an earlier run, without running that again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import page_of_tables
from safetensors.numpy import load_file

import bench as library
from bench import plugins
from bench.errors import UsageError
from bench.reporting.captions import caveats
from bench.results.frames import Results

Bench = Callable[..., subprocess.CompletedProcess[str]]
Rewrite = Callable[..., None]

MINE = Path(__file__).parent.parent / "plugins" / "mine.py"
HERE = library.Execution(backend="sequential")
CHEAP = "importance[num_samples=20,proposal=variational]"
ASKED: dict[str, Any] = {
    "algos": "aevb[learning_rate=0.05],mcem[learning_rate=0.05]",
    "z": [2, 3],
    "n_train": 200,
    "seeds": 2,
    "dataset": "digits",
    "hidden": 5,
    "budget": 2000,
    "likelihood_marks": 1000,
    "likelihood": CHEAP,
    "likelihood_points": 20,
}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run to be compared with."""
    out = tmp_path_factory.mktemp("against") / "earlier"
    library.run(out=out, execution=HERE, quiet=True, **ASKED)
    return out


@pytest.fixture(scope="module")
def compared(earlier: Path) -> Path:
    """A run with an algorithm of the user's own, compared with the earlier one."""
    out = earlier.parent / "compared"
    library.run(algos=str(MINE), z=2, against=earlier, out=out, execution=HERE, quiet=True)
    return out


@pytest.fixture
def copy(earlier: Path, tmp_path: Path) -> Path:
    """A copy of the earlier run, to be changed."""
    return Path(shutil.copytree(earlier, tmp_path / "copy"))


AEVB = ("--algos", "aevb[learning_rate=0.05]", "--backend", "sequential")


def own(results: Results) -> pd.DataFrame:
    return results.trials[results.trials["reference"] == ""]


def status_files(run: Path) -> list[Path]:
    return sorted(run.glob("trials/*/status.json"))


def by_point(run: Path, algorithm: str) -> np.ndarray:
    """What the estimates of a run's folder hold, without the library: [S, N]."""
    trials = library.load(run).without_references.trials
    chosen = trials[(trials["algorithm"] == algorithm) & (trials["z"] == 2)].sort_values("seed")["trial"]
    files = [next((run / "trials" / trial).glob("likelihoods.*.safetensors")) for trial in chosen]
    return np.stack([load_file(file)["log_likelihood"] for file in files])


def test_only_the_new_algorithm_is_trained(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    ran = bench("run", "--algos", MINE, "--z", "2", "--against", earlier, "--backend", "sequential", "--out", "new")
    assert len(list((tmp_path / "new" / "trials").iterdir())) == 2  # one for each seed
    assert "Compared with earlier: 4 trials" in ran.stderr
    assert "mcem[learning_rate=0.05] (earlier)" in ran.stdout.replace("\n", " ")
    assert "Their seconds are left out" in ran.stdout
    trials = library.load(tmp_path / "new").trials
    assert trials["algorithm"].unique().tolist() == [
        *("mine", "aevb[learning_rate=0.05] (earlier)", "mcem[learning_rate=0.05] (earlier)")
    ]
    assert set(trials["z"]) == {2}
    assert set(trials["samples"]) == {2000}  # the budget is the earlier run's too
    assert trials.groupby("algorithm")["seed"].unique().map(list).tolist() == [[0, 1]] * 3
    assert not list((tmp_path / "new" / "against").rglob("*.safetensors.checkpoint"))
    assert {path.name.partition(".")[0] for path in (tmp_path / "new" / "against").rglob("*.safetensors")} == {
        "likelihoods"
    }
    assert "mine" in bench("export", "new").stdout
    assert (
        "Nothing to do"
        in bench(
            *("run", "--algos", MINE, "--z", "2", "--against", earlier, "--backend", "sequential", "--out", "new")
        ).stderr
    )


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(("name", "z"), [("reference-digits", 3), ("reference-mnist", 10)])
def test_a_shipped_reference_stands_beside_one_algorithm_that_is_trained(
    bench: Bench,
    unpacked_data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    z: int,
) -> None:
    """As README says; what both have passed is compared, and each shipped algorithm has a marked row."""
    monkeypatch.setenv("BENCH_DATA_DIR", str(unpacked_data_dir))
    asked = ("--algos", MINE, "--against", name, "--z", z, "--seeds", 1, "--budget", 2000)
    ran = bench("run", *asked, "--backend", "sequential", "--device", "cpu", "--out", "new")
    assert len(list((tmp_path / "new" / "trials").iterdir())) == 1
    results = library.load(tmp_path / "new")
    marked = results.trials[results.trials["reference"] == name]
    assert set(marked["algorithm"].str.partition("[")[0].str.split().str[0]) == set(plugins.find("algorithm"))
    assert set(marked["z"]) == {z}
    printed = " ".join(ran.stdout.split())
    assert f"aevb ({name})" in printed
    assert "Their seconds are left out" in printed
    assert "at the end of training" not in printed
    first = marked.set_index("algorithm").loc[f"aevb ({name})", "elbo_test"]
    trace = library.load(name).trace
    of_aevb = trace[(trace["algorithm"] == "aevb") & (trace["z"] == z) & (trace["seed"] == 0)]
    assert first in set(of_aevb["elbo_test"])  # at a mark, not at the end
    assert first != of_aevb["elbo_test"].iloc[-1]


def test_the_numbers_of_the_reference_are_its_own(earlier: Path, compared: Path) -> None:
    numbers = ["seed", "samples", "elbo_test", "log_likelihood_test", "log_likelihood_test_se", "data", "torch"]
    kept = library.load(compared).trials.query("reference == 'earlier'")[numbers]
    there = library.load(earlier).trials.query("z == 2")[numbers]
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), there.reset_index(drop=True), check_exact=True)


def test_differences_are_by_seed_and_test_point(earlier: Path, compared: Path) -> None:
    from bench.reports.differences import Differences

    rows = Differences().table(library.load(compared)).set_index(["algorithm", "other"])
    row = rows.loc[("mine", "aevb[learning_rate=0.05] (earlier)")]
    assert row["interval_over"].startswith("seeds and 20 test points")
    gaps = by_point(compared, "mine") - by_point(earlier, "aevb[learning_rate=0.05]")
    assert row["difference"] == pytest.approx(gaps.mean())
    assert np.isfinite(row["low"])
    assert not row["obstacle"]
    assert all("mine" in pair for pair in rows.index), "those of the reference were compared with each other before"
    assert set(rows["comparisons"]) == {len(rows)}, "and are another family"
    assert len(rows) == 2
    assert len(Differences().table(library.load(earlier))) == 3, "at two places and over both"


def test_seconds_are_left_out_and_figures_say_so(compared: Path) -> None:
    from bench.reports.convergence_seconds import ConvergenceSeconds

    results = library.load(compared)
    of_reference = results.trials["reference"] != ""
    for frame, columns in (
        (results.trials[of_reference], ["train_seconds", "eval_seconds", "samples_per_second"]),
        (results.trace[results.trace["algorithm"].str.contains("earlier")], ["train_seconds", "eval_seconds"]),
        (results.likelihoods[results.likelihoods["algorithm"].str.contains("earlier")], ["seconds"]),
    ):
        assert len(frame)
        assert frame[columns].isna().all().all()
    assert (own(results)["train_seconds"] > 0).all()
    figure = ConvergenceSeconds().figure(results)
    assert figure is not None
    texts = " ".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    assert "Seconds of earlier are not shown" in " ".join(texts.split())
    assert "no encoder" not in texts
    lines = {str(line.get_label()) for line in figure.axes[0].get_lines()}
    assert not any("earlier" in line for line in lines)
    assert any("mine" in line for line in lines)


def test_a_run_keeps_what_it_is_compared_with(compared: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(compared, tmp_path / "moved"))
    results = library.load(moved, trust=True)
    assert len(results.trials) == 6
    assert set(results.models[1].values()) == {"a reference has no weights"}
    made = library.report(results, "index", quiet=True)  # shows all others
    page = made["index"][0].read_text()
    assert "mcem[learning_rate=0.05] (earlier)" in page
    assert "seconds of different machines cannot be compared" in page
    assert "could not be made" not in page


@pytest.mark.parametrize("budget", [1300, 3000])
def test_other_budgets_are_compared_where_both_have_a_log_likelihood(
    earlier: Path, tmp_path: Path, budget: int
) -> None:
    results = library.run(
        algos=str(MINE),
        z=2,
        seeds="0,",
        budget=budget,
        against=earlier,
        out=tmp_path / "run",
        execution=HERE,
        quiet=True,
    )
    assert set(results.trials["samples"]) == {1000}
    alone = library.load(tmp_path / "run").without_references
    assert set(alone.trials["samples"]) == {budget}
    for theirs, ours in ((library.load(earlier), results.trials.query("reference != ''")), (alone, own(results))):
        marks = theirs.trace.query("samples == 1000 and z == 2 and seed == 0")
        assert ours["elbo_test"].tolist() == pytest.approx(marks["elbo_test"].tolist(), nan_ok=True)
        assert ours["log_likelihood_test"].tolist() == marks["log_likelihood_test"].tolist()
    assert results.trace["samples"].max() == 1000
    from bench.reports.differences import Differences

    assert not Differences().table(results)["obstacle"].any()
    (said,) = [each for each in caveats.references(results) if "Budgets differ" in each]
    assert said.endswith("values by test point are not kept: intervals are over seeds, for these test points alone.")
    page = page_of_tables(results, tmp_path / "report")
    assert "Log-likelihood of test data after 1,000 training samples, nats per datapoint" in page
    assert "differences are by seed and test point" not in page


def test_it_says_where_other_budgets_are_compared(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    ran = bench(*("run", *AEVB, "--z", "2", "--seeds", "0,", "--budget", "900", "--against", earlier, "--out", "short"))
    cut = "after 700 to 800 training samples (the first update past the mark of 631)"
    assert set(library.load(tmp_path / "short").trials["samples"]) == {700, 800}  # mcem takes all 200 at once
    assert (
        f"earlier was trained on 2,000 samples, and the budget here is 900: results {cut} are compared." in ran.stderr
    )
    assert f"all results are those {cut}, where log p(x) was not estimated" in ran.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--z", "4"], "`z` of earlier is 2, 3 (got 4)"),
        (["--seeds", "3"], "`seeds` of earlier is 0, 1 (got 2)"),
        (["--n-train", "100"], "`n_train` of earlier is 200 (got 100)"),
        (["--hidden", "9"], "`model` of earlier is mlp[hidden=5] (got 'mlp[hidden=9]')"),
        (["--decoder", "gaussian"], "`decoder` of earlier is bernoulli"),
        (["--dataset", "ppca"], "`dataset` of earlier is digits"),
        (["--resample-train"], "`resample_train` of earlier is False"),
        (["--likelihood", "ais"], f"`likelihood` must be that of earlier, {CHEAP}"),
        (["--likelihood-points", "all"], "`likelihood_points` must be that of earlier, 20"),
        (["--eval-points", "7"], "`eval_points` must be that of earlier, 1000"),
    ],
)
def test_what_is_not_the_same_is_refused(
    bench: Bench, earlier: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    ran = bench("run", *AEVB, "--against", earlier, *options, "--out", "run", code=2)
    assert words in " ".join(ran.stderr.split())
    assert not (tmp_path / "run").exists()


def test_requests_without_sense_are_refused(bench: Bench, earlier: Path, tmp_path: Path) -> None:
    shutil.copytree(earlier, earlier.parent / "wider")
    for arguments, words in (
        (["--against", earlier], "`algos` is missing"),
        (["aevb-fig2", "--algos", MINE, "--against", earlier], "`study` cannot be given with `against`"),
        (["--size", "smoke", "--algos", MINE, "--against", earlier], "`size` cannot be given with `against`"),
        (["--algos", MINE, "--against", "reference-digit"], "Did you mean 'reference-digits' or 'reference-mnist'?"),
        (["--algos", MINE, "--against", tmp_path], "Known: reference-digits, reference-mnist"),
        (["--algos", MINE, "--against", earlier.parent], "is a folder of runs: give one of them, "),
        (["--algos", MINE, "--against", earlier.parent], f"{earlier} or "),
        (["--algos", MINE, "--against", earlier, "--out", earlier], "choose another `out`"),
    ):
        assert words in " ".join(bench("run", *arguments, code=2).stderr.split())


def refusal(reference: Path, out: Path) -> str:
    with pytest.raises(UsageError) as caught:
        library.run(algos="aevb", against=reference, out=out, execution=HERE, quiet=True)
    assert not out.exists()
    return str(caught.value)


def test_other_data_under_the_same_name_are_refused(copy: Path, tmp_path: Path, rewrite: Rewrite) -> None:
    for path in status_files(copy):
        rewrite(path, provenance={**provenance(path), "data_version": "0" * 64})
    assert "The data of digits are not those of copy: the fingerprint is 74df382e7679" in refusal(
        copy, tmp_path / "new"
    )


def test_a_reference_must_be_whole(copy: Path, tmp_path: Path, rewrite: Rewrite) -> None:
    rewrite(status_files(copy)[0], status="interrupted")
    status_files(copy)[1].write_text("{")
    assert "2 trials of copy have not ended or are damaged" in refusal(copy, tmp_path / "new")


def test_edited_code_is_said_but_for_the_harness(
    copy: Path, tmp_path: Path, rewrite: Rewrite, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in status_files(copy):
        edited = {"harness": "other", **({"algorithm": "other"} if "mcem" in path.read_text() else {})}
        rewrite(path, provenance={**provenance(path), "code": {**provenance(path)["code"], **edited}})
    asked = {"algos": "aevb[learning_rate=0.05]", "z": 2, "seeds": "0,"}
    library.run(**asked, against=copy, out=tmp_path / "new", execution=HERE)  # type: ignore[arg-type]
    said = " ".join(capsys.readouterr().err.split())
    assert "Of copy, 1 trial is stale (changed since it ran: algorithm mcem)" in said
    results = library.load(tmp_path / "new")
    assert set(results.changed_since.values()) == {"algorithm"}
    assert len(results.changed_since) == 1
    from bench.reporting.captions import caveats

    (sentence,) = caveats.stale(results)
    assert sentence.startswith("1 trial of copy is stale")
    assert "--on-stale" not in sentence  # they cannot be run again here
    again, kept, _ = results.trials["elbo_test"]
    assert again == kept  # the same algorithm again reaches the same


def provenance(path: Path) -> dict[str, Any]:
    from bench.store.files import read_json

    return dict(read_json(path, path.parent.name)["provenance"])


def test_other_commands_leave_the_reference_alone(bench: Bench, compared: Path) -> None:
    same = bench("compare", compared, compared)
    assert "earlier" not in same.stdout  # it would be compared with itself
    estimated = bench(
        *(
            "estimate",
            compared,
            "--trust",
            "--likelihood",
            "hmc[num_samples=10,num_warmup=10]",
            "--backend",
            "sequential",
        )
    )
    assert "earlier is a reference without weights: it keeps its estimates" in " ".join(estimated.stderr.split())
    refused = bench("estimate", compared / "against" / "earlier", "--likelihood", "ais", code=2)
    assert "a reference has none" in " ".join(refused.stderr.split())
    assert "(earlier)" in bench("export", compared, "--what", "likelihoods").stdout


@pytest.mark.parametrize("option", ["--likelihood-points", "--eval-points"])
def test_all_points_are_called_so(bench: Bench, earlier: Path, option: str) -> None:
    refused = bench("run", *AEVB, "--z", "2", "--against", earlier, option, "all", "--out", "new", code=2)
    assert "so that results can be compared (got all): leave it out" in " ".join(refused.stderr.split())
    asked = ("run", *AEVB, "--z", "2", "--n-train", "200", "--hidden", "5", "--seeds", "1", "--budget", "100")
    bench(*asked, "--out", "own")
    again = bench(*asked, option, "all", "--out", "own", code=2)
    assert " there and all here" in " ".join(again.stderr.split())


def test_what_cannot_be_run_again_is_not_advised_to_be(
    bench: Bench, compared: Path, tmp_path: Path, rewrite: Rewrite
) -> None:
    """The kept copy of a reference is reported by itself, as a shipped one can be."""
    run = Path(shutil.copytree(compared, tmp_path / "run"))
    for path in status_files(run / "against" / "earlier"):
        rewrite(path, provenance={**provenance(path), "code": {**provenance(path)["code"], "algorithm": "other"}})
    said = bench("report", run / "against" / "earlier", "--only", "tuning", "--out", "report").stderr
    assert "4 trials are stale" in said
    assert "--on-stale" not in said


def test_a_narrow_terminal_has_room_for_levels_and_their_intervals(compared: Path) -> None:
    from bench.reporting.tables.terminal import render_table
    from bench.reports.log_likelihood import LogLikelihood

    report = LogLikelihood()
    shown = report.display(report.table(library.load(compared)))
    table = render_table(shown, "Log-likelihood", width=80)
    headings = {" ".join(str(column.header).split()) for column in table.columns}
    assert {"algorithm", "mean log p(x) (nats)", "95 % interval of the mean"} <= headings
    assert "No room for" in str(table.caption)
