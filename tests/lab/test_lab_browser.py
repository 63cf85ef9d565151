"""The lab in headless Chromium. Run with -m browser; MINIGAN_LAB_PICTURES names a folder for screenshots."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Chromium, Page
from support.waiting import until

from minigan.lab.presets import Preset, lessons

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
READY = "document.getElementById('numbers').children.length > 0"
STEP = "+document.getElementById('time').value"
PIXELS = """(() => { const c = document.getElementById('picture'), d = c.getContext('2d').getImageData(0, 0, c.width,
c.height).data; let h = 0; for (let i = 0; i < d.length; i += 4) h = (h * 31 + d[i] * 65536 + d[i+1] * 256 + d[i+2])
| 0; return h })()"""


class Lab:
    """The command, running."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "minigan", "lab", "--no-browser", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found is not None
        self.address = found[0]

    @property
    def port(self) -> str:
        return re.sub(r".*:(\d+)/.*", r"\1", self.address)

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium on this machine")
    browser = Chromium(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def lab() -> Iterator[Callable[..., Lab]]:
    labs: list[Lab] = []

    def start(*arguments: str) -> Lab:
        labs.append(Lab("--port", "0", *arguments) if "--port" not in arguments else Lab(*arguments))
        return labs[-1]

    yield start
    for one in labs:
        one.close()


@pytest.fixture
def page(chromium: Chromium, lab: Callable[..., Lab]) -> Iterator[Page]:
    """The plane, opened."""
    opened = chromium.open()
    opened.go(lab().address)
    opened.until(READY)
    yield opened
    opened.close()


def show(page: Page, name: str, *, full: bool = False) -> None:
    """A picture for a person to look at, where somebody asked for them."""
    folder = os.environ.get("MINIGAN_LAB_PICTURES")
    if folder:
        page.picture(Path(folder) / f"{name}.png", full=full)


def text(page: Page, name: str) -> str:
    return page.value(f"document.getElementById('{name}').textContent")


def generated(page: Page) -> list[float]:
    """Some of the generated points of the newest frame, from the server."""
    script = """fetch('/api/frame?after=0', {headers: {'X-Lab-Token': sessionStorage.getItem('secret')}})
    .then(a => a.arrayBuffer()).then(b => { const n = new DataView(b).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(b, 4, n)));
    return [...new Float32Array(b, 4 + n + head.arrays.fake.at, 40)] })"""
    return page.value(script)


def choose(page: Page, name: str, value: Any, event: str = "change") -> None:
    """Set a control, as a person does."""
    script = "(s => { s.value = %s; s.dispatchEvent(new Event('%s')) })(document.getElementById('%s'))"
    page.value(script % (json.dumps(value), event, name))


def test_it_opens_without_errors_and_hides_its_secret(chromium: Chromium, page: Page, lab: Callable[..., Lab]) -> None:
    assert page.errors() == []
    assert page.value("location.href").count("#") == 0
    fetched = page.value("performance.getEntriesByType('resource').map(e => new URL(e.name).origin)")
    assert set(fetched) == {page.value("location.origin")}
    page.call("Page.reload")
    page.until(READY)
    address = page.value("location.href")
    other = chromium.open()
    other.go(address)
    other.until("!document.getElementById('notice').hidden")
    assert "it carries a key" in text(other, "notice")
    other.close()


def test_keys_play_and_step_and_train_one_player_alone(page: Page) -> None:
    page.press("s")
    page.until(f"{STEP} === 1")
    points, picture = generated(page), page.value(PIXELS)
    page.press("d")
    page.until(f"{PIXELS} !== {picture}")
    assert generated(page) == points and page.value(STEP) == 1
    page.press("g")
    page.until(f"{STEP} === 2")
    assert generated(page) != points
    page.press(" ")
    page.until(f"{STEP} > 10")
    assert page.value("document.querySelector('[data-do=play] b').textContent") == "Pause"
    page.press(" ")
    page.until("document.querySelector('[data-do=play] b').textContent === 'Play'")
    stopped = page.value(STEP)
    time.sleep(0.3)
    assert page.value(STEP) == stopped and page.errors() == []
    show(page, "plane")


def test_the_picture_is_what_the_frame_states_and_up_is_up(page: Page) -> None:
    script = """import('/plane.js').then(({show}) => { const n = 40, heat = new Float32Array(n * n), frame = {shapes:
    {heat: [n, n], sheet: [1, 2]}, heat: {kind: 'score', middle: 0, reach: 1, real: 1}, arrays: {heat, fake: new
    Float32Array([-2, -2]), sheet: new Float32Array(2), pull: new Float32Array(4)}};
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) heat[i * n + j] = i < n / 2 ? (j < n / 2 ? -1 : 1) : 0;
    show({window: 3, trains_d: true, arrays: {real: new Float32Array([2, -2])}}, frame);
    const c = document.getElementById('picture'), S = c.width, at = (x, y) => [...c.getContext('2d').getImageData(
    Math.round((x + 3) / 6 * S), Math.round((3 - y) / 6 * S), 1, 1).data];
    return {left: at(-1.5, 1.5), right: at(1.5, 1.5), below: at(0.5, -1), fake: at(-2, -2), real: at(1.9805, -2)} })"""
    seen = page.value(script)
    assert seen["left"][0] > seen["left"][2] and seen["right"][2] > seen["right"][0]
    assert seen["below"][3] == 0
    assert seen["fake"][0] > 180 and seen["fake"][2] < 60
    assert seen["real"][2] > seen["real"][0] + 40


def test_a_drawing_by_mouse_by_keys_and_by_finger_becomes_the_data(page: Page) -> None:
    page.click("#draw")
    box = page.value("(b => [b.left, b.top, b.width])(document.getElementById('picture').getBoundingClientRect())")
    places = [(0.2, 0.2), (0.2, 0.5), (0.2, 0.8), (0.5, 0.8), (0.8, 0.8)]
    for i, (x, y) in enumerate(places):
        kind = "mousePressed" if i == 0 else "mouseMoved"
        page.mouse(kind, box[0] + x * box[2], box[1] + y * box[2])
    page.mouse("mouseReleased", box[0] + 0.8 * box[2], box[1] + 0.8 * box[2])
    show(page, "drawing")
    page.click("#done")
    page.until("document.getElementById('data').value === 'drawing'")
    preset = page.value(
        "fetch('/api/preset', {headers: {'X-Lab-Token': sessionStorage.getItem('secret')}}).then(a => a.json())"
    )
    (stroke,) = Preset.load(preset["text"]).data["strokes"]
    xs, ys = stroke[1::2], stroke[2::2]
    assert xs[0] == pytest.approx(205, abs=8) and ys[0] == pytest.approx(819, abs=8)
    assert xs[-1] == pytest.approx(819, abs=8) and ys[-1] == pytest.approx(205, abs=8)
    page.click("#draw")
    page.click("#clear")
    page.value("document.getElementById('picture').focus()")
    for key in [" ", *["ArrowRight"] * 12, " "]:
        page.press(key)
    page.click("#done")
    page.until("document.getElementById('pen').hidden")
    page.size(390, 844)
    page.click("#draw")
    page.click("#clear")
    page.value("document.getElementById('picture').scrollIntoView()")
    before = page.value("scrollY")
    for kind, points in (("touchStart", [(60, 90)]), ("touchMove", [(200, 200)]), ("touchEnd", [])):
        page.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y} for x, y in points])
    assert page.value("scrollY") == before
    page.click("#done")
    page.until("document.getElementById('pen').hidden")
    assert page.errors() == []


