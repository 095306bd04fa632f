"""Whatever is typed ends with a documented exit code and one message, never with a traceback.

CI tries ``CASES`` of each kind, always the same ones and enough to notice a gap in the checks; BENCH_FUZZ_CASES=1500
tries others, 10,500 of them in two minutes.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench import plugins
from bench.cli import COMMANDS, characters, cli
from bench.cli.endings import code_of
from bench.errors import UsageError
from bench.studies import files as study_files
from bench.studies.spec import Choice
from bench.studies.study import Study
from bench.values.calls import parse_call, split_list

CASES = int(os.environ.get("BENCH_FUZZ_CASES", "60"))
DOCUMENTED = (0, 2, 3)

many = settings(
    max_examples=CASES,
    deadline=None,
    derandomize="BENCH_FUZZ_CASES" not in os.environ,  # CI always tries the same
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)

HOSTILE = [
    *["", " ", ",", "[", "]", "[]", "a[", "=", "-", "--", "-1", "0", "1e9", "1e400", "nan", "inf", "-inf", "9" * 400],
    *["9" * 5000, "1" + "0" * 18, "²", "½", "١", "±", "\x1b[31m", "\x07", "a\nb", "\ud800", "x" * 256, "x" * 5000],
    *["..", "../x", "/", "/dev/null", "/dev/null/x", "/etc/shadow", "~", "~nouser/x", "x.py", "./x.py", "x.toml"],
    *["aevb[num_samples=1e400]", "aevb[x=]", "aevb[[]]", "aevb,aevb", "mlp[hidden=0]", "cuda:99", "meta", "cpu:0"],
    *["%s%n", "{0}", "{x}", "$HOME", "\\", "'", '"', "[bold]x[/]", "[/]", "None", "true", "0x10", "1_0", "+5", "1,2"],
]
texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=30), st.text("abcdeilmnprstv[]=,.0123456789-/~ ", max_size=30)
)
KNOWN = [*plugins.find("algorithm"), "digits", "ppca", "file", "collapse"]  # no data set that is downloaded
words = st.one_of(texts, st.sampled_from(KNOWN))


def options(*names: str) -> st.SearchStrategy[list[str]]:
    """Some of these options, each with any value."""
    pairs = st.tuples(st.sampled_from(names), words)
    return st.lists(pairs, max_size=4).map(lambda chosen: [word for pair in chosen for word in pair])


RUN = ("--algos", "--z", "--n-train", "--seeds", "--dataset", "--model", "--hidden", "--decoder", "--budget", "--size")
RUN += ("--likelihood", "--eval-points", "--likelihood-points", "--likelihood-marks", "--jobs", "--threads", "--device")
RUN += ("--timeout", "--backend", "--tune", "--against")


def ended(arguments: list[str]) -> int:
    """The exit code of ``bench`` in this process; it must not show a traceback."""

    def command() -> object:
        with cli.make_context("bench", list(arguments)) as context:
            return cli.invoke(context)

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        characters.replace_what_streams_lack()
        code = code_of(command)
        for stream in (out, err):
            stream.flush()
    shown = err.buffer.getvalue().decode()  # type: ignore[attr-defined]  # a BytesIO
    assert "Traceback" not in shown, shown
    assert code != 2 or "Error: " in shown or "Usage: " in shown, shown
    return code


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, with the run folder of a study that has not begun; nothing is written anywhere else."""
    (tmp_path / "work" / "run").mkdir(parents=True)
    (tmp_path / "work" / "run" / "study.toml").write_text("z = [7]\n")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield tmp_path
    assert {path.name for path in tmp_path.iterdir()} <= {"work", "home"}


@many
@given(arguments=options(*RUN), study=st.one_of(st.none(), texts))
def test_run(here: Path, arguments: list[str], study: str | None) -> None:
    # A good request is refused at its end, since no folder can be made there: nothing is trained.
    never = ["--out", "/dev/null/x", "--backend", "sequential"]
    assert ended(["run", *arguments, *never, *([] if study is None else ["--", study])]) in (0, 2)


@many
@given(
    command=st.sampled_from([name for name in COMMANDS if name not in ("run", "perf")]),
    arguments=st.lists(words, max_size=3),
    chosen=options(
        "--what",
        "--format",
        "--only",
        "--likelihood",
        "--points",
        "--split",
        "--min-nats",
        "--timings",
        "--difference",
        "--power",
    ),
)
def test_other_commands(here: Path, command: str, arguments: list[str], chosen: list[str]) -> None:
    place = ["run"] if command in ("export", "report", "compare", "estimate", "power") else []
    assert ended([command, *place, *chosen, "--", *arguments]) in DOCUMENTED


@many
@given(arguments=st.lists(words, max_size=4))
def test_no_command(here: Path, arguments: list[str]) -> None:
    assert ended([f"x{each}" if each in COMMANDS else each for each in arguments]) in (0, 2)


numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -1, 0, 10**18, 10**9, True]))
scalars = st.one_of(texts.filter(lambda text: "\ud800" not in text), numbers, st.dates(), st.booleans())
keys = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)
FIELDS = tuple(Study.__dataclass_fields__)
tables = st.dictionaries(st.one_of(st.sampled_from(FIELDS), keys), values)
names = st.one_of(st.sampled_from(["one", "smoke", "..", "../x", "/x", "", ".", "a/b", "a\\b", "CON", "report"]), texts)
named = st.dictionaries(names.filter(lambda text: "\ud800" not in text), tables, max_size=2)
contents = st.one_of(
    tables,
    st.fixed_dictionaries({}, optional={"study": tables, "parts": named, "sizes": named, "title": values}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values)),
)


@many
@given(content=contents)
def test_study_files(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.toml"
    try:
        path.write_text(tomli_w.dumps(content), encoding="utf-8")
    except (TypeError, ValueError):  # no TOML: integers of too many digits
        path.write_text(f"z = {'9' * 5000}")
    only_refused(lambda: study_files.read(str(path)))


@many
@given(content=st.one_of(st.binary(), st.integers(1, 3000).map(lambda depth: b"z = " + b"[" * depth)))
def test_bytes_as_study_files(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(content)
    only_refused(lambda: study_files.read(str(path)))


@many
@given(kind=st.sampled_from([*plugins.KINDS]), name=words, key=words, value=words, whole=texts)
def test_names_of_plugins(kind: str, name: str, key: str, value: str, whole: str) -> None:
    known = [*plugins.find(kind)]
    for text in (whole, f"{name}[{key}={value}]", f"{known[0]}[{key}={value}]", f"{known[-1]}[{whole}]"):
        only_refused(lambda text=text: split_list(text))  # type: ignore[misc]  # the loop's text
        only_refused(lambda text=text: parse_call(text))  # type: ignore[misc]
        only_refused(lambda text=text: Choice.parse(kind, text))  # type: ignore[misc]


@many
@given(kind=st.sampled_from(["algorithm", "model", "estimator", "dataset", "decoder"]), data=st.data())
def test_options_of_plugins(kind: str, data: st.DataObject) -> None:
    reference = data.draw(st.sampled_from([*plugins.find(kind).values()]))
    fields = [*reference.load().Options.__dataclass_fields__] or ["none"]
    chosen = data.draw(st.dictionaries(st.sampled_from(fields), values, max_size=3))
    only_refused(lambda: Choice.parse(kind, reference.name, **chosen))


def only_refused(call: Callable[[], object]) -> None:
    """Call it; nothing but a refusal may be raised, in one message of bounded length."""
    try:
        call()
    except UsageError as refusal:
        message = str(refusal)
        assert message
        assert len(message) < 5000
