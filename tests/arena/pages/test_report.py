"""The report's page as text: its numbers, and its notes on broken and unfinished runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from agent.errors import UserError
from arena.environment.levels import Level
from arena.evaluation.results import LevelFailure
from arena.pages.page import json_for_script
from arena.pages.report import advice, writing
from arena.pages.report.comparison_page import compare_folders
from arena.pages.report.record_reader import read_record
from arena.pages.report.records import ReportError
from arena.pages.report.videos import ChosenEpisode, ReportVideo, choose_episodes
from arena.replay.episode_video import RenderResult
from benchmarks.made_runs import PANGOLIN, MadeLevel, lucky_level, read_results_json, write_run
from tests.helpers.report_pages import figures_of, text_of

MEADOW, GLACIER = f"{PANGOLIN}:MeadowZone.Act3", f"{PANGOLIN}:GlacierZone.Act3"


@pytest.fixture(autouse=True)
def no_tuner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tuner simulates for seconds; its advice on the page has its own test."""

    def refuse(folders: list[Path]) -> None:
        raise UserError("too few episodes")

    monkeypatch.setattr(advice.tuner, "advise", refuse)


def page_of(folder: Path) -> str:
    return writing.write_report(folder, videos=False).read_text()


def test_the_numbers_are_those_of_results_json(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 9), lucky_level(GLACIER, 12, 2, 7)])
    page = page_of(run)
    results = read_results_json(run)
    found = re.search(r'data-result="mean" data-value="([^"]+)"', page)
    assert found and float(found[1]) == results["mean"]["score"]
    for level in results["levels"]:
        row = re.search(rf'<tr data-level="{level["level"]}">(.*?)</tr>', page, re.DOTALL)
        assert row
        values = re.findall(r'<td class="number" data-value="([^"]*)"', row[1])
        expected = [level[key] for key in ("score", "best_return", "episodes", "locked_in_at")]
        assert [values[0], values[2], values[3], values[5]] == [
            "" if value is None else str(value) for value in expected
        ]
    low, high = results["mean"]["interval"]
    assert f"95% interval {low:,.1f} to {high:,.1f}" in text_of(page)


def test_a_level_with_an_archive_shows_the_return_points(tmp_path: Path) -> None:
    returned_to = [0.0, 150.0, 300.0, 450.0]
    level = replace(lucky_level(GLACIER, 4), returned_to=returned_to)
    run = write_run(tmp_path / "run", [level, lucky_level(MEADOW, 4)])
    page = page_of(run)
    _, dashes, episodes = figures_of(page)["level-0"]["data"]
    assert (dashes["name"], dashes["y"], dashes["x"]) == (
        "return point",
        returned_to,
        episodes["x"],
    )
    assert len(figures_of(page)["level-1"]["data"]) == 2
    assert text_of(page).count("Mean return point 225.0") == 1
    assert "archive of trajectories" in text_of(page)
    other = write_run(tmp_path / "other", [lucky_level(GLACIER, 4)])
    assert "archive of trajectories" not in text_of(page_of(other))
    journal = run / "levels" / GLACIER.replace(":", ".") / "out/journal.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:-1]))
    page = page_of(run)  # the last episode's line is not written yet
    assert figures_of(page)["level-0"]["data"][1]["y"] == returned_to[:-1]
    assert "Mean return point 150.0" in text_of(page)


def test_the_plot_of_a_level_has_its_episodes_its_score_and_its_lock_in(tmp_path: Path) -> None:
    level = lucky_level(GLACIER, 12, locked_from=7)
    plot = figures_of(page_of(write_run(tmp_path / "run", [level])))["level-0"]
    curve, before, after = plot["data"]
    assert before["y"] + after["y"] == pytest.approx(level.returns, abs=0.01)
    assert len(after["y"]) == 5
    assert curve["y"][-1] == pytest.approx(np.mean(level.returns), abs=0.01)
    assert curve["x"] == [101 * (number + 1) for number in range(12)]
    lock_in, threshold = plot["layout"]["shapes"]
    assert (lock_in["x0"], lock_in["x1"]) == (707, 707)
    assert threshold["y0"] == 2000


def test_the_learning_curve_ends_at_the_score_of_the_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 9), lucky_level(GLACIER, 12, 2, 7)])
    page = page_of(run)
    low, high, curve = figures_of(page)["learning"]["data"]
    results = read_results_json(run)
    assert curve["y"][-1] == pytest.approx(results["mean"]["score"], abs=0.01)
    firsts, lasts = [], []
    for level in read_record(run).levels:
        firsts.append(level.timesteps[0])
        lasts.append(level.timesteps[-1])
    assert (curve["x"][0], curve["x"][-1]) == (max(firsts), max(lasts))
    assert low["x"] == high["x"] == curve["x"] and high["fillcolor"] == "--accent 29"
    bands = zip(low["y"], curve["y"], high["y"], strict=True)
    assert all(bottom <= score <= top for bottom, score, top in bands)
    assert f"The curve ends at {results['mean']['score']:,.1f}." in text_of(page)
    # The plot of a single level has its curve already.
    alone = page_of(write_run(tmp_path / "alone", [lucky_level(MEADOW, 9)]))
    assert "learning" not in figures_of(alone)