@pytest.mark.slow
def test_every_objective_can_be_chosen_and_trains(page: Page) -> None:
    names = page.value("[...document.querySelectorAll('#objective option')].map(o => o.value)")
    assert len(names) >= 27
    for name in names:
        choose(page, "objective", name)
        page.until(f"{STEP} === 0 && document.querySelector('#formulas h3').textContent.endsWith(' {name}')", 30)
        page.press(" ")
        page.until(f"{STEP} >= 20", 60)
        page.press(" ")
    assert page.errors() == []


def test_a_slider_sends_one_order_at_a_time_and_a_refused_value_is_explained(page: Page) -> None:
    page.value("""(() => { const plain = window.fetch; window.under = 0; window.most = 0; window.fetch = (p, o) => {
    if (!String(p).includes('order')) return plain(p, o); window.under++;
    window.most = Math.max(window.most, window.under); return plain(p, o).finally(() => window.under--) } })()""")
    for value in range(0, 100, 2):
        choose(page, "speed", value, "input")
    page.until("window.under === 0")
    assert page.value("window.most") == 1
    speed = page.value("+document.getElementById('speed-text').textContent.replace('/s', '')")
    script = """fetch('/api/frame?after=0', {headers: {'X-Lab-Token': sessionStorage.getItem('secret')}})
    .then(a => a.arrayBuffer()).then(b => JSON.parse(new TextDecoder().decode(new Uint8Array(b, 4, new
    DataView(b).getUint32(0, true)))).speed)"""
    until(lambda: page.value(script) == speed, 10, "the last value holds")
    choose(page, "set-batch_size", "3")
    page.until("document.querySelector('#settings .error') !== null")
    assert "batch_size must be a whole number from 8 to 1024, got 3" in text(page, "settings")
    assert page.value("document.getElementById('set-batch_size').value") == "256"


