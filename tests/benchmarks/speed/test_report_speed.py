"""The benchmark of long runs: the synthetic run, and the measurement of a command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.errors import UserError
from arena.environment.levels import Level
from arena.pages.report.record_reader import read_record
from benchmarks.made_runs import THRESHOLD, write_run
from benchmarks.speed.report_speed import Options, family, long_level, measure, proportional_memory

STEPS = 60_000


def test_the_report_accepts_a_long_synthetic_run(tmp_path: Path) -> None:
    levels = [
        long_level(Level("Game", f"Act{number}", "contest"), number, STEPS, {})
        for number in range(2)
    ]
    run = read_record(write_run(tmp_path / "run", levels, budget_steps=STEPS))
    assert run.notes == [] and run.results.complete
    for level, made in zip(run.levels, levels, strict=True):
        assert STEPS - 4501 <= level.timesteps[-1] < STEPS
        assert len(set(made.lengths)) > 20
        assert len(level.returns) == len(made.returns) > 100
    first, second = run.levels
    assert first.locked is not None and second.locked is not None
    assert first.locked.any() and not second.locked.any()
    assert first.returns[first.locked.argmax() - 1] > THRESHOLD
    assert first.result.locked_in_at == first.timesteps[first.locked.argmax() - 1]


def test_a_command_is_measured_and_its_failure_reported() -> None:
    cost = measure([sys.executable, "-c", "sum(range(10**6))"])
    assert cost.seconds > 0 and cost.processor_seconds > 0
    with pytest.raises(UserError, match="exit code 3"):
        measure([sys.executable, "-c", "raise SystemExit(3)"])


def test_the_memory_of_a_child_is_found() -> None:
    holds = "held = b'x' * 40_000_000; print('ready', flush=True); input()"
    command = [sys.executable, "-c", holds]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as child:  # type: ignore[call-overload]
        assert child.stdout.readline() == "ready\n"
        assert child.pid in family(os.getpid())
        assert proportional_memory(child.pid) > 40_000_000
        child.communicate("\n")
    assert proportional_memory(2**22) == 0 and family(2**22) == [2**22]


@pytest.mark.parametrize("wrong", [{"steps": 10}, {"levels": 0}, {"levels": 12}, {"openings": 0}])
def test_impossible_options_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError):
        Options(**wrong)
