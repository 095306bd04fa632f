"""Data or code that change between two commands: no old weights on new values, no mean over both, and a mark."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from pages import page_of_tables

import bench as library
from bench import plugins
from bench.execution import trial_state
from bench.execution.settings import Settings
from bench.execution.trial import execute
from bench.store.records import Status
from bench.store.run_folder import Store

Bench = Callable[..., Any]
MINE = Path(__file__).parent.parent / "plugins" / "mine.py"
NEWEST = "file[path=x.npy]"
OLDER = "file[path=x.npy] (older data)"
HERE = library.Execution(backend="sequential")
CHEAP = "importance[num_samples=10,proposal=encoder]"
FINER = "importance[num_samples=20,proposal=encoder]"
ASKED = [
    *("run", "--dataset", "x.npy", "--algos", "mine.py,aevb[learning_rate=0.02]", "--z", "2", "--hidden", "8"),
    *("--budget", "300", "--likelihood", CHEAP, "--likelihood-points", "10"),
    *("--backend", "sequential", "--out", "run"),
]
AEVB, OWN = "aevb[learning_rate=0.02]", "mine"


def write_data(folder: Path, seed: int) -> None:
    """Sixty datapoints of eight values: others for another ``seed``, under the same name."""
    np.save(folder / "x.npy", np.random.default_rng(seed).random((60, 8)) ** (1 + 3 * seed))


def edit_code(folder: Path) -> None:
    (folder / "mine.py").write_text(MINE.read_text().replace("log_w, 0)", "log_w * 0.9, 0)"))


def files(folder: Path) -> dict[str, str]:
    """A hash of everything that is stored of a run."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and "report" not in path.parts)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "run" / "report" / "tables" / f"{name}.csv")


def seeds_of_datasets() -> dict[str, list[int]]:
    return library.load("run").trials.groupby("dataset")["seed"].unique().map(list).to_dict()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., None]) -> Path:
    """Two seeds of two algorithms, one of them a user's own, on a user's own data."""
    folder = tmp_path_factory.mktemp("original")
    write_data(folder, 0)
    shutil.copy(MINE, folder / "mine.py")
    train(folder, *ASKED, "--seeds", 2)
    return folder


