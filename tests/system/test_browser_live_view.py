"""The live view in Chromium, with fake levels: pictures and numbers change without errors.

`make chromium` installs the browser (Debian's); without it these tests fail.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright import sync_api as playwright

from arena.environment.levels import Level
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.pages.live.view import LiveView
from arena.replay.decoded_views import DecodedViews
from arena.server.frame_ring import FrameRingWriter
from tests.helpers.small_models import TINY, write_random_pretrained

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP rebound.example 127.0.0.1",  # what DNS rebinding does
]
PATIENCE_SECONDS = 120.0  # for a slow machine
LIMITS = LevelLimits(
    budget_steps=50_000, wall_clock_seconds=60.0, connect_seconds=30.0, hang_seconds=30.0
)


class Game:
    """A level whose frames change with each step, until the test ends it."""

    def __init__(self, folder: Path) -> None:
        level = Level("Made", "<b>Up</b>")
        self.run = LevelRun(level, folder, None, 1, LIMITS, watched=True)  # type: ignore[arg-type]
        self.run.frame_ring = folder / "frames"
        self._ring = FrameRingWriter(self.run.frame_ring, (224, 320, 3), 12)
        self._going = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> Game:
        self.run.state, self.run.started = "playing", time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._going.set()
        self._thread.join()

    def _play(self) -> None:
        timesteps = 0
        while not self._going.wait(0.02):
            timesteps += 1
            first = timesteps % 50 == 1
            if first and timesteps > 1:
                self.run.returns = [*self.run.returns, 100.0 + timesteps]
            buttons = np.zeros(12, np.uint8)
            buttons[7] = 1
            frame = np.full((224, 320, 3), 255, np.uint8)
            frame[:, timesteps % 300 :] = (200, 30, 30)
            self._ring.write(
                frame,
                None if first else buttons,
                timesteps=timesteps,
                episode=(timesteps - 1) // 50,
                episode_return=timesteps / 2,
            )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page, its errors and its requests."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def text(self, selector: str) -> str:
        return str(self.page.text_content(selector))

    def wait(self, expression: str) -> None:
        """Wait until an expression is true; the page's policy forbids Playwright's own wait."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.page.evaluate(expression):
            assert time.monotonic() < deadline, expression[:200]
            self.page.wait_for_timeout(50)

    def wait_for_change(self, expression: str) -> None:
        before = json.dumps(self.page.evaluate(expression))
        self.wait(f"{expression} !== {before}")


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Game]:
    with Game(tmp_path) as game:
        yield game


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> DecodedViews:
    return DecodedViews(write_random_pretrained(tmp_path_factory.mktemp("m") / "tiny", spec=TINY))


STEPS = "Number(document.querySelector('[data-value=timesteps]').textContent.replaceAll(',', ''))"
PICTURE = "document.querySelector('.%s img').src"


def test_pictures_and_numbers_change(browser: Any, game: Game, views: DecodedViews) -> None:
    with LiveView({"agent": "<i>tiny</i>", "lock_in": 300.0}, views) as view:
        view.show([game.run])
        watched = Watched(browser)
        watched.page.goto(view.address)
        for name in ("frame", "reconstruction", "prediction"):
            watched.wait(f"document.querySelector('.{name} img')?.naturalWidth > 0")
        watched.wait_for_change(PICTURE % "frame")
        assert watched.page.evaluate("document.querySelector('.frame img').naturalWidth") == 320
        assert (
            watched.page.evaluate("document.querySelector('.reconstruction img').naturalWidth")
            == 64
        )
        watched.wait_for_change(STEPS)
        assert 0 < watched.page.evaluate(STEPS) < 50_000
        assert watched.text("h1") == "<i>tiny</i> plays Made"  # as text, not as HTML
        assert watched.text("article h2") == "<b>Up</b>"
        watched.wait("document.querySelector('.keys .down')?.textContent === 'RIGHT'")
        watched.wait_for_change("document.querySelector('[data-value=episodes]').textContent")
        watched.wait("document.querySelectorAll('svg .dot').length > 0")
        assert watched.page.locator("svg .threshold").count() == 1
        legend = watched.page.locator(".legend li").all_inner_texts()
        assert legend == ["episode return", "lock-in threshold 300"]
        ticks = watched.page.locator(".chart .tick").all_inner_texts()
        assert ticks[0] == "0" and len(ticks) >= 3 and all(tick.isdigit() for tick in ticks)
        assert watched.text(".episodes").strip().startswith("episode 1")
        game.run.state = "done"
        watched.wait("document.querySelector('#others tbody tr') !== null")
        assert watched.page.locator("article").count() == 0
        assert watched.text("#others td") == "done"
    watched.wait("document.querySelector('#status').textContent === 'the run has ended'")
    assert watched.complaints == []
    host = urlsplit(view.address).netloc
    assert {urlsplit(url).netloc for url in watched.requests} <= {host, ""}  # "": data: pictures


