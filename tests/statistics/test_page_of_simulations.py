"""The page on intervals and false alarms is made by one command."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "statistics.py"


def test_the_page_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--repeats", "2", "--reruns", "1", "--budget", "200")
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *few, "--runs", str(tmp_path)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    page = capsys.readouterr().out
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 9 + 1 + 9 + 1 + 3 + 1 + 5 + 1 + 4 + 1 + 18 + 1 + 6 + 1 + 2
    assert "none given" in page
