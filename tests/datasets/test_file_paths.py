"""Where a file lies and how its path is written: no number changes, and what cannot be read is named."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from bench import plugins
from bench.datasets.file import File
from bench.errors import DataError, OptionError, UsageError
from bench.studies.spec import Choice, load_data
from bench.studies.study import Study

X = np.random.default_rng(0).random((40, 12), dtype=np.float32)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder in ("data", "copy"):
        Path(folder).mkdir()
        np.save(f"{folder}/C.npy", X)
    Path("link.npy").symlink_to("data/C.npy")
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "data/C.npy",
        "./data/C.npy",
        "data//C.npy",
        "data/../data/C.npy",
        "{here}/data/C.npy",
        "~/data/C.npy",
        "link.npy",
        "copy/C.npy",
        "file[path=./data/C.npy]",
        "file[path='data/C.npy',num_test=0]",
    ],
)
def test_every_spelling_is_the_same_trial_on_the_same_data(here: Path, text: str) -> None:
    usual, other = (Study(dataset=each, seeds=(3,)) for each in ("file[path=data/C.npy]", text.format(here=here)))
    data, same = usual.load_data(), other.load_data()
    assert torch.equal(data.x_train, same.x_train)
    assert torch.equal(data.x_test, same.x_test)
    assert [spec.id for spec in usual.expand(data)] == [spec.id for spec in other.expand(same)]
    assert [spec.labels() for spec in usual.expand(data)] == [spec.labels() for spec in other.expand(same)]
    assert usual.differs_from(other) == []


def test_another_file_is_another_trial(here: Path) -> None:
    np.save("data/D.npy", X)
    one, other = (Study(dataset=f"data/{name}.npy") for name in "CD")
    assert torch.equal(one.load_data().x_test, other.load_data().x_test)  # the split depends on neither
    ids = [{spec.id for spec in study.expand(study.load_data())} for study in (one, other)]
    assert not ids[0] & ids[1]
    assert one.differs_from(other)


def test_the_options_of_a_file_do_not_change_its_split(here: Path) -> None:
    usual = load_data(Choice.parse("dataset", "data/C.npy"))
    other = load_data(Choice.parse("dataset", "data/C.npy[likelihood=gaussian,rows=4,divide_by=1]"))
    assert torch.equal(usual.x_test, other.x_test)


@pytest.mark.parametrize("name", ["a,b.npy", "a b.npy", "a[1.npy", "a]1.npy", "a[1].npy", "it's.npy", "a=b.npy"])
def test_names_with_every_character(here: Path, name: str) -> None:
    np.save(name, X)
    quote = '"' if "'" in name else "'"
    for text in (name, f"./{name}", f"file[path={quote}{name}{quote},num_test=3]"):
        choice = Choice.parse("dataset", text)
        assert dict(choice.located) == {"path": name}
        assert Choice.parse("dataset", choice.name).name == choice.name  # names can be read back
        assert len(load_data(choice).x_train) in (32, 37)


def test_brackets_after_a_path_are_options(here: Path) -> None:
    plugin, settings = plugins.resolve("dataset", "data/C.npy[num_test=7]")
    assert (plugin.name, settings) == ("file", {"path": "data/C.npy", "num_test": "7"})
    with pytest.raises(OptionError, match=r"quote a value that holds a comma or a bracket, as in path='a,b.npy'"):
        plugins.resolve("dataset", "file[path=data/a,b.npy]")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.npy", "does not exist (looked for"),
        ("no/such/folder/x.npy", "does not exist (looked for"),
        ("n" * 5000 + ".npy", "File name too long"),
        ("n" * 300 + ".npy", "File name too long"),
        ("data/C.npy/x.npy", "Not a directory"),
        ("loop.npy", "symbolic links"),
        ("gone.npy", "gone.npy is a link to nothing"),
        ("~nobody-of-this-name/x.npy", "write the path without '~'"),
        ("x\0.npy", "must be text"),
        ("pipe.npy", "it is a pipe or a device"),
        ("/dev/zero", "it is a pipe or a device"),
        ("data", "C.npy must be an image"),
        ("folder.npy", "must hold images (it holds no files"),
    ],
)
def test_paths_that_cannot_be_read(here: Path, path: str, words: str) -> None:
    Path("loop.npy").symlink_to("loop.npy")
    Path("gone.npy").symlink_to("nothing")
    Path("folder.npy").mkdir()
    os.mkfifo("pipe.npy")
    for text in (path, f"file[path={path}]"):
        with pytest.raises(UsageError) as error:
            Study(dataset=text).load_data()
        assert words in str(error.value)
        assert len(str(error.value)) < 1500


def test_a_closed_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user than root, who may read everything, perhaps not the code: that is loaded before."""
    user, known = os.geteuid(), {kind: plugins.find(kind) for kind in plugins.KINDS}
    monkeypatch.setattr(plugins, "find", known.__getitem__)
    Study(dataset="file[path=data/C.npy]").load_data()
    Path("data").chmod(0)
    os.chdir("copy")
    try:
        os.seteuid(user or 65534)
        for path in (here / "data" / "C.npy", here / "data"):
            with pytest.raises(DataError, match="Permission denied"):
                Study(dataset=f"file[path={path}]").load_data()
            with pytest.raises(DataError, match="Permission denied"):
                Study(dataset=str(path)).load_data()
    finally:
        os.seteuid(user)
        Path("../data").chmod(0o700)


@pytest.mark.parametrize(
    ("path", "action"),
    [("data/C.npy", "open"), ("data", "iterdir"), ("a.csv", "open"), ("a.mat", "read_bytes")],
)
def test_a_disk_that_fails(here: Path, monkeypatch: pytest.MonkeyPatch, path: str, action: str) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    for name in ("a.csv", "a.mat"):
        Path(name).touch()
    monkeypatch.setattr(Path, action, fails)
    with pytest.raises(DataError, match=r"cannot be read \(Input/output error\)"):
        File(path=path).load(torch.Generator())
