"""The libraries that the agent imports send no reports and need no writable folder."""

from __future__ import annotations

import os
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


def test_the_evolution_does_not_need_a_writable_folder() -> None:
    """Matplotlib, which pycma would import, ends the program without one."""
    code = (
        "import sys; from agent.evolution.cma_es import Evolution; Evolution(2, 4, 1.0, 1);"
        "assert 'matplotlib' not in sys.modules; import matplotlib"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
