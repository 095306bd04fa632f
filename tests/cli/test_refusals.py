"""Invalid requests: one message that names the mistake, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.store import study_file
from bench.store.run_folder import FILE, LOCK
from bench.studies.study import Study

PLUGINS = Path(__file__).parent.parent / "plugins"
BLOBS = str(PLUGINS / "blobs.py")

Bench = Callable[..., subprocess.CompletedProcess[str]]


def written(folder: Path) -> list[str]:
    """All files except Python's cache of a plugin file, and the lock of a run folder, which stays."""
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return sorted(path.name for path in paths if path.name != LOCK)


def another_study(folder: Path) -> None:
    """A run folder none of whose trials has begun."""
    folder.mkdir()
    study_file.write(folder / FILE, Study(z=(7,)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--algos", "wakeslep"], "Did you mean 'wakesleep'"),
        (["--algos", "aevb,,mcem"], "has an empty entry"),
        (["--algos", "aevb[lr=1]"], "aevb has no option 'lr'"),
        (
            ["--algos", "aevb[learning_rate=fast]"],
            "`learning_rate` of aevb must be a number above 0 or 'auto' (got 'fast')",
        ),
        (["--algos", "aevb[num_samples=0]"], "at least 1"),
        (["--algos", "aevb[kl_warmup=100,estimator=A]"], "choose estimator=B"),
        (["--algos", "aevb[free_bits=0.1,estimator=A]"], "choose estimator=B"),
        (["--algos", "aevb[denoise=masking,corruption=1.5]"], "at most 1 (got 1.5)"),
        (["--algos", "aevb[corruption=0.5]"], "has no effect without `denoise`"),
        (
            ["--algos", "rws[phi=sleep,gradient=dreg]"],
            "no effect with phi=sleep (got dreg): choose phi=wake",
        ),
        (["--algos", "rws[num_samples=1]"], "`num_samples` of rws must be at least 2 with phi=wake (got 1)"),
        (["--algos", "rws[num_samples=1,phi=both]"], "or phi=sleep for wake-sleep"),
        (["--algos", "vimco[num_samples=1]"], "`num_samples` of vimco must be an integer of at least 2 (got '1')"),
        (["--algos", "vralpha[alpha=inf]"], "`alpha` of vralpha must be a number (got 'inf')"),
        (["--algos", "iwae[gradient=DReG]"], "`gradient` of iwae must be 'standard' or 'stl' or 'dreg' (got 'DReG')"),
        (["--algos", "aevb[num_samples=1"], "Brackets do not match"),
        (["--algos", "missing.py"], "does not exist"),
        (["--algos", "empty.py"], "must define exactly one algorithm"),
        (["--algos", "raises.py"], "fails on import, line 1: ZeroDivisionError"),
        (["--dataset", "mnits"], "Did you mean 'mnist'"),
        (["--dataset", "mnist[binarise=none]"], "Did you mean 'binarize'"),
        (["--dataset", "mnist[binarize=maybe]"], "'maybe'"),
        (["--dataset", "file"], "needs `path`"),
        (["--dataset", "file[path=nowhere.npy]"], "nowhere.npy"),
        (["--dataset", "file[path=truncated.npy]"], "truncated.npy"),
        (["--dataset", "file[path=nan.npy]"], "NaN"),
        (["--dataset", "file[path=cube.npy]"], "cube.npy"),
        (["--n-train", "100000"], "must be at most"),
        (["--z", "0"], "'--z': must be at least 1 (got 0)"),
        (["--z", "3,x"], "'--z': must be a whole number such as 1000 or 1e6 (got 'x')"),
        (["--z", "2.5"], "'2.5'"),
        (["--z", "3,3"], "`z` must not repeat a value"),
        (["--budget", "-1"], "must be at least 1"),
        (["--budget", "lots"], "'lots'"),
        (["--seeds", "-2"], "at least 1"),
        (["--seeds", "0"], "at least 1"),
        (["--jobs", "0"], "'--jobs'"),
        (["--timeout", "soon"], "30m"),
        (["--device", "tpu"], "`device` must be auto or one of cpu"),
        (["--model", "mpl"], "Did you mean 'mlp'"),
        (["--model", "mlp[hidden=0]"], "`hidden` of mlp must be an integer of at least 1"),
        (["--hidden", "0"], "'--hidden'"),
        (["--decoder", "gausian"], "Did you mean 'gaussian'"),
        (["--dataset", "ppca", "--decoder", "bernoulli"], "needs data in [0, 1]"),
        (["--likelihood", "importence"], "Did you mean 'importance'"),
        (["--likelihood", "importance[num_samples=1]"], "at least 2"),
        (["--zz", "3"], "--z"),
        (["--out", "a_file"], "is a file"),
        (["--out", "full"], "holds no study"),
        (["--out", "other"], "holds another study"),
        (["--out", "/proc/nothing/here"], "cannot be written"),
        (["no-such.toml"], "cannot be read"),
        (["bad.toml"], "not valid TOML"),
        (["typed.toml"], "`budget`"),
        (["texts.toml"], "`algos` must be text"),
        (["--algos", "leaves.py"], "fails on import, line 1: SystemExit(3)"),
        (["--model", "linear", "--hidden", "7"], "linear has no option 'hidden'"),
        (["--seeds", "1e9"], "`seeds` must be an integer of at most 100,000"),
        (["--seeds", "9" * 400], "'--seeds': must be at most 9223372036854775807"),
        (["--seeds", "9" * 5000], "4840 characters left out"),
        (["--z", "1e12"], "`z` must be an integer of at most 100,000"),
        (["--z", "1e400"], "must be a whole number"),
        (["--seeds", "1e5"], "at most 100,000 trials"),
        (["--budget", "inf"], "must be a whole number"),
        (["--algos", f"aevb[num_samples={'9' * 400}]"], "`num_samples` of aevb must be an integer"),
        (["--algos", f"aevb[learning_rate={'9' * 400}]"], "`learning_rate` of aevb must be a number"),
        (["--threads", "100000"], "`threads` must be an integer from 1 to 1024 (got 100000)"),
        (["--jobs", "10000"], "`jobs` must be an integer from 0 to 1024 (got 10000)"),
        (["--timeout", "9" * 400], "30m"),
        (["--device", "meta"], "`device` must be auto or one of cpu"),
        (["--device", "cpu:7"], "`device` must be auto or one of cpu"),
        (["--algos", "a" * 256], "Unknown algorithm"),
        (["--algos", f"./{'a' * 256}.py"], "File name too long"),
        (["--algos", "~nouser/mine.py"], "home directory"),
        (["--out", "b" * 256], "File name too long"),
        (["--out", "new/" + "b" * 256], "File name too long"),
        (["--out", "~nouser/run"], "home directory"),
        (["--out", "a_file/run"], "cannot be written (Not a directory)"),
        (["deep.toml"], "nested too deeply"),
        (["nested.toml"], "`seeds` must be an integer of at least 0 (got [0])"),
        (["outside.toml"], "must be named with at most 60 letters"),
    ],
)
def test_run_refuses(bench: Bench, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    (tmp_path / "a_file").write_text("")
    (tmp_path / "bad.toml").write_text("z = [")
    (tmp_path / "typed.toml").write_text("budget = 'many'")
    (tmp_path / "texts.toml").write_text("algos = [1]")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "deep.toml").write_text("z = " + "[" * 3000)
    (tmp_path / "nested.toml").write_text("seeds = [[0]]")
    (tmp_path / "outside.toml").write_text('[parts."../outside"]\nz = [3]')
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    another_study(tmp_path / "other")
    np.save(tmp_path / "nan.npy", np.full((30, 4), np.nan, dtype=np.float32))
    np.save(tmp_path / "cube.npy", np.zeros((3, 4, 5, 6), dtype=np.float32))
    np.save(tmp_path / "whole.npy", np.zeros((30, 400), dtype=np.float32))
    (tmp_path / "truncated.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:1000])
    before = written(tmp_path)
    given = (
        arguments
        if "--dataset" in arguments
        else [*arguments, "--dataset", BLOBS]
        if ".toml" not in arguments[0]
        else arguments
    )
    finished = bench("run", *given, "--backend", "sequential", code=2)
    assert words in finished.stderr
    assert "Error" in finished.stderr
    assert len(finished.stderr.strip().splitlines()) <= 4  # with click's usage lines
    assert written(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum"], "Did you mean 'run'"),
        (["report", "nowhere"], "is not a run folder"),
        (["export", "nowhere"], "is not a run folder"),
        (["show", "aebv"], "Did you mean 'aevb'"),
        (["list", "algoritms"], "Did you mean 'algorithms'"),
        (["report", "other", "--only", "log_likelyhood"], "Did you mean 'log_likelihood'"),
        (["report", "other", "--format", "docx"], "choose among"),
        (["export", "other", "--format", "parquet"], "give `out`"),
        (["export", "other", "-o", "/proc/nothing/x.csv"], "cannot be written"),
        (["export", "other", "--what", "weights"], "weights"),
        (["export", "other", "-o", "x.xlsx"], "must end in .csv, .csv.gz, .json, .json.gz or .parquet (got 'x.xlsx')"),
        (["export", "other", "-o", "x.parquet.gz"], "must end in .csv"),
        (["export", "other", "-o", "x" * 256], "File name too long"),
        (["compare", "other", "x" * 256], "File name too long"),
        (["report", "~nouser/run"], "home directory"),
        (["report", "other", "--out", "x" * 256], "File name too long"),
        (["estimate", "other", "--points", "1e30"], "must be at most"),
        (["show", "x" * 300], "Unknown plugin or study"),
    ],
)
def test_other_commands_refuse(bench: Bench, tmp_path: Path, arguments: list[str], words: str) -> None:
    another_study(tmp_path / "other")
    assert words in bench(*arguments, code=2).stderr


