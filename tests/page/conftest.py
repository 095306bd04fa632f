"""A real run with hostile names, its page, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import bench
from bench.api import report
from bench.results import Results
from bench.runner import Execution

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two algorithms, two latent sizes, five seeds."""
    out = tmp_path_factory.mktemp("page") / "<b>run & 'co'"
    asked: dict[str, Any] = {"algos": "aevb[learning_rate=0.05],mcem", "dataset": BLOBS, "z": [2, 3], "seeds": 5}
    asked |= {"budget": 2000, "likelihood": "importance[num_samples=20]", "likelihood_points": 60}
    bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **asked)
    return out


@pytest.fixture(scope="session")
def page_file(run: Path) -> Path:
    (path,) = report(Results(run), ["index"])["index"]
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, wherever it is; without it a test is skipped, but fails in CI."""
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
    """The page as opened from disk without a network; whatever the console says fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900}, accept_downloads=False)
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(page_file.as_uri())
    page.wait_for_selector("#chart .main-svg")
    yield page
    context.close()
    assert complaints == []
