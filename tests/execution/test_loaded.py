"""The data set of a trial stays loaded for the next one of the process, unless something could have changed it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import plugins
from bench.execution import loaded, mapped, trial
from bench.execution.settings import Settings
from bench.store.records import Status
from bench.store.run_folder import Store
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import TrialSpec
from bench.studies.study import Study

MINE = str(Path(__file__).parent.parent / "plugins" / "mine.py")


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    """Before and after each test."""
    loaded.forget()
    yield
    loaded.forget()


def specs(algorithms: str = "aevb[learning_rate=0.02]", **fields: object) -> list[TrialSpec]:
    study = Study(**{"algos": algorithms, "z": 2, "hidden": 3, "seeds": 2, **fields})
    return study.expand(study.load_data())


def test_the_next_trial_has_the_same_data() -> None:
    first, second = specs()
    version = first.load_data().fingerprint()
    data, fingerprint = loaded.load(first, (), version)
    assert fingerprint == version
    assert loaded.load(second, (), version)[0] is data
    loaded.forget()
    assert loaded.load(second, (), version)[0] is not data


def test_other_data_are_loaded_anew() -> None:
    """Of another data set, and of the same name if the command has planned with another version of them."""
    (first, _), (other, _) = specs(), specs(dataset="digits[num_test=200]")
    version = first.load_data().fingerprint()
    data, _ = loaded.load(first, (), version)
    changed, fingerprint = loaded.load(first, (), "0" * 64)
    assert changed is not data
    assert fingerprint == version
    assert len(loaded.load(other, (), other.load_data().fingerprint())[0].x_test) == 200
    assert loaded.load(first, (), version)[0] is not data  # no more than one data set stays in memory


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data set that is large enough to be shared, in a temporary folder of this test."""
    monkeypatch.setattr(mapped, "LARGE", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return "digits"


def mapped_files(tmp_path: Path) -> list[Path]:
    return sorted(Path(tmp_path, f"aevb-bench-{os.getuid()}").glob("*"))


def test_processes_of_a_machine_share_large_data(large: str, tmp_path: Path) -> None:
    (first, _) = specs(dataset=large)
    own = first.load_data()
    version = own.fingerprint()
    data, _ = loaded.load(first, (), version, has_neighbours=True)
    train, test = mapped_files(tmp_path)[::-1]
    assert (train.name, test.name) == (f"{version}.train", f"{version}.test")
    assert stat.S_IMODE(train.parent.stat().st_mode) == 0o700
    loaded.forget()  # as another process would begin
    again, _ = loaded.load(first, (), version, has_neighbours=True)
    for x, y, z in ((data.x_train, again.x_train, own.x_train), (data.x_test, again.x_test, own.x_test)):
        assert torch.equal(x, z)
        assert torch.equal(y, z)
    data.x_train.zero_()  # somebody's mistake stays with them
    assert torch.equal(again.x_train, own.x_train)
    assert train.read_bytes() == own.x_train.numpy().tobytes()
    loaded.forget([version])
    assert not mapped_files(tmp_path)
    assert torch.equal(again.x_test, own.x_test)  # what is mapped stays


@pytest.mark.parametrize("content", [b"", b"short", None])
def test_a_file_with_other_values_is_not_used(large: str, tmp_path: Path, content: bytes | None) -> None:
    (first, _) = specs(dataset=large)
    own = first.load_data()
    version = own.fingerprint()
    loaded.load(first, (), version, has_neighbours=True)
    train = mapped_files(tmp_path)[-1]
    train.write_bytes(bytes(own.x_train.nbytes) if content is None else content)
    loaded.forget()
    data, _ = loaded.load(first, (), version, has_neighbours=True)
    assert torch.equal(data.x_train, own.x_train)


def test_a_folder_of_others_is_not_used(large: str, tmp_path: Path) -> None:
    folder = Path(tmp_path, f"aevb-bench-{os.getuid()}")
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (first, _) = specs(dataset=large)
    version = first.load_data().fingerprint()
    assert loaded.load(first, (), version, has_neighbours=True)[1] == version
    assert not mapped_files(tmp_path)


def test_what_nobody_has_removed_is_removed_after_a_day(large: str, tmp_path: Path) -> None:
    (first, _) = specs(dataset=large)
    version = first.load_data().fingerprint()
    loaded.load(first, (), version, has_neighbours=True)
    old, new = (mapped_files(tmp_path)[0].with_name(name) for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"another command's")
    os.utime(old, (0, 0))
    loaded.forget([version])
    loaded.load(first, (), version, has_neighbours=True)
    assert {path.name for path in mapped_files(tmp_path)} == {"new", f"{version}.test", f"{version}.train"}


def test_without_neighbours_nothing_is_written(large: str, tmp_path: Path) -> None:
    (first, _) = specs(dataset=large)
    loaded.load(first, (), first.load_data().fingerprint())
    assert not mapped_files(tmp_path)


def test_foreign_code_has_data_of_its_own() -> None:
    """It might change them in place, and no other trial may see that."""
    (shipped, _), (foreign, _) = specs(), specs(MINE)
    version = shipped.load_data().fingerprint()
    data, _ = loaded.load(shipped, (), version)
    theirs, _ = loaded.load(foreign, (), version)
    theirs.x_train.zero_()
    assert loaded.load(shipped, (), version)[0] is data
    assert data.fingerprint() == version


def test_shipped_code_leaves_the_data_as_they_are(tmp_path: Path) -> None:
    """All algorithms, one after the other, on the same loaded data; each gives what it gives on data of its own."""
    names = [f"{name}[learning_rate=0.02]" for name in plugins.find("algorithm")]
    each = specs(",".join(names).split(","), seeds=1)
    version = each[0].load_data().fingerprint()
    settings = Settings(budget=200, estimators=(), eval_points=20, data_version=version)
    for spec in each:
        assert trial.execute(written(spec, tmp_path / "kept"), spec, settings) is Status.DONE
    data, _ = loaded.load(each[0], (), version)
    assert data.fingerprint() == version
    last = each[-1]
    alone = written(last, tmp_path / "alone")
    trial.execute(alone, last, replace(settings, data_version=""))
    weights, same = (folder.read_model() for folder in (Store(tmp_path / "kept").trial(last.id), alone))
    assert all(torch.equal(weights[name], same[name]) for name in weights)


def written(spec: TrialSpec, run: Path) -> TrialFolder:
    folder = Store(run).trial(spec.id)
    folder.write_spec(spec)
    return folder