def test_text_from_files_can_not_become_code(tmp_path: Path) -> None:
    nasty = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    error = LevelFailure(f"it printed {nasty}", f"Traceback\n{nasty}")
    levels = [
        replace(lucky_level(f"Game:{nasty}".replace("/", "_"), 3), status="failed", error=error),
        lucky_level(GLACIER, 3),
    ]
    page = page_of(write_run(tmp_path / "run", levels, agent=nasty.replace("/", "_")))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert f"it printed {nasty}" in text_of(page)
    library = r'<script type="text/plain" id="plotly">.*?</script>'
    without_library = re.sub(library, "", page, flags=re.DOTALL)
    assert without_library != page
    assert len(re.findall(r"<script\b", without_library)) == 2
    assert json.loads(json_for_script({"a": nasty})) == {"a": nasty}
    assert "<" not in json_for_script([nasty])


def test_the_page_refers_to_no_other_file(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", [lucky_level(MEADOW, 4)]))
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    without_scripts = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", without_scripts)
    assert "url(" not in without_scripts


@pytest.mark.parametrize(
    ("break_it", "note"),
    [
        (lambda run: (run / "results.json").unlink(), "computed from the levels' files"),
        (
            lambda run: (run / "results.json").write_text(
                json.dumps({**read_results_json(run), "version": 0})
            ),
            "version 0",
        ),
        (lambda run: (run / "run.json").unlink(), "The settings of the run are unknown"),
        (lambda run: (run / "run.json").write_text("[]"), "The settings of the run are unknown"),
        (lambda run: (run / "results.json").write_text('{"format":'), "can't be read"),
        (
            lambda run: (run / "results.json").write_text(
                (run / "results.json")
                .read_text()
                .replace('"best_return": ', '"best_return": NaN, "was": ', 1)
            ),
            "a number is nan",
        ),
        (
            lambda run: (run / "results.json").write_text(
                (run / "results.json").read_text().replace('"folder": ', '"folder": 7, "was": ')
            ),
            "a folder is 7",
        ),
    ],
)
def test_a_broken_file_becomes_a_note_on_the_page(tmp_path: Path, break_it, note: str) -> None:  # type: ignore[no-untyped-def]
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 5), lucky_level(GLACIER, 5, 2)])
    mean = read_results_json(run)["mean"]["score"]
    break_it(run)
    page = page_of(run)
    assert note in text_of(page)
    assert f"{mean:,.1f}" in text_of(page)


def test_a_truncated_journal_and_nan_returns_are_noted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(GLACIER, 6, locked_from=3)])
    place = run / "levels" / GLACIER.replace(":", ".")
    journal = place / "out" / "journal.jsonl"
    journal.write_text(journal.read_text()[:-30])
    monitor = place / "monitor.csv"
    rows = monitor.read_text().splitlines()
    monitor.write_text("\r\n".join([*rows[:2], "nan,100,1.0", *rows[3:], "17,"]))
    text = text_of(page_of(run))
    assert "1 of 6 lines of the journal are broken" in text
    assert "1 of 6 returns are NaN or infinite" in text
    assert "Locked in after 303 timesteps" in text


def test_an_unfinished_run_is_marked_and_shows_its_results_so_far(tmp_path: Path) -> None:
    waiting = MadeLevel(GLACIER, [], status="pending")
    playing = replace(lucky_level(MEADOW, 4), status="pending")
    page = page_of(write_run(tmp_path / "run", [playing, waiting]))
    text = text_of(page)
    assert "The run is not finished" in text
    assert "There is no score yet" in text
    assert f"mean so far {np.mean(playing.returns):,.1f}" in text
    assert set(figures_of(page)) >= {"level-0", "before-after"}


def test_a_rule_without_a_threshold_has_none_in_the_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 4)])
    content = json.loads((run / "run.json").read_text())

    def text_with(**settings: object) -> str:
        agent = {**content["settings"]["agent"], **settings}
        changed = {**content, "settings": {**content["settings"], "agent": agent}}
        (run / "run.json").write_text(json.dumps(changed))
        return text_of(page_of(run))

    assert "no return was above 2,000" in text_with()
    assert "no return was above" not in text_with(lock_in_rule="best-of")
    recorded = text_with(repeats=3)
    assert "no return was above" not in recorded and "played 3 episodes with each" in recorded


