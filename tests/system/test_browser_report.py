"""The report in Chromium, opened from disk and without a network, as users do.

`make chromium` installs the browser (Debian's); without it these tests fail.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright import sync_api as playwright

from arena.evaluation.results import LevelFailure
from arena.pages.report import writing
from arena.pages.report.advice import AdviceSummary
from arena.pages.report.comparison_page import compare_folders, write_comparison
from arena.pages.report.episode_ends import LevelMap
from arena.pages.report.record_reader import read_record
from arena.pages.report.videos import ChosenEpisode, ReportVideo
from arena.pages.tuning.page import tuning_page
from arena.replay.episode_video import RenderResult
from arena.replay.video import write_video
from arena.tuner import advice
from arena.tuner.grid import DEFAULT_RULE, name_of
from benchmarks.made_runs import PANGOLIN, lucky_level, read_results_json, write_run

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 120_000  # for a slow machine
SIZES = {"phone": {"width": 360, "height": 740}, "wide": {"width": 1440, "height": 900}}
ADVICE = AdviceSummary(("Recommended: first above 1,500.",), 1500.0)
STATES = ("MeadowZone.Act3", "GlacierZone.Act3", "CavernZone.Act6")


def short_video(folder: Path) -> str:
    """Two seconds of a test picture, as the page holds it."""
    out = folder / "test.mp4"
    frames = [np.full((536, 640, 3), 8 * number, np.uint8) for number in range(30)]
    write_video(out, frames, (640, 536), 15, ("-c:v", "libx264", "-pix_fmt", "yuv420p"))
    return "data:video/mp4;base64," + base64.b64encode(out.read_bytes()).decode()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three levels, one of which failed, and its report with a video."""
    folder = tmp_path_factory.mktemp("browser")
    levels = [
        lucky_level(f"{PANGOLIN}:{state}", 30, seed, 12 if seed == 2 else None)
        for seed, state in enumerate(STATES, 1)
    ]
    error = LevelFailure("the agent left with exit code 1", "Error: <b>bold</b> words")
    failed = lucky_level(f"{PANGOLIN}:LagoonZone.Act4", 0)
    failed = type(failed)(failed.name, [], status="failed", error=error)
    made = write_run(folder / "run", [*levels, failed])
    record = read_record(made)
    chosen = ChosenEpisode("best", record.levels[1], folder / "best.bk2", 11, 2500.0)
    video = ReportVideo(chosen, RenderResult(30, 1, 30, True), short_video(folder), "data:,")
    strip = LevelMap(b"", 1000, 10, 990)
    (made / "report.html").write_bytes(writing.report(record, ADVICE, lambda _: strip, [video]))
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@dataclass
class Opened:
    """A page, its errors, and its requests for anything but its own file."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def open_page(browser: Any, path: Path, size: str = "wide", scheme: str = "light") -> Opened:
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme)
    context.set_default_timeout(PATIENCE_MS)
    opened = Opened(context.new_page())

    def decide(route: Any) -> None:
        if route.request.url == path.as_uri():
            route.continue_()
        else:
            opened.requests.append(route.request.url)
            route.abort()

    context.route("**/*", decide)
    opened.page.on(
        "console",
        lambda message: (
            opened.complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.goto(path.as_uri())
    return opened


@pytest.fixture(scope="module")
def wide(browser: Any, run: Path) -> Opened:
    """The report on a wide screen, shared by tests that do not change it: opening takes seconds."""
    return open_page(browser, run / "report.html")


def draw_all(page: Any) -> None:
    """Scroll to every plot, and wait until it is drawn."""
    for place in page.locator("[data-figure]").all():
        place.scroll_into_view_if_needed()
        playwright.expect(place).to_have_attribute("data-drawn", "yes", timeout=PATIENCE_MS)


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_the_page_is_complete_offline_and_fits_the_screen(
    browser: Any, run: Path, size: str, scheme: str
) -> None:
    opened = open_page(browser, run / "report.html", size, scheme)
    page = opened.page
    draw_all(page)
    assert page.locator("[data-figure] svg.main-svg").count() > 0
    assert page.locator("[data-figure]").count() == 7  # agents, curve, 3 levels, before-after, time
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    shades = [int(value) for value in background.strip("rgb()").split(",")]
    assert (sum(shades) > 600) if scheme == "light" else (sum(shades) < 150)
    ink = page.locator("[data-figure=level-1] .xtick text").first.evaluate(
        "text => getComputedStyle(text).fill"
    )
    shades = [int(value) for value in ink.strip("rgb()").split(",")]
    assert (sum(shades) < 300) if scheme == "light" else (sum(shades) > 500)
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == []
    page.context.close()


def test_the_numbers_shown_equal_results_json(wide: Opened, run: Path) -> None:
    page = wide.page
    results = read_results_json(run)
    assert page.locator(".big .value").first.inner_text() == f"{results['mean']['score']:,.1f}"
    for level in results["levels"]:
        cells = page.locator(f'tr[data-level="{level["level"]}"] td').all_inner_texts()
        if level["status"] == "failed":
            assert cells[0] == "failed"
            continue
        low, high = level["interval"]
        assert cells[:4] == [
            f"{level['score']:,.1f}",
            f"{low:,.1f} to {high:,.1f}",
            f"{level['best_return']:,.1f}",
            f"{level['episodes']:,}",
        ]
    assert page.locator(".failure pre").inner_text() == "Error: <b>bold</b> words"


def test_tables_sort_by_mouse_and_keyboard(wide: Opened, run: Path) -> None:
    page = wide.page
    levels = read_results_json(run)["levels"]
    scored = sorted((x for x in levels if x["score"] is not None), key=lambda x: -x["score"])
    highest_first = [level["level"] for level in scored]
    failed = [level["level"] for level in levels if level["score"] is None]

    def order() -> list[str]:
        rows = page.locator("#scores tbody tr")
        return rows.evaluate_all("rows => rows.map(row => row.dataset.level)")

    heading = page.locator("#scores th", has_text="score").first
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert order() == highest_first + failed
    heading.get_by_role("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert order() == highest_first[::-1] + failed
    by_name = page.locator("#scores th", has_text="level").first
    by_name.get_by_role("button").press("Enter")
    assert order() == [level["level"] for level in levels]
    assert heading.get_attribute("aria-sort") is None


@pytest.mark.parametrize("size", ["phone", "wide"])
def test_a_legend_covers_nothing_and_a_switch_gives_each_level_its_own_axis(
    browser: Any, run: Path, size: str
) -> None:
    page = open_page(browser, run / "report.html", size).page
    draw_all(page)
    plot = page.locator("[data-figure=level-1]")
    legend = plot.locator("xpath=preceding-sibling::ul")
    entries = legend.locator("li").all_inner_texts()
    assert entries[:3] == ["score so far", "episode", "locked in"]
    assert any(entry.startswith("lock-in at ") for entry in entries)
    box, picture = legend.bounding_box(), plot.bounding_box()
    assert box["y"] + box["height"] <= picture["y"] and box["width"] <= picture["width"]
    assert page.locator("[data-figure] .annotation, [data-figure] .legend").count() == 0

    def ticks(name: str) -> list[str]:
        return page.locator(f"[data-figure={name}] .ytick text").all_inner_texts()

    shared = ticks("level-0")
    assert shared == ticks("level-1") == ticks("level-2")
    page.get_by_label("own y-axis").check()
    assert ticks("level-0") != shared
    page.get_by_label("own y-axis").uncheck()
    assert ticks("level-0") == shared
    page.context.close()


def test_a_wide_screen_is_used_and_a_wide_table_shows_that_it_scrolls(
    browser: Any, run: Path
) -> None:
    opened = open_page(browser, run / "report.html")
    page = opened.page
    page.set_viewport_size({"width": 1600, "height": 900})
    assert page.locator("main").bounding_box()["width"] == 1600
    assert (
        page.locator(".levels article").evaluate_all(
            "all => new Set(all.map(one => one.offsetLeft)).size"
        )
        == 3
    )
    page.set_viewport_size({"width": 390, "height": 844})
    table = page.locator(".wide").first
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    assert "gradient" in table.evaluate("one => getComputedStyle(one).backgroundImage")
    page.context.close()


def test_videos_play(wide: Opened) -> None:
    page = wide.page
    video = page.locator("video")
    assert video.count() == 1
    video.evaluate("video => { video.muted = true; return video.play(); }")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while video.evaluate("video => video.currentTime") < 0.2:  # the page forbids the driver's wait
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    assert video.evaluate("video => [video.videoWidth, video.videoHeight]") == [640, 536]
    assert video.evaluate("video => video.error") is None
    assert wide.complaints == []


def test_the_page_is_accessible_by_screen_reader_and_keyboard(browser: Any, run: Path) -> None:
    page = open_page(browser, run / "report.html").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1
    # Every plot has a label, and a caption with its numbers.
    for place in page.locator("[data-figure]").all():
        assert place.get_attribute("aria-label")
    for caption in page.locator("figcaption").all_inner_texts():
        assert any(character.isdigit() for character in caption), caption
    assert page.locator("video:not([aria-label])").count() == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    broken = "links => links.filter(a => !document.querySelector(a.getAttribute('href'))).length"
    assert page.locator("nav a, tbody a").evaluate_all(broken) == 0
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))
    page.context.close()


def test_a_printed_page_has_all_plots_and_details_in_light_colours(browser: Any, run: Path) -> None:
    page = open_page(browser, run / "report.html", scheme="dark").page
    pdf = page.pdf()
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("[data-figure]:not([data-drawn])").count() == 0
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html.printing").count() == 0
    page.context.close()


def test_a_comparison_opens(browser: Any, run: Path, tmp_path: Path) -> None:
    other = write_run(
        tmp_path / "other",
        [lucky_level(f"{PANGOLIN}:{state}", 20, seed + 7) for seed, state in enumerate(STATES)],
        agent="another",
        budget_steps=4_000,
    )
    path = write_comparison(compare_folders([run, other]), tmp_path / "page.html")
    for size in SIZES:
        opened = open_page(browser, path, size, "dark")
        draw_all(opened.page)
        assert opened.page.locator("[data-figure]").count() == 5
        assert opened.page.locator("#runs tbody tr").count() == 2
        # No setting is broken letter by letter, even in a narrow column.
        heights = opened.page.locator(".differing td code").evaluate_all(
            "all => all.filter(one => one.textContent.length < 10).map(one => one.offsetHeight)"
        )
        assert heights and max(heights) < 30
        assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (opened.complaints, opened.requests) == ([], [])
        opened.page.context.close()


def made_advice() -> advice.Advice:
    """The tuner's advice from three rules on two levels."""
    settings = [
        {"lock_in_rule": "first-above", "lock_in_score": 1500.0},
        DEFAULT_RULE,
        {"lock_in_rule": "best-of", "lock_in_candidates": 8},
    ]
    rules = tuple(
        advice.RuleScore(
            name=name_of(choice),
            settings=choice,
            score=score,
            interval=(score - 90, score + 90),
            gain=score - 900,
            gain_interval=(score - 950, score - 850),
            locked=locked,
            locked_at=4000.0 if locked else None,
            by_level=(score + 10, score - 10),
        )
        for choice, score, locked in zip(settings, (1200, 900, 800), (0.75, 0, 1.0), strict=True)
    )
    return advice.Advice(
        budget_steps=50_000,
        levels=(f"{PANGOLIN}:{STATES[0]}", f"{PANGOLIN}:<i>{STATES[1]}"),
        recommended=rules[0],
        default=rules[1],
        rules=rules,
        held_out=None,
        curve_thresholds=(1000.0, 1500.0, 2000.0),
        curve_scores=(1000.0, 1200.0, 900.0),
        curve_low=(900.0, 1100.0, 800.0),
        curve_high=(1100.0, 1300.0, 1000.0),
        cost_at_scale={0.5: 10.0, 2.0: 20.0},
        sentences=("Recommended: first above 1,500.", "That is not clear."),
        notes=("<b>a note</b>",),
        pretrained=None,
    )


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_the_tuners_page_opens(browser: Any, tmp_path: Path, size: str, scheme: str) -> None:
    path = tmp_path / "tune.html"
    path.write_bytes(tuning_page(made_advice()))
    opened = open_page(browser, path, size, scheme)
    page = opened.page
    draw_all(page)
    assert page.locator("[data-figure] svg.main-svg").count() > 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    rows = page.locator("#rule-scores tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in rows] == ["1,200", "900", "800"]
    assert "recommended" in rows[0] and "(the default)" in rows[1] and "never" in rows[1]
    page.locator("#rule-scores th", has_text="locks in").get_by_role("button").press("Enter")
    assert "best of the first 8" in page.locator("#rule-scores tbody tr").first.inner_text()
    assert page.locator(".notes li").inner_text() == "<b>a note</b>"
    assert (opened.complaints, opened.requests) == ([], [])
    page.context.close()


def test_the_readmes_picture_of_the_report_is_taken(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.figures.gallery_pages", "--run", str(run)]
    subprocess.run([*command, "--no-live", "--out", str(tmp_path)], check=True, timeout=120)
    picture = cv2.imread(str(tmp_path / "report.png"))
    assert picture is not None and picture.shape[1] == 900 and picture.std() > 10
