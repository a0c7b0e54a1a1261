"""Takes the documents' screenshots: a run's report, and the live view of a short run.

    python -m benchmarks.figures.gallery_pages --run runs/RUN

It writes report.png and live.png to results/pictures. Chromium takes the screenshots.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT
from agent.errors import UserError
from agent.files import write_atomically
from arena.evaluation.run_folder import PROJECT_DIR
from benchmarks.live_page import find_address

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu"]
REPORT_SIZE, LIVE_SIZE = (1280, 1500), (1280, 900)
SHOWN_WIDTH = 900  # width of the documents' pictures in pixels
PATIENCE_SECONDS = 120.0
COLOURS = 128
WATCHED_LEVELS = "PangolinDash-Genesis:MeadowZone.Act3,PangolinDash-Genesis:FoundryZone.Act3"
# True when both levels show the model's two pictures and have used `steps` timesteps.
SHOWS = """steps => {
  const playing = document.querySelectorAll("article .prediction:not([hidden])").length;
  const used = [...document.querySelectorAll("[data-value=timesteps]")]
    .map(element => Number(element.textContent.replaceAll(",", "")));
  return playing === 2 && used.every(value => value >= steps);
}"""


@dataclass(frozen=True)
class Options:
    """Take the documents' pictures of the report and of the live view."""

    extra: ClassVar[str] = "dev"

    run: Path = option("run folder with a report.html")
    watch_steps: int = option(
        "timesteps of each level in the live view; its picture is taken halfway", 2000, within=COUNT
    )
    live: bool = option("play two levels and take a picture of the live view", True)
    out: Path = option("folder of the pictures", PROJECT_DIR / "results/pictures")


def main() -> None:
    """Take the pictures and print their paths."""
    options = command_line.parse(Options, prog="python -m benchmarks.figures.gallery_pages")
    report = options.run / "report.html"
    if not report.is_file():
        raise UserError(f"{report} is missing: make it with local_eval.py report {options.run}")
    options.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        page = opened(browser, report.absolute().as_uri(), REPORT_SIZE)
        wait(
            page, "() => document.querySelector('[data-drawn]') !== null"
        )  # plots in view are drawn
        save(options.out / "report.png", page)
        if options.live:
            with watched_run(options.watch_steps) as address:
                page = opened(browser, address, LIVE_SIZE)
                wait(page, SHOWS, options.watch_steps // 2)
                save(options.out / "live.png", page, "main")


@contextmanager
def chromium() -> Iterator[Any]:
    """Open a browser without a window.

    Raises:
        UserError: Chromium is missing.
    """
    from playwright.sync_api import sync_playwright  # --help does not need it

    if not CHROMIUM.exists():
        raise UserError(f"there is no {CHROMIUM}: run `make chromium`")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


def opened(browser: Any, address: str, size: tuple[int, int]) -> Any:
    """Open a page in this size and in the light colours; return it."""
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=viewport, color_scheme="light").new_page()
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.goto(address)
    return page


def wait(page: Any, condition: str, argument: Any = None) -> None:
    """Wait for a condition; the pages' content policy forbids playwright's `wait_for_function`.

    Raises:
        UserError: the condition is not true after PATIENCE_SECONDS.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(condition, argument):
        if time.monotonic() > deadline:
            raise UserError(f"the page is not ready after {PATIENCE_SECONDS:.0f} s: try again")
        page.wait_for_timeout(100)


def save(path: Path, page: Any, element: str | None = None) -> None:
    """Take the picture of the page, or of one of its elements, as a small PNG; print its path."""
    taken = page.locator(element).screenshot() if element else page.screenshot()
    picture = cv2.imdecode(np.frombuffer(taken, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    height, width = picture.shape[:2]
    size = (SHOWN_WIDTH, round(height * SHOWN_WIDTH / width))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    write_atomically(path, palette_png(small))
    print(path)


def palette_png(picture: np.ndarray) -> bytes:
    """Return a BGR picture, uint8 (height, width, 3), as a PNG with few colours."""
    from PIL import Image

    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        image = Image.fromarray(picture[:, :, ::-1])
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(file.name, optimize=True)
        return Path(file.name).read_bytes()


@contextmanager
def watched_run(steps: int) -> Iterator[str]:
    """Play two levels with --watch; yield the page's address, and stop when the block ends."""
    with tempfile.TemporaryDirectory(prefix="gallery-") as folder:
        command = [sys.executable, str(PROJECT_DIR / "local_eval.py"), "run", "--watch"]
        command += ["--levels", WATCHED_LEVELS, "--budget-steps", str(steps), "--workers", "2"]
        command += ["--seed", "1", "--no-report", "--out", str(Path(folder, "run"))]
        environment = {**os.environ, "SSH_CONNECTION": "none"}  # so that it opens no browser
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR, env=environment
        )
        assert process.stdout is not None
        try:
            address = None
            while address is None:
                line = process.stdout.readline()
                if not line:
                    raise UserError(f"the run printed no address: {' '.join(command)}")
                address = find_address(line)
            yield address
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)


if __name__ == "__main__":
    command_line.run(main)
