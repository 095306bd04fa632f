"""On 80 columns tables keep what makes their numbers comparable: errors, intervals, and what these are over."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import bench as library
from bench import plugins
from bench.reporting.tables.terminal import render_table

SETS = {"digits": 297, "mnist": 300}
PIXELS = {"digits": "grey values in 17 steps from 0 to 1", "mnist": "grey values in 256 steps, drawn anew as bits"}
TUNED = {"aevb (reference-mnist)": "paper[samples=5000]", "mine[rate=0.01,num_samples=5]": "given"}


@pytest.fixture
def results(rows: Any) -> Any:
    """Two data sets, two algorithms with long names, two latent sizes."""
    generator = np.random.default_rng(0)
    for dataset, num_points in SETS.items():
        for algorithm, tune in TUNED.items():
            for z, seed in ((3, 0), (3, 1), (3, 2), (10, 0), (10, 1), (10, 2)):
                points = generator.normal(-130 - z, 10, num_points)
                value = float(points.mean())
                add = {"dataset": dataset, "z": z, "likelihoods": {"importance": value}, "se": abs(value) / 5e3}
                rows.add(algorithm, seed, **add, bound=[(100, value - 1)])
                rows.trials[-1] |= {"tune": tune, "pixels": PIXELS[dataset]}
                rows.likelihoods[-1]["points"] = dataset
                rows.by_point[rows.trials[-1]["trial"], "importance"] = points
    return rows.results()


def shown(name: str, results: Any, width: int = 80) -> tuple[set[str], str]:
    """The headings, and the text below the table, on one line; no line of it all is longer than the terminal."""
    report = plugins.find("report")[name].load()()
    frame = report.display(report.table(results))
    table = render_table(frame, "Title", width, essential=report.essential, captioned=report.captioned)
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    return {re.sub(r"-?\s+", lambda gap: gap[0][0].strip() or " ", str(c.header)) for c in table.columns}, " ".join(
        str(table.caption).split()
    )


def test_levels_keep_their_errors_and_what_they_are(results: Any) -> None:
    headings, caption = shown("log_likelihood", results)
    assert {
        *("z", "algorithm", "mean log p(x) (nats)", "95 % interval of the mean", "sd over seeds (nats)"),
        *("test-point error (nats)", "MC error (nats)"),
    } <= headings
    assert "interval over: seeds and 297 test points (digits); seeds and 300 test points (mnist)" in caption
    assert (
        "pixels: grey values in 17 steps from 0 to 1 (digits); grey values in 256 steps, drawn anew as bits" in caption
    )
    assert "tuned by: paper[samples=5000] (aevb (reference-mnist)); given (mine[rate=0.01,num_samples=5])" in caption
    assert "bias: lower" in caption
    assert "estimator: importance" in caption
    left_out = caption.partition("No room for: ")[2]
    assert "test bound (nats)" in left_out
    assert "train bound (nats)" in left_out


def test_differences_keep_their_intervals(results: Any) -> None:
    headings, caption = shown("differences", results)
    assert {"nats", "verdict", "adjusted p", "simultaneous 95 % interval"} <= headings
    assert "95 % interval" in headings or "95 % interval: +0.12 to +0.41 (Student t) (digits z = 3)" in caption
    assert "interval over: seeds and 297 test points (digits); seeds and 300 test points (mnist)" in caption
    headings, caption = shown("differences", library.load("reference-digits"))
    assert {"z", "difference", "nats", "verdict", "95 % interval", "simultaneous 95 % interval"} <= headings
    assert "training points: 1500 (z = 3, z = 10); all (z = all)" in caption


def test_even_without_room_errors_are_listed(results: Any) -> None:
    headings, caption = shown("log_likelihood", results, width=40)
    assert "algorithm" in headings
    assert "MC error (nats): " in caption or "MC error (nats)" in headings
    assert "test-point error (nats): " in caption
    assert "error" not in caption.partition("No room for: ")[2]


def test_a_wide_terminal_lists_nothing(results: Any) -> None:
    assert "interval over" in shown("log_likelihood", results, width=400)[0]
