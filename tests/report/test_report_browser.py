"""The page in a real browser: headless Chromium, driven by selenium. Run with -m browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minigan.report import write_report

pytestmark = pytest.mark.browser
FLAGS = ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"]
FLAGS += ["disable-background-networking", "disable-component-update"]
SHOWN = (
    "return [...document.querySelectorAll('.moments figure')].filter(f => f.offsetHeight > 0).map(f => +f.dataset.step)"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser of its own, as if newly installed."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("there is no chromium with its chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


@pytest.fixture(params=["finished", "points"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A report as a person opens it: a file."""
    return write_report(request.getfixturevalue(request.param), tmp_path / "report.html").as_uri()


def show(browser: Any, address: str, width: int = 1100, *, scripts: bool = True, dark: bool = False) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)


def test_the_console_stays_empty_and_nothing_is_fetched(browser: Any, address: str) -> None:
    show(browser, address)
    assert browser.get_log("browser") == []
    fetched = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in fetched if not name.startswith("data:")] == []
    assert browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_the_slider_shows_one_moment_after_the_other_by_the_keyboard(browser: Any, address: str) -> None:
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    show(browser, address)
    (last,) = browser.execute_script(SHOWN)
    slider = browser.find_element("css selector", "input[type=range]")
    before = slider.screenshot_as_png, browser.find_element("css selector", ".moments").screenshot_as_png
    slider.send_keys(keys.HOME)
    assert browser.execute_script(SHOWN) == [0] and last > 0
    assert slider.get_attribute("aria-valuetext") == "step 0"
    after = slider.screenshot_as_png, browser.find_element("css selector", ".moments").screenshot_as_png
    assert before[0] != after[0] and before[1] != after[1]
    slider.send_keys(keys.ARROW_RIGHT)
    assert 0 < browser.execute_script(SHOWN)[0] <= last


def test_a_phone_shows_the_whole_width(browser: Any, address: str) -> None:
    for width in (320, 390):
        show(browser, address, width)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_at_night_the_page_is_dark_and_its_words_stand_out(browser: Any, address: str) -> None:
    colours = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    for dark in (False, True):
        show(browser, address, dark=dark)
        paper, ink = (luminance(colour) for colour in browser.execute_script(colours))
        assert (paper < ink) == dark
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 7


def luminance(colour: str) -> float:
    """Relative luminance of rgb(r, g, b), as WCAG defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_on_paper_and_without_scripts_all_moments_are_there(browser: Any, address: str) -> None:
    show(browser, address)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    printed = browser.execute_script(SHOWN)
    show(browser, address, scripts=False)
    assert len(printed) > 1
    heights = browser.find_elements("css selector", ".moments figure")
    assert [figure.size["height"] > 0 for figure in heights] == [True] * len(printed)
    assert not browser.find_element("css selector", ".slider").is_displayed()
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
