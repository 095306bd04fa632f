from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import OptionError, StoreError, UnknownName
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
    assert list(found.sizes) == [*study_files.SIZES]
    assert all((found.title, found.about, found.source))
    budgets = [max(study.budget for study in parts.values()) for parts in found.sizes.values()]
    assert budgets == sorted(budgets)
