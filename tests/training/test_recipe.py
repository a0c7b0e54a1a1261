"""The recipe's plan: what it costs, which levels it takes, and what it refuses before it begins."""

from __future__ import annotations

import importlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.command_line import parse
from agent.errors import UserError
from arena.environment.levels import select
from benchmarks.made_runs import MadeLevel, write_run
from training import recipe
from training.recipe import Options
from training.recipe_commands import Stage

ACTS = "PangolinDash-Genesis:MeadowZone.Act1,PangolinDash-Genesis:CanyonZone.Act2"
SHIPPED = Path("game/movies/PangolinDash-Genesis")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    """Collect the stages instead of running them; the search finds the play of one level."""
    stages: list[Stage] = []

    def run(stage: Stage) -> int:
        stages.append(stage)
        if stage.command[1] == "training.demonstrate":
            folder = stage.out / "PangolinDash-Genesis"
            folder.mkdir(parents=True)
            shutil.copy(SHIPPED / "CanyonZone.Act2.bk2", folder)
        return 0

    monkeypatch.setattr(recipe, "run", run)
    return stages


def values(stage: Stage, name: str) -> str:
    return stage.command[stage.command.index(name) + 1]


def test_levels_without_a_recording_are_searched(
    ran: list[Stage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people, runs = tmp_path / "people", tmp_path / "runs"
    people.mkdir()
    shutil.copy(SHIPPED / "MeadowZone.Act1.bk2", people)
    options = ("--demonstrations", str(people), "--share", "0.002", "--workers", "3")
    assert recipe.main([ACTS, str(runs), *options]) == 0
    search, first, *_ = ran
    assert [level.state for level in select(values(search, "--levels"))] == ["CanyonZone.Act2"]
    assert values(first, "--levels") == ACTS
    assert values(first, "--demonstrations") == f"{people},{search.out}"
    last = [stage for stage in ran if stage.command[1] == "training.collect"][-1]
    assert "alternating" in values(last, "--policies") and values(last, "--workers") == "3"
    assert ran[-1].command[1] == "training.pack" and ran[-1].out == runs / "pretrained"
    printed = capsys.readouterr().out
    assert "search for demonstrations" in printed and "hours and" in printed
    assert not (runs / "data-1").exists()


def test_a_level_without_any_play_is_named_and_left_out(
    ran: list[Stage], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recipe.main([ACTS, str(tmp_path / "runs")]) == 0
    assert len(select(values(ran[0], "--levels"))) == 2
    (kept,) = select(values(ran[1], "--levels"))
    assert kept.state == "CanyonZone.Act2"
    assert "not in the data: PangolinDash-Genesis:MeadowZone.Act1" in capsys.readouterr().out


def test_the_recipe_of_the_shipped_model_is_a_call(ran: list[Stage], tmp_path: Path) -> None:
    arguments = ("--demonstrations", "game/movies", "--second-levels", ACTS)
    assert recipe.main(["pangolin-train", str(tmp_path), *arguments]) == 0
    collects = [stage for stage in ran if stage.command[1] == "training.collect"]
    names = [values(stage, "--levels") for stage in collects]
    assert names == [*["pangolin-train"] * 3, ACTS, f"{ACTS},pangolin-train",
                     *["pangolin-train,pangolin-train"] * 2]  # fmt: skip
    frames = [int(values(stage, "--frames")) for stage in collects]
    assert frames == [130_000, 60_000, 80_000, 130_000, 120_000, 340_000, 207_000]
    steps = [
        int(values(stage, "--steps"))
        for stage in ran
        if stage.command[1] in ("training.train_vision", "training.train_memory")
    ]
    assert steps == [8576, 1300, 900, 2400, 1200, 2200, 8000, 1043, 8000, 2500]
    assert values(ran[-1], "--levels") == "pangolin-validation"
    assert values(ran[-1], "--budget-steps") == "100000"


def test_every_command_of_the_plan_is_understood(ran: list[Stage], tmp_path: Path) -> None:
    recipe.main(["pangolin-train", str(tmp_path), "--demonstrations", "game/movies"])
    recipe.main([ACTS, str(tmp_path / "two")])
    for stage in ran[:-1]:
        if stage.command[1] != "local_eval":
            module = importlib.import_module(stage.command[1])
            parse(module.Options, stage.command[2:])


def test_a_game_without_positions_needs_no_expert(tmp_path: Path) -> None:
    options = Options(levels="airstriker", runs=tmp_path)
    levels = recipe.all_levels(options)
    stages = recipe.planned(options, levels, None, [tmp_path])
    collects = [stage for stage in stages if stage.command[1] == "training.collect"]
    policies = {name for stage in collects for name in values(stage, "--policies").split(",")}
    assert policies == {"demonstration", "runner", "held", "agent", "expert", "dagger"}


def test_the_search_is_asked_in_a_round_of_its_own_where_no_planner_is(tmp_path: Path) -> None:
    def stages(levels: str) -> dict[str, Stage]:
        options = Options(levels=levels, runs=tmp_path)
        planned = recipe.planned(options, recipe.all_levels(options), None, [tmp_path])
        return {stage.out.name: stage for stage in planned}

    searched, planned = stages("airstriker"), stages(ACTS)
    assert searched.keys() - planned.keys() == {"data-13"}
    asked = searched["data-13"]
    assert values(asked, "--policies") == "expert,dagger" and values(asked, "--frames") == "20000"
    assert asked.minutes == 20_000 / 10 / 2 / 60  # ten frames a second with each of two processes
    assert values(asked, "--pretrained") == str(tmp_path / "pack-6")
    data = [f"{tmp_path}/data-{number}" for number in (11, 12, 13)]
    assert values(searched["memory-7"], "--data") == ",".join(data)
    assert values(planned["memory-7"], "--data") == ",".join(data[:2])


@pytest.mark.parametrize(
    ("levels", "options", "said"),
    [
        ("pangolin-validation", (), "belongs to pangolin-validation, which is for evaluation"),
        ("sonic-train", (), "no ROM of SonicTheHedgehog-Genesis-v0"),
        ("airstriker", ("--evaluate", "airstriker"), "which the model is trained on"),
        ("airstriker", ("--demonstrations", ","), "names no folder"),
        ("airstriker", ("--share", "2"), "share .*is 2.0: use"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_made(
    levels: str, options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(UserError, match=said):
        recipe.main([levels, str(runs), *options])
    assert not runs.exists()


def test_a_full_disk_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage: Callable[[object], object] = lambda path: shutil._ntuple_diskusage(10, 5, 5)  # noqa: E731
    monkeypatch.setattr(recipe.shutil, "disk_usage", usage)
    with pytest.raises(UserError, match=r"needs \d+\.\d GB, but 0\.0 GB are free"):
        recipe.main(["airstriker", str(tmp_path / "runs")])


def test_a_finished_stage_costs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage("evaluate", (), write_run(tmp_path / "run", [MadeLevel("G:A", [1.0])]), 60.0, 5e9)
    begun = [MadeLevel("G:A", [1.0]), MadeLevel("G:B", [], status="pending")]
    recipe.print_plan([stage, replace(stage, out=write_run(tmp_path / "begun", begun))], tmp_path)
    done, left, *_ = capsys.readouterr().out.splitlines()[1:]
    assert done.split() == ["evaluate", "0.0", "0.00", "finished"]
    assert left.split() == ["evaluate", "60.1", "5.00"]


def test_a_failed_stage_ends_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "run", lambda stage: 2)
    assert recipe.main(["airstriker", str(tmp_path / "runs")]) == 2


STOPPED = """
import signal, sys
from pathlib import Path
from training import recipe
from training.recipe_commands import Stage
code = "import time, signal\\ntry:\\n print('begun', flush=True); time.sleep(60)\\n"
code += "except KeyboardInterrupt:\\n print('saved', flush=True); raise SystemExit(130)"
try:
    recipe.run(Stage("a stage", ("-c", code), Path("."), 0.0, 0.0))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_stage_save_and_ends_the_recipe(number: signal.Signals) -> None:
    command = [sys.executable, "-c", STOPPED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "begun\n":
            pass
        process.send_signal(number)
        assert process.stdout.read() == "saved\ninterrupted\n"
        assert process.wait(timeout=60) == 0
