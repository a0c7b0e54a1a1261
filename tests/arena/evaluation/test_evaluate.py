"""An evaluation: its numbers, agents that fail, resuming, and folders of other commands.

The server process is the real one, but serves a fake game instead of an emulator: episodes have
20 steps, and the reward is 1 for each step with the first button pressed.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from agent.errors import UserError
from arena.environment.levels import Level
from arena.evaluation import evaluate as evaluation
from arena.evaluation import level_run
from arena.evaluation.agents import AgentOptions, CommandAgent
from arena.evaluation.evaluate import EvaluationPlan, evaluate
from arena.evaluation.level_run import LevelLimits
from arena.evaluation.results import LevelResult, RunResults, read_results, write_results
from arena.evaluation.run_folder import RunFolder, open_run, read_run
from arena.evaluation.score import bootstrap_interval, read_monitor
from arena.server.process import ServerConfig

SERVER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import numpy as np
from agent.files import write_atomically
from arena.server.process import ServerConfig, end_with
from arena.server.monitor import Monitor
from arena.server.serve import serve_environment
from arena.server.session_result import SessionLimits

class Game:
    n_buttons, observation_shape = 12, (4, 4, 3)
    frame = np.zeros((4, 4, 3), np.uint8)
    def reset(self):
        self.left = 20
        return self.frame
    def step(self, buttons):
        self.left -= 1
        return self.frame, float(buttons[0]), self.left == 0, {}

config = ServerConfig.from_json(json.loads(sys.argv[1]))
end_with(config.parent)
level_dir = config.level_dir
for episode in range(4):
    (level_dir / "movies" / f"Made-Up-{episode:06d}.bk2").write_text(str(episode))
if config.level.state == "Broken":
    sys.exit("error: the ROM is broken")
limits = SessionLimits(config.timestep_limit, config.wall_clock_seconds, config.connect_seconds)
result = serve_environment(Game(), config.socket_dir, limits,
                           Monitor(level_dir, config.progress_file))
write_atomically(level_dir / "server.json", json.dumps(asdict(result)).encode())
"""

# An agent that needs only the standard library; its argument selects what it does.
AGENT = r"""
import json, os, socket, sys, time
what = sys.argv[1]
if what == "crash early":
    raise RuntimeError("boom before connecting")
if what == "never connect":
    time.sleep(600)
connection = socket.socket(socket.AF_UNIX)
connection.connect("tmp/sock/sock")
buffer = b""
def read():
    global buffer
    while b"\f" not in buffer:
        data = connection.recv(65536)
        if not data:
            sys.exit(3)
        buffer += data
    message, _, buffer = buffer.partition(b"\f")
    message = json.loads(message)
    if message["type"] == "close":
        sys.exit(7)  # as an agent that does not catch the limit's exception
    return message["content"]
def ask(**content):
    connection.sendall(json.dumps({"type": "update", "content": content}).encode() + b"\f")
    return read()
read()
pressed = 0
for episode in range(10**9):
    ask(reset=True)
    if what == "hang" and episode == 1:
        time.sleep(600)
    if what == "crash" and episode == 2:
        raise RuntimeError("boom in mid-episode")
    if what == "leave" and episode == 2:
        sys.exit(0)
    done = False
    for step in range(20):
        done = ask(ac=1 if step < episode else 0)["done"]
    with open("out/journal.jsonl", "a") as journal:
        journal.write(json.dumps({"locked": episode > 1, "timesteps": 21 * (episode + 1),
                                  "length": 20, "episode": episode, "candidate": 0,
                                  "episode_return": episode, "steps_per_second": 9.0}) + "\n")
"""

LIMITS = LevelLimits(
    budget_steps=100, wall_clock_seconds=60.0, connect_seconds=30.0, hang_seconds=30.0
)  # 100 timesteps: four episodes of 21 with a row, and most of a fifth
LEVELS = (Level("Made", "A"), Level("Made", "B"))


@pytest.fixture(autouse=True)
def made_up_game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "player.py").write_text(AGENT)
    monkeypatch.setenv("PYTHONPATH", str(level_run.PROJECT_DIR))
    monkeypatch.setattr(
        ServerConfig,
        "command",
        lambda config: [
            sys.executable,
            str(tmp_path / "server.py"),
            json.dumps(config.to_json()),
        ],
    )
    monkeypatch.setattr(level_run, "SECONDS_TO_NOTICE", 1.0)


def plan(tmp_path: Path, what: str = "play", levels: tuple[Level, ...] = LEVELS) -> EvaluationPlan:
    run = AgentOptions(LIMITS.budget_steps, None, None)
    agent = CommandAgent((sys.executable, str(tmp_path / "player.py"), what), run, tmp_path)
    return EvaluationPlan(levels, agent, LIMITS, seed=1, workers=2)


def folder_of(a_plan: EvaluationPlan, out: Path | None, root: Path = Path("runs")) -> RunFolder:
    seeds = {"stickiness": 1}
    return open_run(
        out, a_plan.settings(), name="x", seeds=seeds, argv=["the", "command"], root=root
    )


def play(a_plan: EvaluationPlan, out: Path) -> RunResults:
    folder = folder_of(a_plan, out)
    try:
        return evaluate(a_plan, folder, Console(quiet=True))
    finally:
        folder.close()