def test_the_page_says_why_no_candidate_was_locked_in(tmp_path: Path) -> None:
    def caption(name: str, returns: list[float]) -> str:
        return text_of(page_of(write_run(tmp_path / name, [MadeLevel(MEADOW, returns)])))

    assert "locked in: no return was above 2,000." in caption("none", [1000.0, 2000.0])
    last = caption("last", [1000.0, 6263.0])
    assert "the first return above 2,000 was that of the last episode that finished." in last
    assert "no return was above" not in last
    assert "No candidate was locked in. " in caption("other", [6263.0, 1000.0])


def test_the_page_leads_with_the_levels_finished_and_the_best_video(tmp_path: Path) -> None:
    levels = [
        MadeLevel(MEADOW, [100.0, 9000.0, 9500.0]),
        MadeLevel(GLACIER, [8999.9]),
        MadeLevel(f"{PANGOLIN}:LagoonZone.Act4", [], status="failed"),
    ]
    run = write_run(tmp_path / "run", levels)
    record = read_record(run)
    assert record.levels_finished == (1, 3)
    assert [level.ends_reached for level in record.levels] == [2, 0, 0]
    result = RenderResult(30, 1, 30, decoded=False)
    videos = [
        ReportVideo(ChosenEpisode(title, record.levels[0], run, 2, 9500.0), result, "data:,", "")
        for title in ("best", "typical")
    ]
    page = writing.report(record, advice.AdviceSummary(("none.",)), videos=videos).decode()
    places = [page.index(text) for text in ('class="value"', "1 of 3", "<video", 'id="levels"')]
    assert places == sorted(places)
    assert page.count("<video") == 2
    other = replace(levels[0], scenario="scenario")
    unknown = write_run(tmp_path / "other", [other])
    assert read_record(unknown).levels_finished is None
    assert "levels finished" not in text_of(page_of(unknown))


@pytest.mark.parametrize(
    "level",
    [
        Level("My Game", "Level 1"),
        Level("Game.v1", "Act.1"),
        Level("A:B", "C"),
        Level("G", "x" * 300),
    ],
    ids=lambda level: level.name[:12],
)
@pytest.mark.parametrize("run_json", [True, False])
def test_a_level_of_any_name_is_found_without_results_json(
    tmp_path: Path, level: Level, run_json: bool
) -> None:
    made = MadeLevel(MEADOW, [123.5, 130.0], locked_from=1, movies={"best": b"a movie"})
    run = write_run(tmp_path / "run", [made])
    (run / "levels" / MEADOW.replace(":", ".")).rename(run / "levels" / level.slug)
    (run / "levels" / "a stray file").touch()
    (run / "levels" / "stray").mkdir()
    (run / "results.json").unlink()
    content = json.loads((run / "run.json").read_text())
    content["settings"] |= {"levels": [level.to_json()]}
    content |= {} if run_json else {"settings": {}}
    (run / "run.json").write_text(json.dumps(content))
    record = read_record(run)
    (found,) = [one for one in record.levels if len(one.returns)]
    assert found.result.score == 126.75 and found.result.locked_in_at == 101
    assert found.result.level == level.name or not run_json
    assert found.result.movies == {"best": f"levels/{level.slug}/movies/best.bk2"}
    assert found.result.seconds == pytest.approx(202 * 0.004)
    assert record.results.budget_steps == (5000 if run_json else 202)
    assert "126.8" in text_of(page_of(run))


def test_the_page_says_why_there_is_no_score(tmp_path: Path) -> None:
    def words(name: str, *levels: MadeLevel) -> str:
        return text_of(page_of(write_run(tmp_path / name, levels, budget_steps=300)))

    none, failed = MadeLevel(MEADOW, []), MadeLevel(GLACIER, [], status="failed")
    text = words("none", none, failed)
    assert "No episode finished on 1 level in 300 timesteps. Use --budget-steps" in text
    assert "Each dot is an episode" not in text
    assert "There is no score: every level failed." in words("failed", failed)
    assert "There is no score yet" in words("begun", replace(none, status="pending"))


def test_a_run_without_an_episode_leads_with_the_first_video(tmp_path: Path) -> None:
    made = MadeLevel(MEADOW, [], movies={"first": b"a movie"})
    record = read_record(write_run(tmp_path / "run", [made]))
    (first,) = choose_episodes(record)
    video = ReportVideo(first, RenderResult(30, 1, 30, decoded=False), "data:,", "")
    page = writing.report(record, advice.AdviceSummary(("none.",)), videos=[video]).decode()
    assert page.index("<video") < page.index('id="levels"')
    assert "The first episode of the run , which did not finish" in text_of(page)
    assert 'href="#videos"' not in page


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [])
    assert "There is no score yet" in text_of(page_of(run))