def test_slow_motion_shows_every_event_of_a_step(page: Page) -> None:
    choose(page, "objective", "wgan-gp")
    page.until("document.querySelector('#formulas h3').textContent.endsWith('wgan-gp')")
    page.press("S", shift=True)
    page.until("!document.getElementById('film').hidden")
    titles = []
    while not page.value("document.getElementById('film').hidden"):
        titles.append(page.value("document.querySelector('#film h2').textContent"))
        assert "minigan/" in text(page, "film")
        if len(titles) == 8:
            show(page, "slow")
        page.press("ArrowRight")
    assert any("penalty" in title for title in titles) and any("second-order" in title for title in titles)
    assert titles[-1].endswith("moves G") and len(titles) > 15
    page.until(f"{STEP} === 1")
    page.press("S", shift=True)
    page.until("!document.getElementById('film').hidden")
    page.press("Escape")
    page.until("document.getElementById('film').hidden")
    page.until(f"{STEP} === 2")
    assert page.errors() == []


def test_the_time_slider_leads_back_and_forth_to_the_same_picture(page: Page) -> None:
    for _ in range(120):
        page.press("s")
    page.until(f"{STEP} === 120", 60)
    numbers = text(page, "numbers")
    go = "(t => { t.value = %d; t.dispatchEvent(new Event('input')); t.dispatchEvent(new Event('change')) })"
    for step in (70, 120):
        page.value(go % step + "(document.getElementById('time'))")
        page.until(f"{STEP} === {step} && document.getElementById('time-text').textContent === 'step {step}'", 30)
    page.until(f"document.getElementById('numbers').textContent === {json.dumps(numbers)}")


def test_a_shared_file_shows_the_same_picture_in_another_lab(
    chromium: Chromium, page: Page, lab: Callable[..., Lab], tmp_path: Path
) -> None:
    page.press("s")
    choose(page, "set-d_lr", "0.01")
    for _ in range(9):
        page.press("s")
    page.until(f"{STEP} === 10")
    page.click("#share")
    page.until("document.querySelectorAll('#dialog input').length === 2")
    command, link = page.value("[...document.querySelectorAll('#dialog input')].map(i => i.value)")
    secret = page.value("sessionStorage.getItem('secret')")
    assert secret not in command + link
    file = tmp_path / "session.json"
    file.write_text(Preset.load(command.split()[-1]).dump(), encoding="utf-8")
    other = chromium.open()
    other.go(lab("--preset", str(file)).address)
    other.until(READY)
    for _ in range(10):
        other.press("s")
    other.until(f"{STEP} === 10")
    page.press("Escape")
    until(lambda: other.value(PIXELS) == page.value(PIXELS), 10, "the same picture")
    assert text(other, "numbers") == text(page, "numbers")
    other.value(f"location.hash = {link.partition('#')[2]!r}")
    other.until(f"{STEP} === 0")
    assert other.value("location.hash") == ""
    other.close()


def test_a_lesson_asks_first_and_answers_later(page: Page) -> None:
    lesson = lessons()[0]
    choose(page, "lesson", "0")
    page.until("!document.getElementById('lesson-card').hidden")
    assert lesson.question in text(page, "lesson-card")
    assert page.value("document.querySelector('#lesson-card .look').hidden")
    show(page, "lesson")


def test_a_run_is_explored(
    chromium: Chromium, lab: Callable[..., Lab], run_of: Callable[[str], Path], tmp_path: Path
) -> None:
    page = chromium.open()
    page.go(lab("--run", str(run_of("gan")), "--run", str(run_of("cyclegan"))).address)
    page.until("document.querySelectorAll('#ways input').length > 0", 30)
    sample = "document.getElementById('sample').toDataURL()"
    start = page.value(sample)
    page.value("(s => { s.value = 4; s.dispatchEvent(new Event('input')) })(document.querySelector('#ways input'))")
    page.until(f"{sample} !== {start!r}")
    page.value("[...document.querySelectorAll('#run-room button')].find(b => b.textContent === 'Sliders to 0').click()")
    page.until(f"{sample} === {start!r}")
    page.click("#why")
    page.until("document.querySelectorAll('#answer canvas').length === 2")
    page.click("#near")
    page.until("document.querySelectorAll('#answer .tile').length === 5")
    page.click("#quiz .main")
    for i in range(20):
        page.until(f"document.getElementById('score').textContent.includes('{i} of 20 answered')")
        page.value("document.querySelector('#pair .tiles').focus()")
        page.press("ArrowLeft" if i % 2 else "ArrowRight")
    page.until("document.getElementById('score').textContent.includes('of 20 right')")
    show(page, "explorer", full=True)
    page.click("#rooms button:nth-child(3)")
    page.until("document.querySelectorAll('#rows canvas').length >= 6", 30)
    assert page.errors() == []
    page.close()


