"""A real browser for tests: Debian's chromium, driven through selenium; tests are skipped where there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.support.ui import WebDriverWait

__all__ = ["add_authenticator", "browser", "needs_browser", "until"]

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,1000",
    "--force-prefers-reduced-motion",
)
PATIENCE = 30.0

needs_browser = pytest.mark.skipif(
    not (PROGRAM and DRIVER) and os.environ.get("ALEMBIC_MCP_TEST_BROWSER") != "required",
    reason="no browser: install chromium and chromium-driver (Debian's packages)",
)


@contextmanager
def browser(*, javascript: bool = True) -> Iterator[webdriver.Chrome]:
    """A new browser without anything in it; closed afterwards."""
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.set_page_load_timeout(PATIENCE)
        yield driver
    finally:
        driver.quit()


def add_authenticator(driver: webdriver.Chrome) -> None:
    """Give it an authenticator whose user is there, and is verified."""
    options = VirtualAuthenticatorOptions()
    options.protocol = "ctap2"
    options.transport = "internal"
    options.has_resident_key = True
    options.has_user_verification = True
    options.is_user_verified = True
    driver.add_virtual_authenticator(options)


def until(driver: webdriver.Chrome, condition):
    """Wait until *condition* of the driver gives something true; that."""
    return WebDriverWait(driver, PATIENCE, poll_frequency=0.05).until(condition)
