"""The file itself: what it says, that it is small enough, and that names in it stay text."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import bench
from bench.api import report
from bench.reporting.figures.grid import panel_grid
from bench.reporting.figures.image_panels import PANEL, Row, draw
from bench.reporting.page.answer import answers
from bench.reporting.writers.images import DOTS, image_files
from bench.results.frames import Results

HOSTILE = "aevb[x=</script><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}]"


def test_no_line_breaks_between_a_number_and_its_percent_sign(page_file: Path) -> None:
    cells = re.findall(r"<td[^>]*>([^<]*%[^<]*)</td>", page_file.read_text(encoding="utf-8"))
    assert any("in 90\u00a0% intervals" in cell for cell in cells)
    assert not [cell for cell in cells if " %" in cell]


def test_it_is_one_small_file_that_loads_nothing(page_file: Path) -> None:
    text = page_file.read_text()
    assert page_file.stat().st_size < 8e6
    assert not re.search(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"'](?!data:)", text.split("<script>", 1)[0])
    assert "default-src 'none'" in text
    assert page_file.stat().st_mode & 0o044 or not page_file.parent.stat().st_mode & 0o044


def test_a_figure_on_the_page_shows_each_pixel_and_its_colour() -> None:
    grey = np.linspace(0, 1, 300 * 300, dtype=np.float32).reshape(300, 300)
    figure = draw([Row("", [("a", grey)])], [])
    with Image.open(io.BytesIO(image_files(figure, "name", ["png"])["png"])) as image:
        shown = np.asarray(image.convert("L"))
    assert len(np.unique(shown)) > 250
    dots = (shown[:, shown.shape[1] // 2] < 250).sum()  # the rest is white
    assert dots == pytest.approx(PANEL * DOTS * 250 / 256, abs=3)
    assert dots > 300 * 250 / 256  # one for each pixel


def test_thin_lines_keep_their_colour() -> None:
    figure, ((ax,),) = panel_grid([1])
    ax.imshow(np.linspace(0, 1, 3600).reshape(60, 60), cmap="gray")  # with as many greys as the page keeps colours
    ax.axhline(30, color="#0173b2", linewidth=3)
    with Image.open(io.BytesIO(image_files(figure, "name", ["png"])["png"])) as image:
        far = np.abs(np.asarray(image.convert("RGB")).astype(int) - [0x01, 0x73, 0xB2]).max(axis=-1)
    assert (far < 20).sum() > 100


def test_hostile_names_stay_text(run: Path, tmp_path: Path, rewrite: Callable[..., None]) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    for path in copy.glob("trials/*/spec.json"):
        spec = json.loads(path.read_text())
        if spec["algorithm"]["name"] != "mcem":
            rewrite(path, algorithm={**spec["algorithm"], "name": HOSTILE})
    for path in copy.glob("trials/*/status.json"):
        rewrite(path, reason="=cmd|' /C calc'!A0 \\input{x} $x$ <i>")
    made = report(Results(copy), ["index", "what_ran"])
    text = made["index"][0].read_text()
    assert "alert(1)" in text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "{{7*7}}" in text
    files = {path.suffix: path.read_text() for path in made["what_ran"]}
    assert ",'=cmd|" in files[".csv"]
    assert "\\input" not in files[".tex"].replace("\\textbackslash input", "")
    assert "<i>" not in files[".html"]


def test_the_answer_names_the_better_and_how_surely(run: Path) -> None:
    found = answers(Results(run))
    trials = Results(run).trials
    for answer in found:
        here = trials[trials["z"] == answer.place.z].groupby("algorithm")["log_likelihood_test"].mean()
        assert answer.winner == here.idxmax()
        assert f"{here.max():.2f} nats" in answer.sentence
        assert ("more than chance" in answer.sentence) == answer.sure


def test_few_seeds_are_too_few_and_lost_ones_are_named(run: Path, tmp_path: Path, rewrite: Callable[..., None]) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    for path in copy.glob("trials/*/status.json"):
        spec = json.loads((path.parent / "spec.json").read_text())
        if spec["seed"]:
            rewrite(path, status="failed")
    (first, _) = answers(Results(copy))
    assert "there are too few seeds to say whether that is due to chance" in first.sentence
    assert "Not included: 4 seeds of mcem (failed)." in first.sentence
    assert not first.sure


@pytest.mark.parametrize("what", ["one trial", "all failed", "no weights", "half a line", "no trace"])
def test_whatever_there_is_is_shown(run: Path, tmp_path: Path, rewrite: Callable[..., None], what: str) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    for path in copy.glob("trials/*/spec.json"):
        if json.loads(path.read_text())["z"] == 3:
            shutil.rmtree(path.parent)
    for i, folder in enumerate(sorted(copy.glob("trials/*"))):
        if what == "one trial" and i:
            shutil.rmtree(folder)
        elif what == "all failed":
            rewrite(folder / "status.json", status="failed", reason="no")
        elif what == "no weights":
            (folder / "model.safetensors").unlink()
        elif what == "half a line":
            with (folder / "trace.jsonl").open("a") as file:
                file.write('{"samples": 30')
        elif what == "no trace":
            (folder / "trace.jsonl").unlink()
    made = report(
        bench.load(copy), ["index", "what_ran", "log_likelihood", "convergence_samples"], ["csv", "html", "png"]
    )
    assert all(made[name] for name in ("index", "what_ran", "log_likelihood"))
    damaged = what in ("half a line", "no trace")
    assert (bench.load(copy).trials["status"] == "damaged").all() == damaged
    assert bool(made["convergence_samples"]) == bool(bench.load(copy).trace.size)
    text = made["index"][0].read_text()
    assert "could not be made" not in text
    assert ('id="figure-convergence_samples"' in text) != damaged


@pytest.mark.parametrize("other", [1, 2, 4])
def test_another_format_is_one_message(run: Path, tmp_path: Path, other: int) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    study = (copy / "study.toml").read_text()
    (copy / "study.toml").write_text(study.replace("format = 3", f"format = {other}").replace("sha256", "old"))
    with pytest.raises(
        bench.errors.StoreError, match=f"is of format {other}, and this version of bench reads format 3"
    ):
        report(bench.load(copy))
