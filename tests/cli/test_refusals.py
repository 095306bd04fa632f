"""Invalid requests: one message that names the mistake, exit code 2, no traceback, nothing written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

PLUGINS = Path(__file__).parent.parent / "plugins"
BLOBS = str(PLUGINS / "blobs.py")

Bench = Callable[..., subprocess.CompletedProcess[str]]


def written(folder: Path) -> list[str]:
    """All files except Python's cache of a plugin file."""
    return sorted(path.name for path in folder.rglob("*") if "__pycache__" not in path.parts)


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
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.toml").write_text("z = [7]\n")
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
        (["export", "other", "--format", "parquet"], "-o FILE"),
        (["export", "other", "-o", "/proc/nothing/x.csv"], "cannot be written"),
        (["export", "other", "--what", "weights"], "weights"),
    ],
)
def test_other_commands_refuse(bench: Bench, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.toml").write_text("z = [7]\n")
    assert words in bench(*arguments, code=2).stderr


def test_a_refusal_shows_no_traceback(process: Bench) -> None:
    finished = process("run", "--algos", "wakeslep", "--dataset", BLOBS, code=2)
    assert finished.stdout == ""
    assert finished.stderr.startswith("Error: Unknown algorithm 'wakeslep'. Did you mean 'wakesleep'?")
