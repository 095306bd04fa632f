"""The examples of docs/data.md: the files are made, the commands run, and they print what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
QUICK = ["--algos", "aevb[learning_rate=0.02]", "--z", "2", "--seeds", "1", "--budget", "40", "--hidden", "4"]
QUICK += ["--likelihood", "importance[num_samples=2]", "--likelihood-points", "2", "--backend", "sequential"]

Bench = Callable[..., subprocess.CompletedProcess[str]]


def test_the_page_is_true(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    code = "\n".join(content for language, content in blocks if language == "python")
    exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102  # the page's own code
    shown = [(content, blocks[i + 1]) for i, (language, content) in enumerate(blocks) if language == "sh"]
    assert len(shown) == 16
    for i, (command, (language, text)) in enumerate(shown):
        assert language == "text"
        arguments = shlex.split(command)
        assert arguments[:2] == ["bench", "run"]
        finished = bench(*arguments[1:], *QUICK, "--out", f"run{i}", code=2 if text.startswith("Error") else 0)
        assert text.strip() in finished.stderr.splitlines(), finished.stderr
