"""What foreign code does in a worker while a study is planned is one message to the caller."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from cloudpickle import register_pickle_by_value

from bench.errors import DataError, OptionError, PluginError, UsageError
from bench.execution import foreign
from bench.execution.backend import Workers
from bench.execution.backends import loky
from bench.execution.backends.loky import Loky
from bench.execution.foreign import Code, call

register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests

WORKERS = Workers(time_limit=20)  # which import nothing, and so start quickly
HURRIED = Workers(time_limit=0.5)  # for what takes for ever; a busy machine may need longer for the rest


class ForeignError(DataError):
    """Cannot be made from a message."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} of {second} values are missing")


def interrupt(_: object) -> NoReturn:
    raise KeyboardInterrupt


def refuse(_: object) -> NoReturn:
    raise ForeignError(2, 3)


def refuse_option(_: object) -> NoReturn:
    raise OptionError("`rate` must be a number (got 'x').")


def die(_: object) -> NoReturn:
    os._exit(0)


def hang(_: object) -> None:
    sum(range(10**13))  # in native code


def change(_: object) -> str:
    os.chdir("/")
    return "changed"


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one costs time alone."""
    monkeypatch.setattr(loky, "ATTEMPTS", 1)


def file(folder: Path, *lines: str) -> Code:
    path = folder / "mine.py"
    path.write_text("\n".join(["import os", *lines]))
    return Code.parse("dataset", str(path))


@pytest.mark.parametrize(
    ("function", "kind", "words"),
    [
        (interrupt, PluginError, "Cannot load it: KeyboardInterrupt"),
        (refuse, DataError, "2 of 3 values are missing"),
        (refuse_option, OptionError, "`rate` must be a number (got 'x')."),
        (die, PluginError, "Cannot load it: The worker process died"),
        (hang, PluginError, "Cannot load it: it takes longer than 0.5 s"),
    ],
)
def test_what_a_function_does_in_a_worker_is_one_message(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[object], object], kind: type[UsageError], words: str
) -> None:
    monkeypatch.setattr(foreign, "_import", id)
    code = [Code(Code.parse("dataset", "digits").plugin, is_foreign=True)]
    with Loky() as backend, pytest.raises(UsageError) as caught:
        call(function, None, code, backend, HURRIED if function is hang else WORKERS, doing="load it")
    assert type(caught.value) is kind
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("os._exit(0)", "Cannot import the dataset file {}: The worker process died"),
        ("while True: pass", "Cannot import the dataset file {}: it takes longer than 0.5 s"),
        ("raise KeyboardInterrupt", "Cannot import the dataset file {}: KeyboardInterrupt"),
        ("raise SystemExit(0)", "The dataset file {} fails on import, line 2: SystemExit(0)."),
    ],
)
def test_what_a_file_does_on_import_is_one_message(tmp_path: Path, line: str, words: str) -> None:
    code = file(tmp_path, line)
    started = time.monotonic()
    with Loky() as backend, pytest.raises(PluginError) as caught:
        call(change, None, [code], backend, HURRIED if "while" in line else WORKERS, doing="load it")
    assert words.format(code.plugin.file) in str(caught.value)
    assert time.monotonic() - started < 30


def test_what_is_shipped_is_called_here() -> None:
    code = [Code.parse("dataset", "digits"), Code.parse("dataset", "file[path=x.npy]")]
    assert not any(each.is_foreign for each in code)
    with Loky() as backend:
        assert call(lambda _: os.getpid(), None, code, backend, WORKERS, doing="load it") == os.getpid()
        assert not backend._processes


def test_an_option_that_names_a_file_is_foreign_too() -> None:
    assert Code.parse("dataset", "file[path=x.npy,likelihood=./mine.py]").is_foreign
