"""ONNX Runtime's telemetry is off: no device id in the home folder, no reports."""

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
