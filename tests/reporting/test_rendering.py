from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from bench.errors import StoreError
from bench.reporting.tables import formatting
from bench.reporting.tables.terminal import render_table
from bench.reporting.writers.files import write


def printed(frame: pd.DataFrame, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render_table(frame, "Title [bold]", width))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("deviation", "text"), [(0.2134, "0.21"), (0.0123, "0.01"), (0.0012, "0.0012"), (0.0, "0.00"), (float("nan"), "–")]
)
def test_spread_over_seeds(deviation: float, text: str) -> None:
    assert formatting.spread(deviation) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.234, "0.23"), (0.01234, "0.0123"), (1e-5, "<0.0001"), (0.0, "0.00"), (float("nan"), "–")]
)
def test_standard_error(value: float, text: str) -> None:
    assert formatting.error(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(300_000, "3e5"), (1e6, "1e6"), (50_000, "5e4"), (1437, "1437"), (1000, "1000"), (0, "0")]
)
def test_count(value: float, text: str) -> None:
    assert formatting.count(value) == text


def test_seeds_that_do_not_count_are_named() -> None:
    assert formatting.seeds_in_words(3, []) == "3"
    assert formatting.seeds_in_words(2, ["diverged"]) == "2 of 3 (1 diverged)"
    assert formatting.seeds_in_words(0, ["failed", "timeout", "failed"]) == "0 of 3 (2 failed, 1 timeout)"


def test_brackets_are_text_and_no_markup() -> None:
    text = printed(pd.DataFrame({"algorithm": ["aevb[learning_rate=0.02]", "[bold]x[/bold]"], "z": [3, 10]}))
    assert "Title [bold]" in text
    assert "aevb[learning_rate=0.02]" in text
    assert "[bold]x[/bold]" in text


def test_numbers_stand_to_the_right_and_texts_to_the_left() -> None:
    lines = printed(pd.DataFrame({"name": ["a", "bbbb"], "score": ["-100.25 ± 0.10", "-9.50"]})).splitlines()
    first, second = (next(line for line in lines if line.startswith(name)) for name in ("a ", "bbbb"))
    assert first.rstrip() == "a     -100.25 ± 0.10"
    assert second.rstrip() == "bbbb           -9.50"


def test_columns_that_say_the_same_everywhere_move_to_the_caption() -> None:
    frame = pd.DataFrame({"z": [3, 5], "pixels": ["grey values, divided by sixteen"] * 2, "score": ["-1.00", "-2.00"]})
    assert "pixels: " not in printed(frame, 60)
    text = printed(frame, 30)
    assert "pixels: grey values, divided by sixteen" in " ".join(text.split())
    assert "-1.00" in text
    assert "-2.00" in text


def test_columns_without_room_are_named_and_numbers_never_cut() -> None:
    frame = pd.DataFrame({f"column {i}": [f"-{i}23456.75", f"-{i}23456.25"] for i in range(8)})
    text = printed(frame, 45)
    assert max(map(len, text.splitlines())) <= 45
    assert "-023456.75" in text
    assert "-223456.25" in text
    assert "-723456.25" not in text
    assert "column 7." in " ".join(text.split())
    assert "…" not in text


def test_table_fits_the_terminal_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    console = Console(width=40, file=io.StringIO(), color_system=None)
    console.print(render_table(pd.DataFrame({f"c{i}": ["-100.25", "-1.00"] for i in range(9)}), "Title"))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in text
    assert "No room for: c4, c5" in text


def test_long_names_break_behind_commas_and_lose_no_letter() -> None:
    name = "aevb[learning_rate=0.02,num_samples=5,estimator=A,batch_size=200]"
    frame = pd.DataFrame({"algorithm": [name, "zz"], **{f"c{i}": ["-100.25", "-1.00"] for i in range(4)}})
    text = printed(frame, 62)
    assert "".join(line[:25].strip() for line in text.splitlines()[3:] if line[0] not in "z─").startswith(name)
    assert max(map(len, text.splitlines())) <= 62


def test_numbers_of_a_raw_frame() -> None:
    text = printed(pd.DataFrame({"x": [0.5, float("nan")], "n": [3, 4]}))
    assert "0.5" in text
    assert "–" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("place", "name", "format_"),
    [("t", "../x", "csv"), ("../outside", "x", "csv"), ("/outside", "x", "csv"), ("", "x", "../y"), ("", "/x", "csv")],
)
def test_nothing_is_written_outside_of_the_report_folder(tmp_path: Path, place: str, name: str, format_: str) -> None:
    with pytest.raises(StoreError, match="inside of its folder"):
        write(tmp_path / "report", place, name, {format_: b""})
    assert list(tmp_path.iterdir()) == []
    assert write(tmp_path / "report", "tables", "x", {"csv": b""}) == [tmp_path / "report" / "tables" / "x.csv"]