def test_one_episode_has_no_interval(tmp_path: Path) -> None:
    text = text_of(page_of(write_run(tmp_path / "run", [MadeLevel(MEADOW, [123.5])])))
    assert "123.5" in text
    assert not re.search(r"95% interval,? [−\d]", text)


def test_a_failed_level_shows_the_reason_and_its_last_output(tmp_path: Path) -> None:
    error = LevelFailure("the agent left with exit code 1", "ValueError: <nothing> to play")
    failed = MadeLevel(GLACIER, [], status="failed", error=error)
    text = text_of(page_of(write_run(tmp_path / "run", [lucky_level(MEADOW, 3), failed])))
    assert "1 level failed" in text
    assert "the agent left with exit code 1" in text
    assert "ValueError: <nothing> to play" in text


def test_the_page_of_an_agent_without_a_journal_shows_no_lock_in(tmp_path: Path) -> None:
    level = replace(lucky_level("Airstriker-Genesis-v0:Level1", 5), scenario="scenario")
    text = text_of(page_of(write_run(tmp_path / "run", [level], journal=False)))
    assert "wrote no journal" in text
    assert "does not measure its components" in text
    assert "Where the episodes ended" not in text  # its reward is not progress


def test_a_journal_of_other_episodes_is_ignored(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [lucky_level(GLACIER, 5, locked_from=2)])
    other = write_run(tmp_path / "other", [lucky_level(GLACIER, 5, seed=9, locked_from=3)])
    place = Path("levels", GLACIER.replace(":", "."), "out", "journal.jsonl")
    (run / place).write_bytes((other / place).read_bytes())
    record = read_record(run)
    assert record.levels[0].locked is None
    assert "describes other episodes" in record.notes[0]


def test_a_folder_without_a_run_gives_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="there is no run folder"):
        writing.write_report(tmp_path / "none")
    with pytest.raises(ReportError, match="is not a run folder"):
        writing.write_report(tmp_path)
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 2)])
    with pytest.raises(ReportError, match="can't write"):
        writing.write_report(run, tmp_path / "nowhere" / "page.html", videos=False)
    results = (run / "results.json").read_bytes()
    for write in (
        lambda: writing.write_report(run, run / "results.json", videos=False),
        lambda: writing.write_page(run / "results.json", b"page"),
    ):
        with pytest.raises(ReportError, match=r"results\.json exists and is not a page"):
            write()
    assert (run / "results.json").read_bytes() == results
    with pytest.raises(ReportError, match="run is named twice"):
        compare_folders([run, tmp_path / "." / "run"])


def test_the_tuners_advice_is_in_the_page_and_in_the_plots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", [lucky_level(MEADOW, 9)])
    assert "no advice: too few episodes." in text_of(page_of(run))
    found = SimpleNamespace(
        sentences=("Lock in at <700>.", "That is clear."),
        levels=(MEADOW,),
        recommended=SimpleNamespace(threshold=700.0),
    )
    monkeypatch.setattr(advice.tuner, "advise", lambda folders: found)
    page = page_of(run)
    assert "Lock in at <700>. That is clear." in text_of(page)
    lines = figures_of(page)["level-0"]["layout"]["shapes"]
    assert [line["y0"] for line in lines] == [2000.0, 700.0]
    assert "Caution: 1 level is for evaluation only (pangolin-validation)" in text_of(page)
    assert "Caution: the agent" not in text_of(page)
    record = json.loads((run / "run.json").read_text())
    record["settings"]["agent"] |= {"explore": True, "lock_in_score": 700.0}
    (run / "run.json").write_text(json.dumps(record))
    page = page_of(run)
    assert "Caution: the agent" in text_of(page)
    layout = figures_of(page)["level-0"]["layout"]
    (line,) = layout["shapes"]  # one line: two would cover each other
    assert line["name"] == "lock-in threshold 700, also recommended"
    foreign = write_run(tmp_path / "foreign", [lucky_level(MEADOW, 9)], journal=False)
    assert "no advice: the run has no journal" in text_of(page_of(foreign))


def test_control_characters_and_bytes_of_names_are_shown_as_escapes(tmp_path: Path) -> None:
    error = LevelFailure("it printed \x1b[31mred\x00\x9b", "\udcff and \u202e")
    failed = MadeLevel(GLACIER, [], status="failed", error=error)
    page = page_of(write_run(tmp_path / "run\udcff", [lucky_level(MEADOW, 3), failed]))
    for shown in (r"it printed \x1b[31mred\x00\x9b", r"\udcff and \u202e"):
        assert shown in text_of(page)
