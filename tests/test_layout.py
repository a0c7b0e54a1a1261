"""Imports run in one direction, and the agent loads none of the packages of training."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_run_in_one_direction() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_agent_needs_only_its_own_packages() -> None:
    code = "import agent.__main__, sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {"agent", "numpy", "onnxruntime"} <= loaded
    foreign = {"torch", "cv2", "stable_retro", "gymnasium", "onnx", "rich", "matplotlib"}
    assert not loaded & (foreign | {"arena", "training", "game", "baselines", "benchmarks"})
