"""The code on the page about models that were trained elsewhere runs."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "your-own-model.md"


def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {}
    with torch.random.fork_rng():
        exec(compile("\n".join(blocks), str(PAGE), "exec"), names)  # noqa: S102  # the page's own code
    truth = names["truth"].log_likelihoods.float()
    for other in ("estimate", "closer"):
        torch.testing.assert_close(names[other].log_likelihoods[:2].float(), truth, rtol=0, atol=0.2)
    assert names["check"].summary["gap"] < 0.5
    assert math.isfinite(names["diagnosis"].amortisation_gap)
