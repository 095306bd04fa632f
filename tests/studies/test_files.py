from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import OptionError, StoreError, UnknownName
from bench.store import study_file, study_folder
from bench.studies import files as study_files
from bench.studies.study import Study

PARTS = """
title = "Two data sets"
about = "What it is."
source = "Somebody 2014"
[study]
algos = ["aevb"]
seeds = [4]
budget = 1
[parts.one]
z = [2]
[parts.two]
dataset = "freyface"
budget = 2
[sizes.smoke]
hidden = 3
[sizes.full]
budget = 30
[sizes.full.parts.two]
budget = 40
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(PARTS)
    return tmp_path / "mine.toml"


def test_later_tables_win(path: Path) -> None:
    found = study_files.read(str(path))
    assert (found.name, found.title, found.source) == ("mine", "Two data sets", "Somebody 2014")
    common = {"algos": ("aevb",), "seeds": (4,)}
    assert found.parts("smoke")[1] == {
        "one": Study(**common, z=(2,), budget=1, hidden=3),
        "two": Study(**common, dataset="freyface", budget=2, hidden=3),
    }
    assert found.parts("full")[1] == {
        "one": Study(**common, z=(2,), budget=30),
        "two": Study(**common, dataset="freyface", budget=40),
    }


def test_the_size_is_laptop_where_there_is_one(path: Path) -> None:
    assert study_files.read("aevb-fig2").parts(None)[0] == "laptop"
    assert study_files.read(str(path)).parts(None)[0] == "smoke"  # the first, where there is none
    with pytest.raises(OptionError, match=r"must be smoke or full \(got 'larg'\)"):
        study_files.read(str(path)).parts("larg")


def test_a_plain_file_has_one_part_and_no_sizes(tmp_path: Path) -> None:
    (tmp_path / "plain.toml").write_text(Study(z=(7,)).to_toml())
    found = study_files.read(str(tmp_path / "plain.toml"))
    assert found.parts(None) == ("", {"": Study(z=(7,))})
    with pytest.raises(OptionError, match="has no sizes"):
        found.parts("full")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[study]\nzz = [3]", "unknown key 'zz'"),
        ("[study]\n[stuff]", "unknown key 'stuff'"),
        ("[parts.a]\n[sizes.full.parts.b]\nz = [1]", "unknown key 'b'"),
        ("study = 3", "must be a table"),
        ("[parts.a]\nz = [0]", "`z` must be an integer of at least 1"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises((OptionError, StoreError), match=words):
        study_files.read(str(tmp_path / "bad.toml"))


def test_unknown_names_get_the_near_ones() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'aevb-fig2'"):
        study_files.read("aevb-fig22")


@pytest.mark.parametrize("name", study_files.shipped_names())
def test_shipped_studies_say_what_they_are_in_three_sizes(name: str) -> None:
    found = study_files.read(name)
    assert list(found.sizes) == ["smoke", "laptop", "full"]
    assert all((found.title, found.about, found.source))
    budgets = [max(study.budget for study in parts.values()) for parts in found.sizes.values()]
    assert budgets == sorted(budgets)


@pytest.mark.parametrize(
    ("text", "seeds"), [("seeds = 3", (0, 1, 2)), ("seeds = [3]", (3,)), ('seeds = "3,7"', (3, 7)), ("", (0, 1, 2))]
)
@pytest.mark.parametrize("heading", ["", "[study]\n", "[parts.a]\n"])
def test_seeds_mean_the_same_as_on_the_command_line(
    tmp_path: Path, text: str, seeds: tuple[int, ...], heading: str
) -> None:
    (tmp_path / "mine.toml").write_text(heading + text)
    (study,) = study_files.read(str(tmp_path / "mine.toml")).parts(None)[1].values()
    assert study.seeds == seeds


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xef\xbb\xbfz = [7]\r\nbudget = 1e3\r\n")
    assert study_files.read(str(tmp_path / "mine.toml")).parts(None)[1] == {"": Study(z=(7,), budget=1000)}


NAMES = [
    "../outside",
    "/outside",
    "a/b",
    "a\\\\b",
    "..",
    ".",
    "",
    ".hidden",
    "end.",
    "a\\u0000",
    "x" * 61,
    "report",
]
NAMES += ["Parts.toml", "a\\nb", "~"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("table", ["parts", "sizes"])
def test_names_that_become_folders_stay_inside(tmp_path: Path, name: str, table: str) -> None:
    (tmp_path / "bad.toml").write_text(f'[{table}."{name}"]\nz = [3]')
    with pytest.raises(OptionError, match=r"`\[parts.NAME\]` and `\[sizes.NAME\]` in .* must (not )?be named"):
        study_files.read(str(tmp_path / "bad.toml"))


def test_a_run_folder_from_elsewhere_names_no_part_outside(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "study.toml").write_text("z = [3]")
    (tmp_path / "run").mkdir()
    study_file.write_toml(tmp_path / "run" / "parts.toml", "A checksum is no proof.", 'parts = ["../outside"]')
    with pytest.raises(OptionError, match="must be named"):
        study_folder.find(tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"z = " + b"[" * 5000, "nested too deeply"),
        (b"z = " + b"9" * 5000, "not valid TOML"),
        (b"z = 3\xff", "not valid TOML"),
        (b"# " + b"x" * 10_000_000, "larger than 10,000,000 bytes"),
        (b"seeds = [[0]]", "`seeds` must be an integer of at least 0 (got [0])"),
        (b"z = " + b"9" * 400, "`z` must be an integer of at most 100,000"),
    ],
)
def test_absurd_files_are_one_message(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises((OptionError, StoreError)) as refused:
        study_files.read(str(tmp_path / "bad.toml"))
    assert words in str(refused.value)
    assert len(str(refused.value)) < 500
