"""The speed of all agents: what a round plays, how it continues, and the table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UserError
from arena.environment.levels import Level, select_one
from benchmarks.measured import read_measured
from benchmarks.speed import agent_speed
from benchmarks.speed.agent_runs import AgentRun, cpu_seconds_by_row, measure_agent

SPEEDS = {"null": 500.0, "jerk": 470.0, "ppo2": 160.0}
LEVEL = "PangolinDash-Genesis:MeadowZone.Act1"


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Replaces the runs and lists them; "interrupt" in the list ends the second one so."""
    found: list[Any] = []

    def play(
        command: Sequence[str], variables: Mapping[str, str], level: Level, steps: int, seed: int
    ) -> AgentRun:
        if "interrupt" in found and len(found) == 2:
            found.remove("interrupt")
            raise KeyboardInterrupt
        name = command[-1].rpartition(".")[2]
        assert variables == {"BUDGET_STEPS": str(steps), "SEED": str(seed)}
        found.append((name, steps, seed))
        return AgentRun(10.0, SPEEDS[name] * (1 + 0.1 * seed), 100.0 * seed)

    monkeypatch.setattr(agent_speed, "measure_agent", play)
    return found


def test_an_interrupted_measurement_continues(
    tmp_path: Path, played: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "speed.json"
    command = ["--agents", "null,jerk,ppo2", "--level", LEVEL, "--out", str(out), "--rounds", "2"]
    played.append("interrupt")
    assert agent_speed.main(command) == 130
    assert [name for name, _, _ in played] == ["jerk"]
    assert agent_speed.table(read_measured(out)) == "No round is complete yet."
    assert agent_speed.main(command) == 0
    # The order rotates; PPO2 plays a whole rollout of 4,096 timesteps.
    assert [(name, seed) for name, _, seed in played] == [
        *(("jerk", 1), ("ppo2", 1), ("null", 1)),
        *(("ppo2", 2), ("null", 2), ("jerk", 2)),
    ]
    assert {name: steps for name, steps, _ in played} == {
        "null": 4400,
        "jerk": 4400,
        "ppo2": 1000 + 4096 + 400,
    }
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert rows[2][:3] == ["`null`", "575 (550 to 600)", "1.00"]
    assert rows[3] == ["`jerk`", "540 (517 to 564)", "0.94", "0.9 of null", "200", "4,400"]
    assert rows[4] == ["`ppo2`", "184 (176 to 192)", "0.32", "150", "200", "5,496"]
    with pytest.raises(UserError, match="other settings"):
        agent_speed.main([*command, "--steps", "5000"])
    with pytest.raises(UserError, match="--agents has no null"):
        agent_speed.main([*command, "--agents", "jerk"])


def test_an_agent_that_learns_late_begins_early() -> None:
    assert agent_speed.command("rainbow")[1:] == [
        *("-m", "baselines.rainbow", "--learning-starts", "1000"),
    ]
    assert agent_speed.command("jerk")[1:] == ["-m", "baselines.jerk"]
    assert set(agent_speed.TARGETS) - {"hybrid"} <= set(agent_speed.NAMES)


def test_cpu_time_is_read_when_a_row_is_written(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    work = f"""
import time
with open({str(log)!r}, "w", buffering=1) as file:
    print("l,t", file=file)
    for row in range(2):
        started = time.process_time()
        while time.process_time() - started < 0.4:
            pass
        print(row, file=file)
    time.sleep(0.5)
"""
    with cpu_seconds_by_row(log) as found:
        subprocess.run([sys.executable, "-c", work], check=True)
    assert list(found) == [1, 2]
    assert 0.2 <= found[2] - found[1] <= 0.6


@pytest.mark.slow
def test_an_agent_runs_in_the_arena() -> None:
    command = agent_speed.command("null")
    run = measure_agent(command, {}, select_one(LEVEL), 2400, 1)
    assert run.steps_per_cpu_second > 100 and 10 < run.peak_mib < 200