def test_the_results_equal_the_monitor_files(tmp_path: Path) -> None:
    out = tmp_path / "run"
    results = play(plan(tmp_path), out)
    assert results == read_results(out)
    for level in results.levels:
        returns = [row.episode_return for row in read_monitor(out / level.folder / "monitor.csv")]
        assert returns == [0.0, 1.0, 2.0, 3.0]
        assert (level.status, level.ended_by) == ("finished", "timestep-limit")
        assert level.score == 1.5
        assert level.interval == bootstrap_interval([returns])
        assert (level.best_return, level.best_episode, level.episodes) == (3.0, 3, 4)
        assert level.timesteps == 100
        assert level.locked_in_at == 42
        assert level.seconds is not None
        assert level.steps_per_second == pytest.approx(100 / level.seconds)
        assert (out / level.movies["first"]).read_text() == "0"
        assert (out / level.movies["best"]).read_text() == "3"
        assert len(list((out / level.folder / "movies").iterdir())) == 3
        assert level.movie_episodes == {"first": 0, "best": 3, "typical": 1}
        assert (out / level.folder / "out" / "journal.jsonl").exists()
    assert results.mean == 1.5
    assert results.interval == bootstrap_interval([[0.0, 1.0, 2.0, 3.0]] * 2)
    assert results.complete


def test_run_json_describes_the_run_without_environment_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "swordfish")
    folder = folder_of(plan(tmp_path), tmp_path / "run")
    run = read_run(tmp_path / "run")
    folder.close()
    assert run["settings"]["budget_steps"] == 100
    assert run["settings"]["levels"] == [level.to_json() for level in LEVELS]
    assert run["command"] == "the command"
    assert run["seeds"] == {"stickiness": 1}
    assert run["packages"]["numpy"]
    assert run["device"]["cores"] >= 1
    assert "commit" in run
    assert "swordfish" not in json.dumps(run)


@pytest.mark.parametrize(
    ("what", "reason", "stderr"),
    [
        ("crash early", "exit code 1 without connecting", "boom before connecting"),
        ("crash", "exit code 1 after 43 of 100 timesteps", "boom in mid-episode"),
        ("leave", "exit code 0 after 43 of 100 timesteps", ""),
        ("hang", "took no step for 0.5 s", ""),
        ("never connect", "did not connect in 0.5 s", ""),
    ],
)
def test_a_failed_agent_fails_its_level(
    tmp_path: Path, what: str, reason: str, stderr: str
) -> None:
    a_plan = plan(tmp_path, what, LEVELS[:1])
    if what == "hang":
        a_plan = replace(a_plan, limits=replace(LIMITS, hang_seconds=0.5))
    if what == "never connect":
        a_plan = replace(a_plan, limits=replace(LIMITS, connect_seconds=0.5))
    (level,) = play(a_plan, tmp_path / "run").levels
    assert level.status == "failed"
    assert level.score is None
    assert level.error is not None
    assert reason in level.error.reason
    assert stderr in level.error.stderr


def test_a_level_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    levels = (Level("Made", "Broken"), Level("Made", "A"))
    results = play(plan(tmp_path, levels=levels), tmp_path / "run")
    broken, good = results.levels
    assert broken.status == "failed"
    assert broken.error is not None
    assert broken.error.reason == "the server did not start (exit code 1)"
    assert "the ROM is broken" in broken.error.stderr
    assert good.score == 1.5
    assert (results.mean, results.levels_scored, results.complete) == (1.5, 1, True)


def test_a_budget_without_a_finished_episode_has_no_score(tmp_path: Path) -> None:
    short = replace(plan(tmp_path), limits=replace(LIMITS, budget_steps=10))
    results = play(short, tmp_path / "run")
    assert [level.status for level in results.levels] == ["finished"] * 2
    assert [level.score for level in results.levels] == [None, None]
    assert [list(level.movies) for level in results.levels] == [["first"]] * 2
    assert results.mean is None


def test_reaching_the_wall_clock_limit_is_a_normal_end(tmp_path: Path) -> None:
    limits = replace(LIMITS, budget_steps=10**9, wall_clock_seconds=2.0)
    results = play(replace(plan(tmp_path, levels=LEVELS[:1]), limits=limits), tmp_path / "run")
    assert (results.levels[0].status, results.levels[0].ended_by) == (
        "finished",
        "wall-clock-limit",
    )
    assert results.levels[0].score is not None


def test_only_levels_without_a_result_are_played_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    levels = (Level("Made", "Broken"), Level("Made", "A"))
    before = play(plan(tmp_path, levels=levels), out)
    (out / before.levels[1].folder / "mark").touch()
    server = tmp_path / "server.py"
    server.write_text(server.read_text().replace('"Broken"', '"Nothing"'))
    after = play(plan(tmp_path, levels=levels), out)
    assert after.levels[0].score == 1.5
    assert after.levels[1] == before.levels[1]
    assert (out / after.levels[1].folder / "mark").exists()
    assert len(read_run(out)["resumed"]) == 1


def test_a_full_disk_gives_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, results: RunResults) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluation, "write_results", full)
    with pytest.raises(UserError, match="No space left on device.*free some space and repeat"):
        play(plan(tmp_path), tmp_path / "run")


def test_without_a_folder_the_unfinished_run_of_the_same_settings_is_resumed(
    tmp_path: Path,
) -> None:
    root = tmp_path / "runs"
    one = plan(tmp_path, levels=LEVELS[:1])
    finished = folder_of(one, None, root)
    evaluate(one, finished, Console(quiet=True))
    finished.close()

    unfinished = folder_of(one, None, root)
    assert unfinished.path != finished.path
    assert not unfinished.resumed
    pending = [LevelResult(level.name, f"levels/{level.slug}") for level in one.levels]
    write_results(unfinished.path, RunResults("player", LIMITS.budget_steps, pending))

    while_it_runs = folder_of(one, None, root)
    assert while_it_runs.path not in (finished.path, unfinished.path)
    while_it_runs.close()
    unfinished.close()

    other = folder_of(plan(tmp_path), None, root)
    assert not other.resumed
    other.close()

    again = folder_of(one, None, root)
    assert (again.path, again.resumed) == (unfinished.path, True)
    again.close()
