"""The page of a real run, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bench.api import report
from bench.results.frames import Results

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def run(trained_run: Path) -> Path:
    return trained_run


@pytest.fixture(scope="session")
def page_file(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = report(Results(trained_run, trust=True), ["index"], out=tmp_path_factory.mktemp("page"))["index"]
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, from CHROMIUM or PATH; without it a test is skipped, or fails in CI."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        reason = "no Chromium: install it, or name it in CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, page_file: Path) -> Iterator[Page]:
    """The page, opened from disk without a network.

    Any message on the console fails the test, and so does a request for anything but the page itself.
    """
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900}, accept_downloads=False)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    own = page_file.as_uri()
    page.on(
        "request", lambda asked: None if asked.url.startswith((own, "data:", "blob:")) else complaints.append(asked.url)
    )
    page.goto(own)
    page.wait_for_selector("#chart .main-svg")
    yield page
    context.close()
    assert complaints == []
