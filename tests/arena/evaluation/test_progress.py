"""What a run shows: rows of 80 columns, sentences for levels without an episode, and next steps."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from arena.environment.levels import Level
from arena.evaluation import printed
from arena.evaluation.progress import ProgressDisplay, show_files, show_table
from arena.evaluation.results import LevelResult, RunResults
from arena.server.session_result import WALL_CLOCK_LIMIT

MEADOW = "PangolinDash-Genesis:MeadowZone.Act3"
FINAL = "PangolinDashFinal-Genesis:MeadowZone.Act1"
CANYON = "PangolinDash-Genesis:CanyonZone.Act12"
CAVE = "SonicTheHedgehog2-Genesis-v0:MysticCaveZone.Act2"


def screen(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)


def lines_of(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    return [line.rstrip() for line in re.split(r"[\r\n]+", shown) if line.strip()]


def playing(name: str, timesteps: int, returns: list[float]) -> Any:
    return SimpleNamespace(
        level=Level.parse(name),
        state="playing",
        started=time.monotonic() - 60,
        timesteps=timesteps,
        returns=returns,
        limits=SimpleNamespace(budget_steps=1_000_000),
    )


def finished(name: str, score: float | None, **more: Any) -> LevelResult:
    return LevelResult(name, "levels/x", status="finished", score=score, timesteps=2000, **more)


@pytest.mark.parametrize("names", [[MEADOW, CANYON], [FINAL, CAVE], [CAVE]])
def test_progress_rows_of_80_columns_show_the_levels(names: list[str]) -> None:
    console = screen()
    runs = [playing(name, 654_321, [12_345.6] * 1234) for name in names]
    with ProgressDisplay(console, runs) as display:
        display.refresh()
    rows = [line for line in lines_of(console) if "left" in line]
    assert rows and max(map(len, rows)) <= 80
    for name in names:
        state = Level.parse(name).state
        assert any(f" {state} " in row and "score 12,345.6 (1234)" in row for row in rows), rows


def test_a_level_without_an_episode_says_so_when_it_ends() -> None:
    console = screen()
    runs = [playing(MEADOW, 2000, []), playing(CANYON, 2000, [])]
    display = ProgressDisplay(console, runs)
    display.show_result(finished(MEADOW, None))
    display.show_result(finished(CANYON, 12.5))
    assert lines_of(console) == ["✓ MeadowZone.Act3  no episode", "✓ CanyonZone.Act12  score 12.5"]


@pytest.mark.parametrize(
    ("budget_steps", "ended_by", "sentence"),
    [
        (
            2_000,
            "timestep-limit",
            "in 2,000 timesteps. Use --budget-steps 5000 or more: an episode",
        ),
        (9_000, "timestep-limit", "in 9,000 timesteps. An episode counts when the agent resets"),
        (9_000, WALL_CLOCK_LIMIT, "within the time limit. Use a larger --wall-clock-hours."),
    ],
)
def test_a_run_without_an_episode_names_the_budget(
    budget_steps: int, ended_by: str, sentence: str
) -> None:
    console = screen()
    level = finished(MEADOW, None, ended_by=ended_by)
    show_table(console, RunResults("made", budget_steps, [level]))
    lines = lines_of(console)
    in_python = screen()
    show_table(in_python, RunResults("made", budget_steps, [level]), budget_option="budget_steps")
    assert "--budget-steps" not in " ".join(lines_of(in_python))
    assert f"No episode finished on 1 level {sentence}" in " ".join(lines)
    assert max(map(len, lines)) <= 80  # wrapped between words
    assert all(line == line.strip() for line in lines if "episode" not in line[:30])


def test_a_path_is_one_line_at_any_width() -> None:
    folder = Path("/a folder/" + "with a very long name " * 6)
    level = finished(MEADOW, 5.0, best_return=5.0, movies={"best": "levels/x/movies/best.bk2"})
    for console in (screen(), screen(20)):
        show_files(console, RunResults("made", 2000, [level]), folder)
        results, watch = lines_of(console)
        assert results == f"results  {folder}/results.json"
        assert watch.endswith(f" movie '{folder}/levels/x/movies/best.bk2'")


def test_a_table_in_a_pipe_breaks_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert printed.output().width == printed.WIDTH_OF_A_PIPE
    monkeypatch.setenv("COLUMNS", "70")
    assert printed.output().width == 70


def test_a_wait_leaves_a_line_for_each_long_part_in_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(printed, "SILENT_SECONDS", 0.05)
    with printed.waiting("reading") as show:
        time.sleep(0.3)
        show("a part that takes no time")
        show("writing")
        time.sleep(0.3)
    with printed.waiting("nothing"):
        pass
    time.sleep(0.1)
    assert capsys.readouterr().err == "reading ...\nwriting ...\n"