def test_the_axis_has_different_numbers_before_the_first_episode(
    browser: Any, tmp_path: Path
) -> None:
    game = Game(tmp_path)  # not played
    game.run.state = "playing"
    for lock_in, numbers in (
        (None, ["0.0", "0.5", "1.0"]),
        (1500.0, ["0", "500", "1,000", "1,500"]),
    ):
        with LiveView({"agent": "tiny", "lock_in": lock_in}, None) as view:
            view.show([game.run])
            watched = Watched(browser)
            watched.page.goto(view.address)
            watched.wait("document.querySelectorAll('.chart .tick').length > 0")
            assert watched.page.locator(".chart .tick").all_inner_texts() == numbers
            assert watched.page.locator("svg .threshold").count() == (lock_in is not None)


def test_locked_in_episodes_have_their_own_colour(browser: Any, game: Game) -> None:
    game.run.returns = [100.0, 350.0, 340.0]
    entries = [
        {"episode": number, "candidate": min(number, 1), "episode_return": value, "length": 9}
        | {"timesteps": 10 * number + 10, "locked": number == 2, "steps_per_second": 9.0}
        for number, value in enumerate(game.run.returns)
    ]
    out = game.run.folder / "out"
    out.mkdir(parents=True)
    (out / "journal.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with LiveView({"agent": "tiny", "lock_in": 9000.0}, None) as view:
        view.show([game.run])
        watched = Watched(browser)
        watched.page.goto(view.address)
        watched.wait("document.querySelectorAll('svg .dot.locked').length > 0")
        legend = watched.page.locator(".legend li").all_inner_texts()
        assert legend == ["episode return", "locked in", "lock-in threshold 9,000 (above the plot)"]


def test_the_page_links_to_the_report_at_the_end(browser: Any, game: Game, tmp_path: Path) -> None:
    report = tmp_path / "my <run>" / "report.html"
    report.parent.mkdir()
    report.write_text("<p>the report</p>")
    with LiveView({"agent": "tiny", "lock_in": None}, None) as view:
        view.show([game.run])
        watched = Watched(browser)
        watched.page.goto(view.address)
        watched.wait("document.querySelector('article') !== null")
        assert watched.page.locator("#report").is_hidden()
        game.run.state = "done"
        watched.wait("document.querySelector('#status').textContent === 'writing the report'")
        view.offer_report(report)
    link = watched.page.locator("#report a")
    playwright.expect(link).to_have_attribute("download", "my <run>-report.html")
    assert watched.text("#report code") == str(report)
    assert link.inner_text() == "Download the report"
    assert watched.page.get_by_role("button", name="Pause").count() == 0
    with watched.page.expect_download() as saved:  # the server has ended
        link.click()
    assert Path(saved.value.path()).read_text() == "<p>the report</p>"
    assert watched.complaints == []


def test_a_paused_page_makes_no_requests(browser: Any, game: Game) -> None:
    with LiveView({"agent": "tiny", "lock_in": None}, None) as view:
        view.show([game.run])
        watched = Watched(browser)
        watched.page.goto(view.address)
        watched.wait("document.querySelector('.frame img')?.naturalWidth > 0")
        assert watched.page.locator(".reconstruction:visible").count() == 0
        watched.page.get_by_role("button", name="Pause").press("Enter")
        deadline = time.monotonic() + 60
        while view.open_pages and time.monotonic() < deadline:
            time.sleep(0.05)
        assert view.open_pages == 0
        before = json.dumps(watched.page.evaluate(PICTURE % "frame"))
        watched.page.get_by_role("button", name="Resume").press("Space")
        watched.wait(f"{PICTURE % 'frame'} !== {before}")
        assert watched.complaints == []


@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_phones_and_wide_screens(
    browser: Any, game: Game, views: DecodedViews, width: int, scheme: str
) -> None:
    with LiveView({"agent": "tiny", "lock_in": 2000.0}, views) as view:
        view.show([game.run])
        size = {"width": width, "height": 800}
        watched = Watched(browser, viewport=size, color_scheme=scheme)
        watched.page.goto(view.address)
        watched.wait("document.querySelector('.prediction img')?.naturalWidth > 0")
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
        paper = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = [int(value) for value in paper.strip("rgb()").split(",")]
        assert (min(brightness) > 200) == (scheme == "light")


def test_only_the_printed_address_opens(browser: Any, game: Game) -> None:
    with LiveView({"agent": "tiny", "lock_in": None}, None) as view:
        view.show([game.run])
        page = browser.new_context().new_page()
        port, path = urlsplit(view.address).port, urlsplit(view.address).path
        assert page.goto(view.address).status == 200
        assert page.goto(f"http://localhost:{port}{path}").status == 200
        assert page.goto(f"http://127.0.0.1:{port}/").status == 404
        assert page.goto(f"http://127.0.0.1:{port}/{'A' * 32}/").status == 404
        assert page.goto(f"http://rebound.example:{port}{path}").status == 403
        answer = page.request.post(view.address)
        assert answer.status == 405 and answer.headers["allow"] == "GET"
        # A page of another origin can neither read the stream nor frame the page.
        page.goto(f"http://localhost:{port}{path}")
        blocked = f"fetch('http://127.0.0.1:{port}{path}').then(() => 'read', () => 'refused')"
        assert page.evaluate(blocked) == "refused"
