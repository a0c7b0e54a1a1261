"""The lines at the end of a run work as printed, from a folder with a space, in any terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
Run = Callable[[Sequence[str], Path], str]
RUN = ["run", "--agent", "random", "--levels", "Airstriker:level1", "--budget-steps", "2000"]


def in_terminal(command: Sequence[str], folder: Path) -> str:
    """Run a command in a terminal of 80 columns; return what it printed, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT
    )
    os.close(theirs)
    content = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            content += chunk
    except OSError:  # the terminal closes with its last process
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0, content
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", content.decode())


def in_pipe(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("run", "installed"), [(in_pipe, False), (in_terminal, True)])
def test_the_next_steps_work_as_printed(run: Run, installed: bool, tmp_path: Path) -> None:
    folder = tmp_path / "somebody's folder"
    folder.mkdir()
    program = [sys.executable, str(ROOT / "local_eval.py")]
    if installed:  # as pip makes it
        script = folder / "bin" / "world-models-contest"
        script.parent.mkdir()
        script.write_text(f"#!{sys.executable}\nfrom local_eval import program\nprogram()\n")
        script.chmod(0o755)
        program = [str(script)]
    shown = run([*program, *RUN, "--no-report"], folder)
    printed = dict(re.findall(r"^(results|watch) +(\S.*?)\r?$", shown, re.MULTILINE))
    assert (folder / printed["results"]).is_file(), shown
    watched = subprocess.run(
        ["bash", "-c", printed["watch"]], cwd=folder, capture_output=True, text=True,
        env=ENVIRONMENT,
    )  # fmt: skip
    assert watched.returncode == 0, watched.stderr
    movie = folder / watched.stdout.removesuffix("\n")
    assert movie.suffix == ".mp4" and movie.stat().st_size > 10_000
    assert ("bin/world-models-contest movie" in printed["watch"]) == installed
