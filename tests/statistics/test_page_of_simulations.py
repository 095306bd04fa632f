"""The page on intervals and false alarms is made by one command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "statistics.py"


def test_the_page_is_made(tmp_path: Path) -> None:
    arguments = ("--repeats", "50", "--reruns", "1", "--runs", str(tmp_path))
    made = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=True)
    rows = [line for line in made.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 9 + 1 + 4 + 1 + 2
    assert "none given" in made.stdout