def test_a_refusal_shows_no_traceback(process: Bench) -> None:
    finished = process("run", "--algos", "wakeslep", "--dataset", BLOBS, code=2)
    assert finished.stdout == ""
    assert finished.stderr.startswith("Error: Unknown algorithm 'wakeslep'. Did you mean 'wakesleep'?")


def test_a_plugin_of_that_name_in_the_folder_is_named(bench: Bench, tmp_path: Path) -> None:
    """Tables call an algorithm after its file, without the path that commands need."""
    (tmp_path / "mine.py").touch()
    assert "There is a file mine.py here: give ./mine.py." in bench("run", "--algos", "aevb,mine", code=2).stderr


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder that this user may not look into."""
    folder = tmp_path / "locked"
    (folder / "run" / "trials").mkdir(parents=True)
    (folder / "run" / "study.toml").write_text("z = [7]\n")
    folder.chmod(0)
    if os.access(folder, os.R_OK):
        pytest.skip("this user may look into every folder")
    yield folder
    folder.chmod(0o700)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--dataset", BLOBS, "--backend", "sequential", "--out", "locked/new"],
        ["run", "locked/study.toml"],
        ["run", "--algos", "locked/mine.py"],
        ["report", "locked/run"],
        ["compare", "locked/run", "locked/run"],
        ["export", "locked/run"],
        ["estimate", "locked/run"],
    ],
)
def test_a_folder_without_permission_is_one_message(bench: Bench, locked: Path, arguments: list[str]) -> None:
    assert "Permission denied" in bench(*arguments, code=2).stderr


def test_trials_without_permission_are_not_left_out_silently(bench: Bench, locked: Path) -> None:
    locked.chmod(0o700)
    (locked / "run" / "trials").chmod(0)
    assert "may not be read by this user" in bench("compare", "locked/run", "locked/run", code=2).stderr
    (locked / "run" / "trials").chmod(0o700)
