"""`bench check` and `bench new`: what they print, write and return."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from unittest import SkipTest

import pytest

import bench as library
from bench.api.creation import KINDS, new
from bench.conformance import suite
from bench.conformance.check import Verdict
from bench.errors import OptionError, PluginError, UsageError

Bench = Callable[..., subprocess.CompletedProcess[str]]

BROKEN = '''
import torch

from bench import Algorithm, Data, Dataset, StepInfo
from bench.options import NoOptions


class Broken(Algorithm):
    """Reports one number per datapoint."""

    Options = NoOptions
    # declared

    def setup(self, problem, generator):
        """Model."""
        self.model = problem.model(encoder=True)

    def step(self, batch):
        """No update."""
        return StepInfo(self.model.elbo(batch.x, self.generator).detach(), len(batch.x))


class Blank(Dataset):
    """Images that are all black."""

    def load(self, generator):
        """Ten of them."""
        return Data(torch.zeros(8, 4), torch.zeros(2, 4), (2, 2), "bernoulli", pixels="all 0")
'''


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_bench_new_writes_passes_bench_check(bench: Bench, tmp_path: Path, kind: str) -> None:
    assert "./mine_too.py is written" in bench("new", kind, "mine_too").stdout
    printed = bench("check", "./mine_too.py").stdout
    assert "FAILED" not in printed
    assert " hold" in printed.splitlines()[-1]
    bench("show", "./mine_too.py")


def test_a_failure_teaches(bench: Bench, broken: Path) -> None:
    printed = bench("check", "broken.py", code=1).stdout
    assert "broken.py: algorithm Broken" in printed
    assert "broken.py: dataset Blank" in printed  # all plugins of a file are checked
    for title in ("What broke", "Why it matters", "Where to look", "How to mend it"):
        assert printed.count(f"{title}:") == 1
    assert "`objective` of the StepInfo that `step` returns must be one real number" in printed
    assert "broken.py, line 20: return StepInfo(" in printed
    assert "skipped 18 checks         runs must hold first" in printed
    assert bench("check", "broken.py", "Blank").stdout.count(": dataset Blank") == 1
    assert "Broken" not in bench("check", "broken.py", "dataset").stdout


def test_a_failure_may_be_declared(bench: Bench, broken: Path) -> None:
    declared = BROKEN.replace("# declared", 'expected_failed_checks = {"runs": "it is a test"}')
    broken.write_text(declared, encoding="utf-8")
    printed = bench("check", "broken.py", "Broken").stdout
    assert "fails as declared" in printed
    assert "it is a test" in printed
    assert "1 failed as declared" in printed
    (result, *_) = library.check(str(broken), "Broken", only="runs")
    assert (result.verdict, result.reason) == (Verdict.EXPECTED, "it is a test")
    broken.write_text(declared.replace(".detach()", ".mean().detach()"), encoding="utf-8")
    printed = bench("check", "broken.py", "Broken", "--only", "runs").stdout
    assert "holds, though declared" in printed
    assert "remove it from `expected_failed_checks`, which says: it is a test" in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "nothing.py"], "does not exist"),
        (["check", "aevbb"], "Did you mean 'aevb'"),
        (["check", "aevb", "--only", "kl_sgn"], "Did you mean 'kl_sign'?"),
        (["check", "aevb", "Adam"], "defines no plugin 'Adam'"),
        (["check", "aevb[rate=1]"], "has no option 'rate'"),
        (["new", "algoritm", "x"], "Did you mean 'algorithm'?"),
        (["new", "algorithm", "aevb"], "is an installed algorithm"),
        (["new", "algorithm", "torch"], "is a Python module"),
        (["new", "algorithm", "../x"], "must be lower-case letters"),
        (["new", "algorithm", "class"], "must be lower-case letters"),
        (["new", "dataset", "broken"], "exists already"),
        (["new", "dataset", "x_y", "--out", "broken.py"], "cannot be made"),
    ],
)
def test_wrong_use_is_refused(bench: Bench, broken: Path, arguments: list[str], words: str) -> None:
    assert words in bench(*arguments, code=2).stderr


@pytest.mark.parametrize("declared", ["['runs']", "{'runs': ''}", "{'rnus': 'why'}", "{'runs': 1}"])
def test_a_declaration_must_name_checks_and_reasons(broken: Path, declared: str) -> None:
    broken.write_text(BROKEN.replace("# declared", f"expected_failed_checks = {declared}"), encoding="utf-8")
    with pytest.raises(PluginError, match="expected_failed_checks"):
        library.check(str(broken), "Broken", only=["runs"])


def test_the_name_of_a_class_does_not_hide_what_its_file_uses(tmp_path: Path) -> None:
    for kind, name in (
        ("dataset", "data"),
        ("estimator", "estimate"),
        ("architecture", "network"),
        ("report", "table"),
    ):
        path = new(kind, name, tmp_path)
        assert Verdict.FAILED not in {each.verdict for each in library.check(str(path))}


def test_pytest_takes_the_checks_one_by_one(broken: Path) -> None:
    checks = {str(check): check for check in library.plugin_checks(str(broken))}
    assert "broken-runs" in checks
    with pytest.raises(AssertionError, match="How to mend it"):
        checks["broken-runs"]()
    checks["broken-loads"]()
    with pytest.raises(SkipTest, match="repeat by chance"):
        checks["broken-held_out"]()


def test_every_check_teaches() -> None:
    for kind in suite.HOMES:
        checks = suite.checks(kind)
        assert len({check.name for check in checks}) == len(checks)
        for check in checks:
            assert all(len(text.split()) >= 3 for text in (check.protects, check.why, check.mend))
            assert check.where


def test_something_else_than_a_plugin_is_refused() -> None:
    for wrong in (3, int, None):
        with pytest.raises(OptionError, match="plugin"):
            library.check(wrong)
    with pytest.raises(UsageError):
        library.check("./nowhere.py")
