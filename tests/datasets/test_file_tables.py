"""Tables as pandas, NumPy, R and spreadsheets write them: understood, or refused with what decides."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench import seeds
from bench.dataset import Data
from bench.datasets.file import File
from bench.errors import DataError

X = np.random.default_rng(0).random((20, 5)).round(3)
FRAME = pd.DataFrame(X)
NAMED = FRAME.set_axis(list("abcde"), axis=1)
CLASSES = np.arange(20) % 3


def load(path: Path, text: str | bytes, **settings: object) -> Data:
    (path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return File(path=str(path / "a.csv"), **settings).load(seeds.generator("data", 0))


def refusal(path: Path, text: str | bytes, **settings: object) -> str:
    with pytest.raises(DataError) as error:
        load(path, text, **settings)
    assert "a.csv" in str(error.value)
    return str(error.value)


def is_x(data: Data) -> None:
    """All of X, and nothing else."""
    found = sorted(torch.cat([data.x_train, data.x_test]).tolist())
    np.testing.assert_allclose(found, sorted(X.tolist()), rtol=1e-6)


def saved_by_numpy(**settings: str) -> str:
    text = io.StringIO()
    np.savetxt(text, X, fmt="%.3f", **settings)  # type: ignore[call-overload]  # NumPy's stubs list every argument
    return text.getvalue()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FRAME.to_csv(), "line 1 is the heading ('', 0, 1, 2, 3, ...); left out: column 1, an index without a name"),
        (FRAME.sample(frac=1, random_state=0).to_csv(), "left out: column 1, an index without a name"),
        (FRAME.to_csv(header=False, index=False), "no heading"),
        (NAMED.to_csv(index=False), "line 1 is the heading (a, b, c, d, e)"),
        (NAMED.to_csv(), "left out: column 1, an index without a name"),
        (NAMED.rename_axis("Unnamed: 0").to_csv(), "left out: column 1, an index without a name"),
        (NAMED.to_csv(index=False, quoting=1), "line 1 is the heading (a, b, c, d, e)"),
        (NAMED.to_csv(index=False, sep=";"), "separated by semicolons"),
        (NAMED.to_csv(index=False, sep=";", decimal=","), "separated by semicolons; decimal commas"),
        (NAMED.to_csv(index=False, sep="\t", decimal=","), "separated by tabs; decimal commas"),
        (NAMED.to_csv(index=False, decimal=",", quoting=1), "decimal commas"),
        (saved_by_numpy(), "no heading; separated by spaces"),
        (saved_by_numpy(delimiter=",", header="a,b,c,d,e"), "line 1 is the heading (a, b, c, d, e)"),
        (saved_by_numpy(delimiter=",", header="measured on Monday"), "comments before the table; no heading"),
        ("\ufeff" + NAMED.to_csv(index=False), "line 1 is the heading (a, b, c, d, e)"),
        (NAMED.to_csv(index=False, lineterminator="\r"), "line 1 is the heading"),
    ],
)
def test_what_is_clear_is_read_and_said(tmp_path: Path, text: str, said: str) -> None:
    data = load(tmp_path, text)
    is_x(data)
    assert said in data.understood
    assert "20 rows of 5 values" in data.understood
    assert "16 for training and 4 for testing" in data.understood


@pytest.mark.parametrize(
    ("text", "words", "settings"),
    [
        (FRAME.to_csv(index=False), "Line 1 of {path} (0, 1, 2, 3, 4) looks like a heading", {"header": "yes"}),
        (FRAME.set_axis(range(1, 6), axis=1).to_csv(index=False), "looks like a heading", {"header": "yes"}),
        (FRAME.set_axis([400, 410, 420, 430, 440], axis=1).to_csv(index=False), "looks like", {"header": "yes"}),
        (FRAME.to_csv(header=False), "column 1 looks like an index", {"drop": "1"}),
        (NAMED.assign(label=CLASSES).to_csv(index=False), "column 6 ('label') looks like", {"drop": "label"}),
        (NAMED.assign(label=CLASSES).to_csv(index=False), "drop=none", {"drop": "6"}),
        (NAMED.assign(k=CLASSES).to_csv(index=False), "column 6 ('k') looks like labels (0 to 2", {"drop": "k"}),
        (NAMED.assign(k=CLASSES % 2).to_csv(index=False), "looks like labels (0 to 1", {"drop": "k"}),
        (NAMED.assign(k=CLASSES).to_csv(index=False, header=False), "column 6 looks like labels", {"drop": "6"}),
        (NAMED.assign(k="cat").to_csv(index=False), "got 'cat' in line 2, column 6", {"drop": "k"}),
        (NAMED.rename_axis("id").assign(k="cat").to_csv(), "'cat'", {"drop": "id, k"}),
        (NAMED.set_axis([f"r{i}" for i in range(20)]).to_csv(), "got 'r0' in line 2, column 1", {"drop": "1"}),
        (NAMED.set_axis(["a", "a", "b", "c", "d"], axis=1).assign(k=7).to_csv(index=False), "", {"drop": "k"}),
    ],
)
def test_what_may_be_two_things_is_refused_and_an_option_decides(
    tmp_path: Path, text: str, words: str, settings: dict[str, str]
) -> None:
    if words:
        assert words.format(path=tmp_path / "a.csv") in refusal(tmp_path, text)
    is_x(load(tmp_path, text, **settings))


def test_columns_are_kept_if_the_user_says_so(tmp_path: Path) -> None:
    text = NAMED.assign(label=CLASSES).to_csv(index=False)
    assert load(tmp_path, text, drop="none", likelihood="gaussian").x_train.shape == (16, 6)
    assert load(tmp_path, FRAME.to_csv(index=False), header="no", likelihood="gaussian").x_train.shape == (17, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (",0.5,0.2\n0.1,0.2,0.3\n", "Line 1 of {path} has no number in some places ('', 0.5, 0.2): write header=yes"),
        ("NA,0.5,0.2\n0.1,0.2,0.3\n", "has no number in some places"),
        ("nan,0.5,0.2\n0.1,0.2,0.3\n", "has no number in some places"),
        ("x,0.5,0.2\n0.1,0.2,0.3\n", "mixes numbers and words (x, 0.5, 0.2)"),
        ("a,b\n1,0\n,1\n", "got no value in line 3, column 1"),
        ("a,b\n1,0\nNA,1\n", "got 'NA' in line 3, column 1"),
        ("0.1,0.2,\n0.3,0.4,\n", "has no number in some places (0.1, 0.2, '')"),
        ('"a","b"\n"1",0,1\n"2",1,0\n', "as many names in its heading as values in a line (got 2 and 3, in line 2)"),
        ("1,234;2,345\n1,100;2,200\n", "may stand for thousands or for the decimal point"),
        ("1,2;2.3\n1,1;2,2\n", "one decimal sign"),
        ("a,b,c\n0.5,,0.1\n0.5,,0.1\n", "got no value in line 2, column 2"),
        ("a;b\n1,0\n0,1\n", "as many names in its heading"),
        ("0.5 0.25\n0.5\n", "equally many values in every line"),
        ("a,b\n0.5\0,0.25\n", "NUL"),
        ("a,b\n0,1\n".encode("utf-16"), "it is UTF-16"),
        ("größe,b\n0,1\n".encode("latin-1"), "must be UTF-8 text (byte 2 is not"),
    ],
)
def test_missing_and_odd_cells_are_named(tmp_path: Path, text: str | bytes, words: str) -> None:
    assert words.format(path=tmp_path / "a.csv") in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"drop": "f"}, "must name columns of {path}, or give their numbers from 1 to 5 (got 'f'). Known: a, b, c"),
        ({"drop": "6"}, "(got '6')"),
        ({"drop": "a,b,c,d,e"}, "must leave a column"),
        ({"key": "x"}, "`key` has no effect on {path} (got x)"),
        ({"background": "white"}, "`background` has no effect"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    assert words.format(path=tmp_path / "a.csv") in refusal(tmp_path, NAMED.to_csv(index=False), **settings)


def test_the_labels_of_the_digits_are_noticed(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    table = np.column_stack([digits.data, digits.target]).astype(int)
    text = "\n".join(",".join(map(str, row)) for row in table)
    assert "column 65 looks like labels (0 to 9" in refusal(tmp_path, text, divide_by=16)
    assert load(tmp_path, text, divide_by=16, drop="65").image_shape == (8, 8)


def test_a_cell_cannot_command_the_terminal(tmp_path: Path) -> None:
    said = refusal(tmp_path, "a,b\n0,\x1b[2J" + "x" * 5000 + "\n0,1\n")
    assert "got '\\x1b[2Jxx" in said
    assert len(said) < 1500


@pytest.mark.parametrize("name", ["ID", "image_id", "Label", "class label", "target", "y", "species"])
def test_names_of_labels_and_indices(tmp_path: Path, name: str) -> None:
    text = NAMED.assign(**{name: 0.5}).to_csv(index=False)
    assert f"column 6 ('{name}') looks like an index or a label, by its name" in refusal(tmp_path, text)
    is_x(load(tmp_path, text, drop=name))


@pytest.mark.parametrize("name", ["width", "idle", "rowing", "years", "classic", "valid"])
def test_names_of_values(tmp_path: Path, name: str) -> None:
    assert load(tmp_path, NAMED.assign(**{name: 0.5}).to_csv(index=False)).x_train.shape == (16, 6)
