"""A browser without a window, where one is installed."""

import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Iterator

import pytest

CHROMIUM = next(filter(shutil.which, ("chromium", "google-chrome", "chrome")), None)
needs_browser = pytest.mark.skipif(
    find_spec("playwright") is None or CHROMIUM is None,
    reason="needs pip install playwright, and Chromium",
)


@contextmanager
def running_browser() -> Iterator[Any]:
    """Run Chromium. YIELDS Playwright's browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(str(CHROMIUM)), args=["--no-sandbox"]
        )
        try:
            yield browser
        finally:
            browser.close()