@pytest.fixture
def home(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory."""
    shutil.copytree(original, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_new_data_under_an_old_name_are_never_averaged_with_it(bench: Bench, home: Path) -> None:
    before = library.load("run").trials.set_index("trial")["log_likelihood_test"]
    write_data(home, 1)
    said = bench(*ASKED, "--seeds", 3).stderr
    assert "4 trials are stale (changed since they ran: data of file[path=x.npy])" in said
    assert "4 finished trials kept, 2 to do" in said
    bench("report", "run", "--only", "log_likelihood,differences,what_ran", "--format", "csv")
    trials = library.load("run").trials
    means = trials.groupby(["dataset", "algorithm"])["log_likelihood_test"].mean()
    rows = table(home, "log_likelihood").set_index(["dataset", "algorithm"])
    assert rows["seeds"].to_dict() == {(OLDER, OWN): 2, (OLDER, AEVB): 2, (NEWEST, OWN): 1, (NEWEST, AEVB): 1}
    for cell, row in rows.iterrows():
        assert row["log_likelihood"] == pytest.approx(means[cell], abs=1e-9)
    assert rows["stale"].tolist() == [2, 2, 0, 0]
    pairs = table(home, "differences").set_index("dataset")
    assert pairs["seeds"].to_dict() == {OLDER: 2, NEWEST: 1}  # and no mean over both
    profile = plugins.create("report", "performance_profile").figure(library.load("run"))
    assert f"Not counted: {OLDER}." in "".join(text.get_text() for text in profile.findobj(Text))
    assert trials.set_index("trial")["log_likelihood_test"][before.index].equals(before)
    ran = table(home, "what_ran").set_index("seed")
    assert ran["changed_since"].fillna("").to_dict() == {0: "data", 1: "data", 2: ""}
    assert ran.groupby("seed")["data_version"].nunique().eq(1).all()
    assert ran["data_version"][0].iloc[0] != ran["data_version"][2].iloc[0]
    assert "4 trials are stale" in page_of_tables(library.load("run"), home / "tables")
    exported = pd.read_csv(io.StringIO(bench("export", "run").stdout))
    assert exported.set_index("seed")["stale"].fillna("").to_dict() == {0: "data", 1: "data", 2: ""}


def test_they_are_averaged_if_asked_for_and_then_it_is_said(bench: Bench, home: Path) -> None:
    write_data(home, 1)
    bench(*ASKED, "--seeds", 3)
    said = bench("report", "run", "--mix-stale", "--only", "log_likelihood", "--format", "csv").stderr
    assert "They are averaged with the others." in said
    rows = table(home, "log_likelihood")
    assert rows[["dataset", "seeds", "stale"]].values.tolist() == [[NEWEST, 3, 2]] * 2
    assert len(library.load("run", mix_stale=True).trials["dataset"].unique()) == 1


def test_stale_trials_that_nothing_newer_stands_beside_are_marked_too(bench: Bench, home: Path) -> None:
    write_data(home, 1)
    bench(*ASKED, "--seeds", 2)
    said = bench("report", "run", "--only", "log_likelihood", "--format", "csv").stderr
    assert "4 trials are stale" in said
    assert table(home, "log_likelihood")["stale"].tolist() == [2, 2]
    write_data(home, 0)  # and no longer, once the data are as they were
    bench(*ASKED, "--seeds", 2)
    assert library.load("run").changed_since == {}


def test_other_seeds_alone_are_enough_to_see_it(bench: Bench, home: Path) -> None:
    write_data(home, 1)
    assert "4 trials are stale" in bench(*ASKED, "--seeds", "7,").stderr
    assert seeds_of_datasets() == {OLDER: [0, 1], NEWEST: [7]}
    write_data(home, 0)  # as they were
    assert "2 trials are stale" in bench(*ASKED, "--seeds", 2).stderr
    assert seeds_of_datasets() == {OLDER: [7], NEWEST: [0, 1]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: write_data(folder, 1), "4 trials are stale (changed since they ran: data of file[path=x.npy])"),
        (edit_code, "2 trials are stale (changed since they ran: algorithm {}/mine.py)"),
    ],
    ids=["data", "code"],
)
def test_an_error_names_what_has_changed_and_writes_nothing(
    bench: Bench, home: Path, change: Callable[..., None], words: str
) -> None:
    before = files(home / "run")
    change(home)
    said = bench(*ASKED, "--seeds", 3, "--on-stale", "error", code=2).stderr
    assert words.format(home) in said
    assert "--on-stale rerun" in said
    assert files(home / "run") == before
    with pytest.raises(library.errors.StoreError, match="stale"):
        library.run(home / "run" / "study.toml", out="run", on_stale="error", execution=HERE, quiet=True)


def test_nothing_is_an_error_if_nothing_has_changed(bench: Bench, home: Path) -> None:
    assert "Nothing to do" in bench(*ASKED, "--seeds", 2, "--on-stale", "error").stderr
    assert "Invalid value" in bench(*ASKED, "--on-stale", "forget", code=2).stderr
    with pytest.raises(library.errors.OptionError, match="`on_stale` must be keep, rerun or error"):
        library.run(on_stale="forget")  # type: ignore[arg-type]  # that is the test


def test_a_rerun_makes_all_of_them_as_if_nothing_had_been(bench: Bench, home: Path) -> None:
    write_data(home, 1)
    bench(*ASKED, "--seeds", 3, "--on-stale", "rerun")
    bench(*ASKED[:-1], "afresh", "--seeds", 3)
    values = [library.load(name).trials.set_index("trial")["log_likelihood_test"] for name in ("run", "afresh")]
    pd.testing.assert_series_equal(*values, check_exact=True)
    assert library.load("run").changed_since == {}


def test_an_edited_algorithm_is_another_competitor(bench: Bench, home: Path) -> None:
    edit_code(home)
    assert "2 trials are stale (changed since they ran: algorithm" in bench(*ASKED, "--seeds", 3).stderr
    bench("report", "run", "--only", "log_likelihood,differences,what_ran", "--format", "csv")
    rows = table(home, "log_likelihood").set_index("algorithm")
    assert rows["seeds"].to_dict() == {f"{OWN} (older code)": 2, OWN: 1, AEVB: 3}
    assert rows["stale"].to_dict() == {f"{OWN} (older code)": 2, OWN: 0, AEVB: 0}
    pairs = table(home, "differences").set_index(["algorithm", "other"])["seeds"].to_dict()
    assert pairs == {(f"{OWN} (older code)", AEVB): 2, (OWN, AEVB): 1}
    ran = table(home, "what_ran").set_index(["algorithm", "seed"])["changed_since"].fillna("")
    assert ran.groupby("algorithm").unique().map(list).to_dict() == {
        f"{OWN} (older code)": ["algorithm"],
        OWN: [""],
        AEVB: [""],
    }


def test_a_kept_trial_is_not_extended_and_an_unfinished_one_begins_again(bench: Bench, home: Path) -> None:
    trials = library.load("run").trials.set_index(["algorithm", "seed"])
    half = Store(home / "run").trial(trials.loc[(AEVB, 1), "trial"])
    trial_state.mark(half, Status.INTERRUPTED)
    write_data(home, 1)
    longer = [{"300": "700"}.get(each, each) for each in ASKED]
    said = bench(*longer, "--seeds", 2, "--likelihood", f"{CHEAP},importance[num_samples=5,proposal=encoder]").stderr
    assert "3 trials are stale" in said
    assert "1 trial is stale (changed since it ran: data of file[path=x.npy]): run again from the beginning" in said
    found = library.load("run").trials.set_index(["algorithm", "seed"])
    assert found["samples"].drop((AEVB, 1)).eq(trials["samples"].drop((AEVB, 1))).all()
    assert found.loc[(AEVB, 1), "samples"] >= 700
    bench(
        *[{"run": "run" if each == "run" and i == 0 else "afresh"}.get(each, each) for i, each in enumerate(longer)],
        "--seeds",
        "1,",
    )
    fresh = library.load("afresh").trials.set_index(["algorithm", "seed"])
    assert found.loc[(AEVB, 1), "log_likelihood_test"] == fresh.loc[(AEVB, 1), "log_likelihood_test"]


def test_data_that_change_while_a_trial_waits_for_its_worker_are_refused(home: Path) -> None:
    folder = Store(home / "run").trial(library.load("run").trials.query("algorithm == @AEVB")["trial"].iloc[0])
    trial_state.mark(folder, Status.INTERRUPTED)
    write_data(home, 1)
    assert execute(folder, folder.read_spec(), Settings(budget=700, estimators=())) is Status.FAILED
    assert "The data have changed since this trial began" in folder.read_status().reason


def test_no_estimate_puts_old_weights_on_new_values(bench: Bench, home: Path) -> None:
    write_data(home, 1)
    before = files(home / "run")
    said = bench("estimate", "run", "--likelihood", FINER, "--trust", code=2).stderr
    assert "Nothing in 'run' can be evaluated: the data of file[path=x.npy] have changed since training" in said
    assert files(home / "run") == before
    bench(*ASKED, "--seeds", 3)
    asked = ("estimate", "run", "--likelihood", FINER, "--trust", "--backend", "sequential")
    said = bench(*asked, code=3).stderr
    assert "and 3 other trials are left out: the data of file[path=x.npy] have changed since training" in said
    finer = library.load("run").likelihoods.query("estimator == @FINER")
    assert finer["seed"].tolist() == [2, 2]
    write_data(home, 0)  # the data are back, and with them what they made
    bench(*asked, code=3)
    finer = library.load("run").likelihoods.query("estimator == @FINER")
    assert sorted(finer["seed"]) == [0, 0, 1, 1, 2, 2]


def test_figures_of_models_leave_out_those_of_other_data(bench: Bench, home: Path) -> None:
    models, missing = library.load("run", trust=True).models
    assert (len(models), missing) == (2, {})
    write_data(home, 1)
    models, missing = library.load("run", trust=True).models
    assert models == []
    assert set(missing.values()) == {"its data have changed since it was trained"}
    assert "its data have changed since it was trained" in bench("report", "run", "--trust", "--only", "samples").stdout


def test_runs_on_other_data_of_the_same_name_are_not_compared(bench: Bench, home: Path) -> None:
    write_data(home, 1)
    bench(*ASKED[:-1], "same", "--seeds", 2)
    bench(*ASKED[:-1], "other", "--seeds", "5,6")
    for name in ("same", "other"):
        said = bench("compare", "run", name, code=2).stdout
        assert "different data" in said
        assert "Nothing could be compared." in said
    datasets = library.load("run", "other").trials["dataset"].unique().tolist()  # nor do they meet in one report
    assert sorted(datasets) == [NEWEST, OLDER]


def test_weights_in_a_model_of_edited_code_are_told(bench: Bench, home: Path) -> None:
    bench(*ASKED, "--seeds", 3)
    edit_code(home)
    said = bench("estimate", "run", "--points", 5, "--trust", "--backend", "sequential").stderr
    assert f"1 trial is stale (changed since it ran: algorithm {home / 'mine.py'}): estimates are of the model" in said
