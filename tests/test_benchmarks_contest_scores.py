"""The contest's scores: counted as the contest does, resumed, never mixed, told as they are."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from small_models import TINY, write_random_pretrained

from agent.commandline import UserError
from arena.agents import LocalAgent
from arena.evaluation import Interrupted
from arena.levels import Level
from arena.score import bootstrap_interval
from benchmarks import contest_scores, contest_scores_pictures, contest_scores_players
from benchmarks.contest_scores_pictures import draw_all, draw_scores
from benchmarks.contest_scores_players import (
    AGENTS,
    AS_SEED,
    OURS,
    RANDOM,
    RIVALS,
    SHIPPED,
    UNTRAINED,
    Task,
    code,
    identities,
    our_agent,
    play_budget,
)
from benchmarks.contest_scores_results import Key, Play, Results, ResultsError
from benchmarks.contest_scores_tables import (
    DIED,
    FINISHED,
    TABLE,
    TIME,
    budget_of_ends,
    budgets,
    by_level,
    how_ended,
    markdown,
    ratio,
    scored,
    table,
)
from benchmarks.readme_tables import ROOT, renewed

GAME = "PangolinDash-Genesis"
LEVELS = [f"{GAME}:MeadowZone.Act3", f"{GAME}:CanyonZone.Act3"]
IDENTITIES = {name: {"agent": name, "model": "abcdef0123456789"} for name in AGENTS}
JERK = "JERK"


class MadeUp:
    """A level whose episodes take three steps, of 1, 2 and 3."""

    def __init__(self) -> None:
        self.step_number = 0

    def reset(self) -> np.ndarray:
        self.step_number = 0
        return np.zeros((2, 2, 3), np.uint8)

    def step(self, buttons: np.ndarray) -> tuple[np.ndarray, float, bool, object]:
        assert buttons.shape == (12,)
        self.step_number += 1
        return self.reset_frame, float(self.step_number), self.step_number == 3, {}

    reset_frame = np.zeros((2, 2, 3), np.uint8)


def opened(path: Path = Path("missing.json"), **changed: Any) -> Results:
    known = {**IDENTITIES, **{name: {**IDENTITIES[name], **changed} for name in OURS}}
    return Results.open(path, known, {GAME: "rom1"}, LEVELS)


def add(
    results: Results,
    agent: str,
    rows: Sequence[Sequence[Sequence[float]]],
    steps: int = 1000,
    length: int = 100,
) -> None:
    """Add plays: level -> seed -> returns."""
    for level, seeds in zip(LEVELS, rows, strict=False):
        for seed, returns in enumerate(seeds, 1):
            play = Play(list(returns), [length] * len(returns), steps, steps / 50)
            results.add(results.key(steps, agent, level, seed), play)


def words(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("agent", RIVALS)
@pytest.mark.parametrize(
    ("budget_steps", "episodes"),
    [(3, 0), (8, 1), (9, 2), (12, 2), (13, 3)],
)
def test_a_rivals_episode_counts_once_the_next_reset_was_paid(
    tmp_path: Path, agent: str, budget_steps: int, episodes: int
) -> None:
    # A reset is a timestep: with three steps an episode the resets are timesteps 1, 5, 9 and 13.
    task = Task(agent, Level("Game", "L"), 1, budget_steps, tmp_path / "play")
    play = play_budget(MadeUp(), task)
    assert play.returns == [6.0] * episodes and play.lengths == [3] * episodes
    assert play.timesteps == budget_steps


def test_results_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    made = opened()
    add(made, SHIPPED, [[[1.234, 2.0], []], [[3.0]]])
    add(made, JERK, [[[5.0]]], steps=2000)
    made.save(path)
    read = Results.load(path)
    assert read == made
    assert read.plays[read.key(1000, SHIPPED, LEVELS[0], 1)].returns == [1.23, 2.0]
    # A line a play, the smaller budget first.
    lines = path.read_text().split('"plays": [\n')[1].splitlines()[:-1]
    assert [json.loads(line.rstrip(","))["budget_steps"] for line in lines] == [1000] * 3 + [2000]


@pytest.mark.parametrize("content", ["", "[]", '{"format": "x", "version": 1}', "cut"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scores.json"
    made = opened()
    add(made, JERK, [[[5.0]]])
    made.save(path)
    path.write_text(path.read_text()[:-40] if content == "cut" else content)
    with pytest.raises(ResultsError, match=r"scores\.json is no file of contest scores"):
        opened(path)


def test_another_model_is_set_apart_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    old = opened()
    add(old, SHIPPED, [[[1000.0]], [[1000.0]]])
    add(old, JERK, [[[500.0]], [[500.0]]])
    assert old.apart() is None
    old.save(path)

    new = opened(path, model="9876543210abcdef")
    assert [row.agent for row in scored(new, 1000)] == [JERK]
    said = new.apart()
    assert said is not None and said.startswith("2 plays of another model") and "\n" not in said
    assert SHIPPED in said and "abcdef012345" in said and JERK not in said
    assert said in markdown(new)
    add(new, SHIPPED, [[[3000.0]], [[3000.0]]])
    assert scored(new, 1000)[-1].mean == 3000.0
    new.save(path)

    again = opened(path)
    assert scored(again, 1000)[-1].mean == 1000.0
    assert "9876543210ab" in (again.apart() or "")


def test_another_rom_sets_all_agents_apart(tmp_path: Path) -> None:
    old = opened()
    add(old, JERK, [[[500.0]]])
    old.save(tmp_path / "scores.json")
    new = Results.open(tmp_path / "scores.json", IDENTITIES, {GAME: "rom2"}, LEVELS)
    assert budgets(new) == [] and JERK in (new.apart() or "")
    assert "Nothing is measured" in markdown(new)


def test_a_score_is_the_mean_over_levels_of_the_mean_over_seeds() -> None:
    results = opened()
    add(results, JERK, [[[100.0, 300.0], [400.0]], [[1000.0]]])
    (row,) = scored(results, 1000)
    assert row.scores == {LEVELS[0]: [200.0, 400.0], LEVELS[1]: [1000.0]}
    assert row.mean == pytest.approx((300.0 + 1000.0) / 2)
    assert row.interval == bootstrap_interval([[200.0, 400.0], [1000.0]])
    assert row.steps_per_second == pytest.approx(50)


def test_a_finished_level_is_one_whose_end_some_episode_reached() -> None:
    results = opened()
    add(results, JERK, [[[8999.9], [100.0, 9000.5]], [[8000.0]]])
    (row,) = scored(results, 1000)
    assert row.levels_finished == 1
    assert [how_ended(9400.0, 700), how_ended(800.0, 4500), how_ended(800.0, 4499)] == [
        FINISHED,
        TIME,
        DIED,
    ]


def test_the_ratio_is_paired_by_level_and_seed() -> None:
    results = opened()
    # The levels differ tenfold; on each ours has half as much again.
    add(results, JERK, [[[100.0], [200.0], [9999.0]], [[1000.0]]])
    add(results, SHIPPED, [[[150.0], [300.0]], [[1500.0]]])
    jerk, ours = scored(results, 1000)
    found = ratio(jerk, ours)
    assert found is not None
    value, interval, levels = found
    assert value == pytest.approx(1.5) and levels == 2
    assert interval is not None and interval[0] < 1.5 < interval[1] < 3.1
    alike = opened()
    add(alike, JERK, [[[100.0]], [[1000.0]]])
    add(alike, SHIPPED, [[[150.0]], [[1500.0]]])
    assert ratio(*scored(alike, 1000)) == (1.5, pytest.approx((1.5, 1.5)), 2)


def test_a_ratio_needs_what_both_played_and_a_rival_that_scores() -> None:
    results = opened()
    add(results, JERK, [[], [[0.0]]])
    add(results, SHIPPED, [[[5.0]]])
    jerk, ours = scored(results, 1000)
    assert ratio(jerk, ours) is None
    add(results, SHIPPED, [[], [[5.0]]])
    assert ratio(*scored(results, 1000)) is None
    assert "no level and seed that both played" in table(results, 1000)


def test_each_budget_has_a_table_of_its_own_that_says_what_it_is_of() -> None:
    results = opened()
    add(results, JERK, [[[100.0]], [[300.0]]])
    add(results, SHIPPED, [[[400.0]], [[]]])
    add(results, JERK, [[[1000.0], [1000.0]], [[3000.0], [3000.0]]], steps=20_000)
    add(results, JERK, [[[7000.0]]], steps=1_000_000)
    assert budgets(results) == [20_000, 1000, 1_000_000]
    first, second, third = (table(results, steps).splitlines() for steps in budgets(results))
    assert first[0] == "**20,000 timesteps a level, 2 levels, 2 seeds**"
    assert words(first[4])[:2] + words(first[4])[3:] == [
        *(JERK, "2,000"),
        *("0 of 2", "2 of 2", "2", "50"),
    ]
    assert second[0] == "**1,000 timesteps a level, 2 levels, 1 seed**"
    assert words(second[4])[1] == "200" and words(second[5])[4] == "1 of 2"
    assert "A mean over fewer levels than the others is no match for them." in second
    assert any(line.startswith(f"{SHIPPED} / {JERK}: **4.00**") for line in second)
    assert any("model abcdef012345" in line for line in second)
    assert third[0] == "**1,000,000 timesteps a level, 1 level, 1 seed**"
    assert "7,000" in third[4] and words(third[4])[2] == "-"


def test_it_is_told_where_the_shipped_agent_ends() -> None:
    results = opened()
    add(results, SHIPPED, [[[900.0, 1800.0], [9500.0]]])
    add(results, JERK, [[[500.0]]])
    lines = by_level(results, 1000).splitlines()
    row = next(line for line in lines if line.startswith("| MeadowZone.Act3"))
    assert words(row) == [
        *("MeadowZone.Act3", "5,425", "500", "43%", "100%", "3", "2", "0", "1", "-, -")
    ]
    assert "(results/pictures/ends_MeadowZone.png)" in by_level(results, 1000)
    # A larger budget takes its place once it has as many levels.
    assert budget_of_ends(opened()) is None
    add(results, JERK, [[[500.0]], [[500.0]]], steps=9000)
    assert budget_of_ends(results) == 1000
    add(results, SHIPPED, [[[500.0]]], steps=9000)
    assert budget_of_ends(results) == 9000


def test_the_readme_shows_what_was_measured() -> None:
    text = contest_scores.README.read_text(encoding="utf-8")
    measured = ROOT / "results" / "contest_scores.json"
    made = markdown(Results.load(measured) if measured.exists() else Results())
    assert "<!-- contest scores -->" in text
    assert renewed(text, {TABLE: made}) == text, "python -m benchmarks.contest_scores --show"


def test_pictures_are_small_and_one_a_zone(tmp_path: Path) -> None:
    results = opened()
    random = np.random.default_rng(1)
    add(results, SHIPPED, [[list(random.uniform(0, 9500, 300))]] * 2)
    add(results, JERK, [[[500.0]], [[]]], steps=2000)
    levels = contest_scores.chosen_levels(",".join(LEVELS))
    written = draw_all(tmp_path / "pictures", results, levels[:1])  # one has no map
    assert [path.name for path in written] == [
        "contest_scores.png",
        "ends_MeadowZone.png",
        "ends_CanyonZone.png",
    ]
    for path in written:
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size < 150_000
    assert draw_all(tmp_path / "none", Results(), levels) == []


def test_the_bars_of_every_budget_stand_whole_in_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = opened()
    add(results, SHIPPED, [[[9000.0]]], steps=1000)
    add(results, JERK, [[[1000.0]]], steps=2000)  # the larger budget comes first
    drawn: list[Any] = []
    monkeypatch.setattr(
        contest_scores_pictures, "_write", lambda path, figure: drawn.append(figure)
    )
    draw_scores(tmp_path / "scores.png", results)
    panels = drawn[0].axes
    assert [bar.get_width() for axes in panels for bar in axes.patches] == [1000.0, 9000.0]
    assert all(axes.get_xlim()[0] == 0 and axes.get_xlim()[1] > 9000 for axes in panels)
    pyplot.close(drawn[0])


def test_who_ours_are_is_told_by_the_code_of_the_levels_memory_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "made_up"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (package / "way.py").write_text('"""Says one thing."""\nLONG = 1  # a step\n')
    before = code("made_up.way")
    (package / "way.py").write_text('"""Says another."""\n\nLONG  =  1\n')
    assert code("made_up.way") == before
    (package / "way.py").write_text('"""Says one thing."""\nLONG = 2  # a step\n')
    assert code("made_up.way") != before
    with pytest.raises(ImportError, match="made_up"):
        code("made_up.none")

    pretrained = packed(tmp_path / "model")
    now = identities(pretrained)
    monkeypatch.setattr(contest_scores_players, "MEMORY_OF_THE_LEVEL", ("agent.retrace",))
    then = identities(pretrained)
    assert [name for name in AGENTS if now[name] != then[name]] == [UNTRAINED, SHIPPED]


def test_who_ours_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCK_IN_SCORE", "7")  # the caller's own settings move no score
    pretrained = packed(tmp_path / "model")
    bare = identities(pretrained)
    play = {"lock_in_rule": "best-of", "lock_in_candidates": 4, "candidate_order": "mean-first"}
    (pretrained / "play.json").write_text(json.dumps(play))
    tuned = identities(pretrained)
    assert list(tuned) == list(AGENTS)
    assert [name for name in AGENTS if tuned[name] != bare[name]] == [SHIPPED]

    agents = {name: our_agent(name, pretrained, 1000, 2, tmp_path / "models") for name in OURS}
    for name, agent in agents.items():
        agent.check()
        assert agent.settings.seed == 2 and agent.settings.budget_steps == 1000
        assert all(
            tuned[name][key] == value
            for key, value in agent.describe().items()
            if key in tuned[name]
        )
    assert agents[SHIPPED].settings.lock_in_rule == "best-of" and agents[SHIPPED].settings.learn
    seed = agents[AS_SEED].settings
    assert (seed.lock_in_rule, seed.lock_in_score, seed.learn) == ("first-above", 2000.0, False)
    assert seed.candidate_order == "distribution" and seed.pretrained == pretrained
    untrained = agents[UNTRAINED].settings
    assert untrained.pretrained != pretrained and untrained.lock_in_rule == "first-above"
    again = our_agent(UNTRAINED, pretrained, 1000, 2, tmp_path / "models")
    assert again.describe() == agents[UNTRAINED].describe()
    other = our_agent(UNTRAINED, pretrained, 1000, 3, tmp_path / "models")
    assert other.describe()["manifest_sha256"] != again.describe()["manifest_sha256"]


class MadeUpPool:
    """Plays rivals' tasks at once: 10 for each character of the agent's name."""

    played: list[Task] = []

    def __init__(self, make: Callable[[], Any], workers: int, seconds: float) -> None:
        pass

    def __enter__(self) -> MadeUpPool:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Play]]:
        for task in tasks:
            self.played.append(task)
            yield task, Play([10.0 * len(task.agent)], [5], task.budget_steps, 1.0)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Everything but the play; the list is of what ours played, "interrupt" in it stops them."""
    played: list[str] = []

    def play_ours(
        agent: LocalAgent,
        levels: Sequence[Level],
        folder: Path,
        workers: int,
        console: Any,
        note: Callable[[str, Play], None],
    ) -> None:
        for number, level in enumerate(levels):
            if number == 1 and "interrupt" in played:
                played.remove("interrupt")
                raise Interrupted(1)
            played.append(f"{agent.settings.learn} {level.state} {agent.settings.seed}")
            note(level.name, Play([500.0], [5], agent.settings.budget_steps, 1.0))

    MadeUpPool.played = []
    monkeypatch.setattr(contest_scores, "play_ours", play_ours)
    monkeypatch.setattr(contest_scores, "Pool", MadeUpPool)
    yield played


