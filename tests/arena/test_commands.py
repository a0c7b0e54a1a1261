"""`python -m arena` as a process: a real level, signals, limits and one-line errors."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.messages import ServerDisconnectError, TimestepTimeoutError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level

ROOT = Path(__file__).parents[2]
LEVEL = Level("Airstriker-Genesis-v0", "Level1", "scenario")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "arena", *map(str, arguments)]
        started.append(
            subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def serve(start: Start, base: Path, *more: object) -> subprocess.Popen[str]:
    return start("serve", LEVEL.name, "--socket-dir", base, *more)


def test_a_served_level_plays_as_a_local_one(start: Start, base: Path, tmp_path: Path) -> None:
    process = serve(
        start, base, "--seed", 4, "--timestep-limit", 400, "--monitor-dir", tmp_path / "m",
        "--movies", tmp_path / "movies",
    )  # fmt: skip
    remote, local = GymRemoteClient.connect(base, 60), ContestEnv(LEVEL, seed=4)
    random = np.random.RandomState(0)
    steps, returns = 0, []
    try:
        while True:
            frames = remote.reset(), local.reset()
            assert np.array_equal(*frames)
            steps, done = steps + 1, False
            returns.append(0.0)
            while not done:
                buttons = random.randint(0, 2, 12).astype(np.uint8)
                remote.send_action(buttons)
                frame, reward, done, _ = local.step(buttons)  # two emulators, in two processes
                answer = remote.receive()
                assert np.array_equal(answer[0], frame) and answer[1:] == (reward, done)
                steps += 1
                returns[-1] += reward
    except TimestepTimeoutError:
        pass
    finally:
        local.close()
        remote.close()
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert steps == 400 and len(returns) > 1
    end = f"event=end reason=timestep-limit timesteps=400 episodes={len(returns) - 1} seconds="
    line = stderr.splitlines()[-1]
    assert line.startswith(end)
    seconds, emulator_seconds = (float(word.split("=")[1]) for word in line.split()[-2:])
    assert 0 < emulator_seconds <= seconds
    rows = (tmp_path / "m" / "monitor.csv").read_text().split()[1:]
    assert [float(row.split(",")[0]) for row in rows] == returns[:-1]
    assert len(list((tmp_path / "movies").iterdir())) == len(returns)
    assert not list(base.iterdir())


def test_a_second_session_overwrites_nothing(start: Start, base: Path, tmp_path: Path) -> None:
    for session in (1, 2):
        more = ["--movies", tmp_path / "movies", "--monitor-dir", tmp_path / str(session)]
        process = serve(start, base, "--timestep-limit", 5, *more)
        with closing(GymRemoteClient.connect(base, 60)) as env, suppress(TimestepTimeoutError):
            env.reset()
            while True:
                env.step(np.zeros(12, np.uint8))
        process.communicate(timeout=20)
        written = {path.name: path.read_bytes() for path in (tmp_path / "movies").iterdir()}
        assert len(written) == session and all(written.values())
        if session == 1:
            first = written
    assert first.items() <= written.items()
    process = serve(start, base, "--monitor-dir", tmp_path / "1")
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 2 and stderr.count("\n") == 1
    assert "contains the monitor.csv of another session" in stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("in_session", [False, True])
def test_after_a_signal_the_agent_is_informed_and_files_are_removed(
    start: Start, base: Path, number: signal.Signals, in_session: bool
) -> None:
    process = serve(start, base)
    env = None
    if in_session:
        env = GymRemoteClient.connect(base, 60)
        env.reset()
    else:
        while not (base / "sock").exists():
            assert process.poll() is None
            time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == "interrupted" and "Traceback" not in stderr
    assert not list(base.iterdir())
    if env:
        with pytest.raises(ServerDisconnectError, match="the server was stopped"):
            env.step(np.zeros(12, np.uint8))


def test_a_killed_server_is_replaced_by_the_next(start: Start, base: Path) -> None:
    process = serve(start, base)
    env = GymRemoteClient.connect(base, 60)
    env.reset()
    process.kill()
    with pytest.raises(ServerDisconnectError):
        env.step(np.zeros(12, np.uint8))
    process.wait(20)
    assert (base / "sock").exists() and (base / "ob").exists()
    serve(start, base)
    again = GymRemoteClient.connect(base, 60)
    assert again.reset().shape == (224, 320, 3)
    again.close()


def test_a_failed_run_is_reported_in_one_line(start: Start, base: Path) -> None:
    process = serve(start, base, "--connect-limit", 0.1)
    assert process.wait(30) == 2
    assert process.stderr is not None
    *_, end, error = process.stderr.read().splitlines()
    assert end.startswith("event=end reason=never-connected timesteps=0")
    assert error == "error: no agent connected in time"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["play"], "'play' is not a command: use serve, roms, levels"),
        (["sreve"], "'sreve' is not a command: did you mean serve?"),
        (["serve"], "arguments are required: LEVEL"),
        (["serve", "Airstriker-Genesis-v0:Level9"], "did you mean Level1?"),
        (["serve", "Airstrikr:Level1"], "no game is called 'Airstrikr'"),
        (["serve", "airstriker", "--speed", "9"], "--speed"),
        (["serve", "airstriker", "--seed", "-1"], "--seed is -1"),
        (["serve", "airstriker", "--timestep-limit", "0"], "limit is 0"),
        (["serve", "SonicTheHedgehog:GreenHillZone.Act1"], "no ROM of Sonic"),
        (["serve", "sonic-final"], "'sonic-final' names 11 levels: name one, as in Sonic"),
        (["levels", "a", "b"], "unrecognized arguments: b"),
    ],
)
def test_mistakes_are_reported_in_one_line(
    arguments: list[str],
    said: str,
    base: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from agent.command_line import run
    from arena.__main__ import main

    monkeypatch.chdir(base.parent)
    monkeypatch.setattr(sys, "argv", ["arena", *arguments])
    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ") and said in last
    assert not os.listdir(base.parent)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_commands_are_listed(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from arena.__main__ import main

    monkeypatch.setattr(sys, "argv", ["arena", *arguments])
    assert main() == (0 if arguments else 2)
    shown = capsys.readouterr().out
    assert shown.startswith("usage: python -m arena COMMAND [options]\n")
    for line in ("\n  serve ", "\n  roms ", "\n  levels "):
        assert line in shown


@pytest.mark.parametrize("command", ["serve", "roms", "levels"])
def test_every_command_has_help(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from arena.__main__ import main

    monkeypatch.setattr(sys, "argv", ["arena", command, "--help"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m arena {command} [options]")


def test_the_level_sets_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from arena.__main__ import main

    monkeypatch.setattr(sys, "argv", ["arena", "levels"])
    assert main() == 0
    assert "validation" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["arena", "levels", "Airstriker-Genesis-v0:Level1"])
    assert main() == 0
    assert "Airstriker-Genesis-v0:Level1  [scenario]" in capsys.readouterr().out


@pytest.mark.parametrize(
    "module", ["arena.server.process", "arena.evaluation.supervisor", "arena.replay.render_episode"]
)
@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--nothing", 2), ("no JSON", 2)])
def test_processes_that_an_evaluation_starts_explain_themselves(
    module: str, argument: str, code: int
) -> None:
    command = [sys.executable, "-m", module, argument]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == code and "Traceback" not in done.stderr
    shown = done.stderr if code else done.stdout
    assert shown.startswith("usage: ") and ("error: " in shown) == bool(code)
