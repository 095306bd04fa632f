"""The table of what deviations from the paper's protocol are worth."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "deviations.py"


def trials(model: str, **values: list[float]) -> pd.DataFrame:
    """The trials of a run: of each algorithm the bounds by seed, NaN for one that diverged."""
    names = {"base": "aevb", "prior": "aevb[prior=none]", "other": "wakesleep"}
    rows = [
        {"algorithm": names[name], "model": model, "seed": seed, "status": "done", "elbo_test": value}
        for name, bounds in values.items()
        for seed, value in enumerate(bounds)
    ]
    frame = pd.DataFrame(rows).sample(frac=1, random_state=0)  # in no order of seeds
    frame["algorithm"] = pd.Categorical(frame["algorithm"], [names[name] for name in values])
    frame = frame.sort_values("algorithm", kind="stable").astype({"algorithm": str})
    frame.loc[frame["elbo_test"].isna(), ["status", "elbo_test"]] = "diverged", -1e6
    return frame


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("deviations", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "deviations", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_deviations_are_compared_by_seed_or_with_other_weights(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nan = float("nan")
    runs = {
        "one": trials("mlp", base=[1, 2, 4], other=[0, 0, 1], prior=[0, nan, 2]),
        "two": trials("mlp[biases=zero]", base=[1, 1, 4]),
    }
    monkeypatch.setattr(module, "bench", SimpleNamespace(load=lambda run: SimpleNamespace(trials=runs[run])))
    assert module.main(["one", "two"]) == 0
    printed = capsys.readouterr().out
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if line.startswith("| `")
    ]
    # Student's t: quantiles 4.303 with two degrees of freedom and 12.706 with one; Welch's has 3.94 here.
    assert lines == [
        ["`aevb`", "2.33 (-1.46 to 6.13)", "1.00, 2.00, 4.00", ""],
        ["`aevb[prior=none]`", "1.00 (-11.71 to 13.71)", "0.00, diverged, 2.00", "-1.50 (-7.85 to +4.85)"],
        ["`aevb`, `mlp[biases=zero]`", "2.00 (-2.30 to 6.30)", "1.00, 1.00, 4.00", "-0.33 (-4.06 to +3.39)"],
        ["`wakesleep`", "0.33 (-1.10 to 1.77)", "0.00, 0.00, 1.00", ""],
    ]
    assert "`wakesleep` above `aevb`: -2.00 (-4.48 to +0.48) nats." in printed


def test_independent_figures_are_compared_by_their_means_and_spreads(module: ModuleType) -> None:
    """As if the values were there: Welch's interval for two samples."""
    here, there = pd.Series([1.0, 2.0, 4.0]), pd.Series([1.0, 1.0, 4.0, 5.0])
    row = module.Row("aevb", "mlp", here, here)
    other = module.Row("aevb", "linear", there, there)
    line = module.beside(row, module.Independent(there.mean(), there.std(), len(there)))
    low, high = module.gap(row, other).partition("(")[2].rstrip(")").split(" to ")
    assert line["here - there"] == f"{here.mean() - there.mean():+.1f} ({float(low):+.1f} to {float(high):+.1f})"
    assert float(line["with all 5 allowed for"].split(" to ")[0]) < float(low) - 1
