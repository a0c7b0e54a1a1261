"""The libraries that the agent imports send no reports and need no writable folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("code", "reports"),
    [("import agent, onnxruntime", False), ("import onnxruntime", True)],
    ids=["agent", "onnxruntime alone"],
)
def test_importing_the_agent_switches_telemetry_off(
    tmp_path: Path, code: str, reports: bool
) -> None:
    # No other variables: those of CI systems would switch the telemetry off as well.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert bool(list(tmp_path.rglob("*"))) == reports


def test_sigterm_ends_the_agent_cleanly_while_it_waits_for_the_socket(tmp_path: Path) -> None:
    """As process 1 of a container, a process without a handler would ignore the signal."""
    command = [sys.executable, "-m", "agent", "--socket-dir", str(tmp_path)]
    command += ["--output-dir", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr is not None
        assert "event=ready" in agent.stderr.readline()
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(timeout=30) == 130
        assert agent.stderr.read().splitlines()[-1] == "interrupted"


def test_the_evolution_does_not_need_a_writable_folder() -> None:
    """Matplotlib, which pycma would import, ends the program without one."""
    code = (
        "import sys; from agent.evolution.cma_es import Evolution; Evolution(2, 4, 1.0, 1);"
        "assert 'matplotlib' not in sys.modules; import matplotlib"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