@lru_cache
def tiny_model(seed: int) -> Path:
    """A packed model, written once for all tests, which copy it."""
    folder = Path(tempfile.mkdtemp(prefix="tiny-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_random_pretrained(folder, seed=seed, spec=TINY)


def packed(folder: Path, seed: int = 1) -> Path:
    return shutil.copytree(tiny_model(seed), folder, dirs_exist_ok=True)


def arguments(tmp_path: Path, *more: str) -> list[str]:
    pretrained = tmp_path / "model"
    if not pretrained.exists():
        packed(pretrained)
    places = ["--pretrained", str(pretrained), "--folder", str(tmp_path / "runs")]
    places += ["--out", str(tmp_path / "results" / "scores.json"), "--levels", ",".join(LEVELS)]
    return [*places, "--steps", "1000", "--seeds", "2", *more]


def test_the_same_command_goes_on_and_plays_nothing_twice(
    tmp_path: Path, made_up: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(tmp_path, "--agents", f"{SHIPPED},{RANDOM},{AS_SEED}")
    made_up.append("interrupt")
    assert contest_scores.main(command) == 130
    said = capsys.readouterr().err
    assert "interrupted: 5 of 12 plays are measured" in said and "the same command goes on" in said
    assert len(MadeUpPool.played) == 4 and made_up == ["False MeadowZone.Act3 1"]

    assert contest_scores.main(command) == 0
    assert "5 of 12 plays are measured already" in capsys.readouterr().err
    assert len(MadeUpPool.played) == 4 and len(made_up) == len(set(made_up)) == 8
    assert contest_scores.main(command) == 0
    assert "12 of 12" in capsys.readouterr().err and len(made_up) == 8

    # Another budget and another agent are added beside them.
    assert contest_scores.main([*command, "--steps", "500", "--agents", JERK]) == 0
    read = Results.load(tmp_path / "results" / "scores.json")
    assert len(read.plays) == 16 and budgets(read) == [1000, 500]
    printed = capsys.readouterr().out
    assert "**1,000 timesteps" in printed and "**500 timesteps" in printed


def test_a_new_model_is_played_anew(
    tmp_path: Path, made_up: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(tmp_path, "--agents", f"{RANDOM},{SHIPPED}")
    assert contest_scores.main(command) == 0
    capsys.readouterr()
    packed(tmp_path / "model", seed=2)
    assert contest_scores.main(command) == 0
    said = capsys.readouterr().err
    assert "note: 4 plays of another model" in said and "4 of 8 plays" in said
    assert len(made_up) == 8 and len(MadeUpPool.played) == 4


def test_mistakes_are_named(tmp_path: Path, made_up: list[str]) -> None:
    with pytest.raises(UserError, match="--seeds is 0"):
        contest_scores.main(["--seeds", "0"])
    with pytest.raises(UserError, match="no agent is called 'JERKS'"):
        contest_scores.main(arguments(tmp_path, "--agents", "JERKS"))
    with pytest.raises(UserError, match="scored by"):
        contest_scores.chosen_levels("airstriker")
    with pytest.raises(UserError, match="no file of contest scores"):
        contest_scores.main(arguments(tmp_path, "--show"))
    with (
        contest_scores.only_one_in(tmp_path / "runs"),
        pytest.raises(UserError, match="in use by another measurement"),
    ):
        contest_scores.main(arguments(tmp_path))


def test_show_brings_the_readme_up_to_date(
    tmp_path: Path,
    made_up: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- contest scores -->\n<!-- end -->\nb\n")
    monkeypatch.setattr(contest_scores, "README", readme)
    monkeypatch.setattr(contest_scores, "PICTURES", tmp_path / "pictures")
    assert contest_scores.main(arguments(tmp_path, "--agents", f"{JERK},{SHIPPED}")) == 0
    capsys.readouterr()
    assert contest_scores.main(arguments(tmp_path, "--show")) == 0
    printed = capsys.readouterr().out.strip()
    assert readme.read_text() == f"a\n<!-- contest scores -->\n{printed}\n<!-- end -->\nb\n"
    assert f"{SHIPPED} / {JERK}: **12.50**" in printed
    linked = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert linked == {"contest_scores.png", "ends_MeadowZone.png", "ends_CanyonZone.png"}
    assert all(f"(results/pictures/{name})" in printed for name in linked)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_on_the_emulator_interrupted_and_resumed(tmp_path: Path) -> None:
    out = tmp_path / "results" / "scores.json"
    command = [sys.executable, "-m", "benchmarks.contest_scores", "--workers", "1"]
    command += arguments(tmp_path, "--agents", f"hold RIGHT,{SHIPPED}")
    command += ["--steps", "300", "--seeds", "1"]
    first = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    give_up = time.monotonic() + 300
    while not out.exists() and first.poll() is None and time.monotonic() < give_up:
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGINT)
    _, said = first.communicate(timeout=120)
    assert first.returncode == 130 and "the same command goes on" in said, said
    before = Results.load(out).plays
    assert 1 <= len(before) < 4

    again = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=400, check=True
    )
    assert f"{len(before)} of 4 plays are measured already" in again.stderr
    after = Results.load(out)
    assert len(after.plays) == 4 and before.items() <= after.plays.items()
    assert all(play.timesteps == 300 for play in after.plays.values())
    # Who holds RIGHT in Canyon falls into the same pit each time.
    key: Key = after.key(300, "hold RIGHT", LEVELS[1], 1)
    assert len(set(after.plays[key].returns)) == 1 and 800 < after.plays[key].returns[0] < 900
    assert "**300 timesteps a level, 2 levels, 1 seed**" in again.stdout
