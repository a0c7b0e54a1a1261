"""Starts an agent in a working directory of its own, and ends it with everything it started.

The working directory looks like the contest's `/root/compo`: the socket is at `tmp/sock/sock`, and
the agent writes its output to `out`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from agent.errors import UserError

STDOUT_NAME = "agent-stdout.txt"  # as the contest named them
STDERR_NAME = "agent-stderr.txt"
LONGEST_SOCKET_PATH = 107  # bytes: the kernel's sockaddr_un has 108, one of them the final zero
SECONDS_TO_TERMINATE = 3.0
MAX_LOG_BYTES = 32 * 2**20  # an agent that prints much must not fill the disk
KEPT_LOG_BYTES = 2**20
TAIL_LINES = 12
TAIL_BYTES = 4000


class AgentError(UserError):
    """An agent can't be started."""


class WorkingDirectory:
    """The working directory of an agent on one level: a private temporary folder.

    It is not in the run folder, because that folder's path may be too long for a socket.

    Attributes:
        folder: the working directory, readable only by its owner.
        socket_dir: folder of the server's `sock` and channel files.
        level_dir: the level's folder in the run folder, for stdout and stderr.
        output_dir: folder of the agent's output, LEVEL_DIR/out.
    """

    def __init__(self, level_dir: Path) -> None:
        self.folder = folder = _private_folder(level_dir.absolute())
        self.socket_dir = folder / "tmp" / "sock"
        self.socket_dir.mkdir(parents=True)
        self.level_dir = level_dir
        self.output_dir = (
            level_dir.absolute() / "out"
        )  # absolute: the agent has another working directory
        self.output_dir.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> WorkingDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _private_folder(level_dir: Path) -> Path:
    """Create a folder whose path is short enough for a socket, in a temporary folder if possible.

    Raises:
        AgentError: no such folder is writable.
    """
    for parent in (None, "/tmp", level_dir):  # None: TMPDIR, or the system's temporary folder
        try:
            folder = Path(tempfile.mkdtemp(prefix="contest-", dir=parent))
        except OSError:  # for example a read-only file system
            continue
        if len(os.fsencode(folder / "tmp" / "sock" / "sock")) <= LONGEST_SOCKET_PATH:
            return folder
        folder.rmdir()
    raise AgentError(
        "no writable temporary folder has a path short enough for a socket: set TMPDIR to one"
    )


class AgentProcess:
    """A started agent, in its own process group; its output goes to the level's folder."""

    def __init__(self, command: Sequence[str], directory: WorkingDirectory, **popen: Any) -> None:
        self.level_dir = directory.level_dir
        # Opened for appending, so that writing continues at the new end of a trimmed file.
        with (
            (self.level_dir / STDOUT_NAME).open("ab") as stdout,
            (self.level_dir / STDERR_NAME).open("ab") as stderr,
        ):
            self._process = subprocess.Popen(
                command,
                cwd=directory.folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C reaches only the evaluation
                **popen,
            )

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for the exit code; None if the agent still runs after these seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the agent and everything it started: first with SIGTERM, then with SIGKILL."""
        end_group(self._process)

    def trim_logs(self) -> None:
        """Cut a log file that exceeds its limit down to its end."""
        for name in (STDOUT_NAME, STDERR_NAME):
            _trim(self.level_dir / name)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Terminate the process group of a child; kill what is left of it after a few seconds."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_TERMINATE)
        except subprocess.TimeoutExpired:
            pass
    _signal_group(process, signal.SIGKILL)
    process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass  # every process of the group has ended


def _trim(path: Path) -> None:
    if path.stat().st_size <= MAX_LOG_BYTES:
        return
    with path.open("r+b") as file:
        file.seek(-KEPT_LOG_BYTES, os.SEEK_END)
        end = file.read()
        file.truncate(0)
        file.seek(0)
        file.write(b"[earlier output was dropped]\n" + end)


def tail(path: Path) -> str:
    """The last lines of a log file; "" if there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