def test_phones_nights_and_calm_people_are_served(page: Page) -> None:
    wide = "document.documentElement.scrollWidth"
    small = """[...document.querySelectorAll('button, select, input[type=number]')].filter(e => e.offsetHeight > 0 &&
    e.offsetHeight < 44).map(e => e.id || e.textContent)"""
    for width in (320, 390):
        page.size(width, 844)
        page.until(f"innerWidth === {width}")
        assert page.value(wide) <= width
        assert page.value(small) == []
        show(page, f"phone-{width}", full=True)
    colours = "(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))"
    for dark in (False, True):
        page.size(1440, 900, dark=dark)
        paper, ink = (luminance(colour) for colour in page.value(colours))
        assert (paper < ink) == dark
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) > 7
        show(page, "dark" if dark else "light")
    page.size(360, 640, calm=True)
    page.press(" ")
    page.until(f"{STEP} > 0")
    before = page.value("performance.getEntriesByType('resource').length")
    page.value("performance.clearResourceTimings()")
    time.sleep(2.0)
    frames = page.value("performance.getEntriesByType('resource').filter(e => e.name.includes('frame')).length")
    assert before > 0 and frames <= 5


def luminance(colour: str) -> float:
    """Relative luminance of rgb(r, g, b), as WCAG defines it."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_every_control_has_a_name_and_is_reached_by_the_tab_key(page: Page) -> None:
    unnamed = """[...document.querySelectorAll('button, select, input, canvas[tabindex], [role=img]')].filter(e =>
    e.offsetHeight > 0 && !(e.labels?.length && e.labels[0].textContent.trim()) && !e.ariaLabel && !e.textContent.trim()
    && !e.title).map(e => e.outerHTML)"""
    assert page.value(unnamed) == []
    assert page.value("document.querySelector('[aria-live=polite]') !== null")
    tops = []
    for _ in range(12):
        page.press("Tab")
        focus = page.value("(e => [e.tagName, e.getBoundingClientRect().top, getComputedStyle(e).outlineStyle])"
                           "(document.activeElement)")  # fmt: skip
        assert focus[0] != "BODY" and focus[2] != "none"
        tops.append(focus[1])
    assert tops[0] < 60


def test_a_lab_that_was_closed_or_began_anew_is_explained(chromium: Chromium, lab: Callable[..., Lab]) -> None:
    first = lab()
    page = chromium.open()
    page.go(first.address)
    page.until(READY)
    first.close()
    page.until("document.getElementById('notice').textContent.includes('The lab has been closed')", 20)
    lab("--port", first.port)
    page.until("document.getElementById('notice').textContent.includes('it carries a key')", 20)
    page.value("performance.clearResourceTimings()")
    time.sleep(3.0)
    assert page.value("performance.getEntriesByType('resource').length") <= 3
    page.close()


def test_a_hidden_page_asks_for_nothing_and_its_lab_pauses(page: Page) -> None:
    page.press(" ")
    page.until(f"{STEP} > 5")
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    page.value(hide % "true")
    time.sleep(1.0)
    page.value("performance.clearResourceTimings()")
    time.sleep(33.0)
    assert page.value("performance.getEntriesByType('resource').length") <= 1
    page.value(hide % "false" + "; document.dispatchEvent(new Event('visibilitychange'))")
    page.until("document.getElementById('notice').textContent.includes('nobody was looking')", 20)


def test_pictures_and_orders_come_soon_enough(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    page.press(" ")
    page.until(f"{STEP} > 20")
    page.value("performance.clearResourceTimings()")
    page.value("window.since = performance.now(), window.from = " + STEP)
    time.sleep(5.0)
    frames, steps = page.value(
        f"""(t => [performance.getEntriesByType('resource').filter(e => e.name.includes('frame')).length / t,
        ({STEP} - window.from) / t])((performance.now() - window.since) / 1000)"""
    )
    page.press(" ")
    page.until("document.querySelector('[data-do=play] b').textContent === 'Play'")
    clicks = []
    for _ in range(20):
        script = f"""(async () => {{ const before = {STEP}, t = performance.now();
        document.querySelector('[data-do=step]').click(); while ({STEP} === before) await new
        Promise(requestAnimationFrame); return performance.now() - t }})()"""
        clicks.append(page.value(script))
    clicks.sort()
    with capsys.disabled():
        print(f"\nlab: {frames:.1f} pictures and {steps:.0f} steps a second; click to picture: median "
              f"{clicks[10]:.0f} ms, 95 % {clicks[18]:.0f} ms")  # fmt: skip
    assert frames > 1 and steps > 1
