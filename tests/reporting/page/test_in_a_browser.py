"""The page in a real browser: everything that can be clicked, on a wide and on a narrow screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.results.frames import Results

pytestmark = pytest.mark.slow


def chart(page: Page) -> Any:
    """What Plotly draws."""
    return page.evaluate(
        "({data: chart.data.map(({x, y, name, line, mode}) => ({x, y, name, line, mode})), layout: chart.layout})"
    )


def lines(page: Page) -> list[Any]:
    return [trace for trace in chart(page)["data"] if trace["mode"] == "lines+markers"]


def test_the_curves_are_those_of_the_run(page: Page, run: Path) -> None:
    trace = Results(run).trace
    own = trace[(trace["z"] == 2) & (trace["algorithm"] != "mcem") & (trace["samples"] > 0)]
    expected = own.groupby("samples")["elbo_test"].mean()
    (line,) = lines(page)
    assert line["x"] == pytest.approx(list(expected.index))
    assert line["y"] == pytest.approx(list(expected), rel=1e-5)


def test_no_band_covers_a_line(page: Page) -> None:
    filled = page.evaluate("chart.data.map((trace) => 'fill' in trace)")
    assert filled == sorted(filled, reverse=True)
    assert any(filled)


def test_the_axis_is_switched(page: Page) -> None:
    assert chart(page)["layout"]["xaxis"]["title"]["text"] == "training samples"
    before = lines(page)[0]["x"]
    for clock, label in (("train_seconds", "training seconds"), ("model_evaluations", "model evaluations")):
        page.select_option("#clock", clock)
        assert chart(page)["layout"]["xaxis"]["title"]["text"] == label
        assert lines(page)[0]["x"] != before


def test_the_curves_name_the_command_of_their_figure(page: Page) -> None:
    command = page.locator("#curves .command")
    assert command.inner_text().endswith("--only convergence_samples")
    page.select_option("#clock", "train_seconds")
    assert command.inner_text().endswith("--only convergence_seconds")
    figures = page.locator(".gallery figure")
    assert figures.locator(".command").count() == figures.count()


def test_the_scale_is_switched(page: Page) -> None:
    assert chart(page)["layout"]["xaxis"]["type"] == "log"
    page.select_option("#scale", "linear")
    assert chart(page)["layout"]["xaxis"]["type"] == "linear"


def test_an_algorithm_is_hidden_with_the_keyboard(page: Page) -> None:
    names = {trace["name"] for trace in chart(page)["data"]}
    assert names == {"aevb[learning_rate=0.05]", "mcem"}
    page.focus("#algorithms input[value='mcem']")
    page.keyboard.press("Space")
    assert {trace["name"] for trace in chart(page)["data"]} == {"aevb[learning_rate=0.05]"}
    page.keyboard.press("Space")
    assert {trace["name"] for trace in chart(page)["data"]} == names


def test_the_place_and_the_split_are_chosen(page: Page) -> None:
    (before,) = lines(page)
    page.check("#train")
    assert [line["line"]["dash"] for line in lines(page)] == ["solid", "dash"]
    page.uncheck("#train")
    page.select_option("#z", "3")
    assert lines(page)[0]["y"] != before["y"]
    assert not page.locator("#n_train").is_visible()  # there is only one choice


def test_a_choice_that_does_not_exist_changes_the_others(page: Page) -> None:
    """For example, one of two runs has more training points and another z."""
    page.evaluate(
        """() => {
          curves.places.push({ name: "other", dataset: "blobs", n_train: 999, z: 7 });
          for (const id of coordinates) byId(id).replaceWith(byId(id).cloneNode(false));
          preparePlaces();
        }"""
    )
    page.select_option("#z", "7")
    assert page.locator("#n_train").input_value() == "999"
    page.select_option("#n_train", "200")
    assert page.locator("#z").input_value() in {"2", "3"}


def test_a_table_is_sorted_both_ways(page: Page) -> None:
    table = page.locator("#table-log_likelihood table")
    column = table.locator("th").all_inner_texts().index("z")
    heading = table.locator("th").nth(column)
    cells = table.locator(f"tbody td:nth-child({column + 1})")
    heading.locator("button").click()
    assert cells.all_inner_texts() == ["2", "2", "3", "3"]
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").press("Enter")
    assert cells.all_inner_texts() == ["3", "3", "2", "2"]
    assert heading.get_attribute("aria-sort") == "descending"


def test_numbers_are_sorted_as_numbers(page: Page) -> None:
    order = page.evaluate(
        """["never (1 to 2)", "-9.50 ± 0.10", "–", "-24.56 ± 0.14", "x inf", "x 316", "0.3", "1e5"]
        .sort((a, b) => compare(sortKey(a), sortKey(b)))"""
    )
    assert order == ["-24.56 ± 0.14", "-9.50 ± 0.10", "0.3", "x 316", "1e5", "never (1 to 2)", "x inf", "–"]


def test_what_all_rows_share_stands_above_them(page: Page) -> None:
    table = page.locator("#table-log_likelihood")
    assert "In all rows: data set: blobs; training points: 200; " in table.inner_text()
    assert "data set" not in table.locator("th").all_inner_texts()


@pytest.mark.parametrize(("form", "begins"), [("LaTeX", "\\begin{tabular}"), ("Markdown", "| "), ("CSV", "dataset,")])
def test_a_table_is_copied(page: Page, form: str, begins: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copies = page.locator("#table-log_likelihood .copies")
    copies.get_by_role("button", name=form).click()
    expect(copies.get_by_role("status")).to_have_text(f"Copied as {form}.")
    assert page.evaluate("navigator.clipboard.readText()").startswith(begins)


def test_a_figure_is_enlarged_and_closed_with_the_keyboard(page: Page) -> None:
    figure = page.locator("#figure-samples")
    assert figure.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    figure.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert page.locator("#enlarged").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#enlarged").is_visible()
    assert page.locator(".gallery figure").count() >= 8


def test_everything_is_reached_with_the_keyboard(page: Page) -> None:
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.value"))
    assert {"theme", "z", "clock", "scale", "train", "mcem"} <= reached
    page.focus("#clock")
    page.keyboard.press("ArrowDown")
    assert chart(page)["layout"]["xaxis"]["title"]["text"] == "model evaluations"


def test_light_and_dark(page: Page) -> None:
    def paper() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = paper()
    page.get_by_role("button", name="Dark").click()
    assert paper() != light
    assert chart(page)["layout"]["font"]["color"] == "#e8e8e8"
    page.get_by_role("button", name="Light", exact=True).click()
    assert paper() == light


def test_a_phone_needs_no_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("#chart").bounding_box()["width"] <= 360  # type: ignore[index]


def test_hostile_names_are_text(page: Page, run: Path) -> None:
    assert page.locator("h1").inner_text() == run.name
    assert page.locator("h1 b").count() == 0
