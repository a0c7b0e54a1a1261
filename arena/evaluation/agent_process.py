"""Starts an agent in a working directory of its own, and ends it with everything it started.

The working directory looks like the contest's `/root/compo`: the socket is at `tmp/sock/sock`, and
the agent writes its output to `out`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from agent.errors import UserError
from agent.guarded_files import read_guarded_end
from arena.evaluation import supervisor
from arena.server.endpoint import LONGEST_SOCKET_PATH

STDOUT_NAME = "agent-stdout.txt"  # as the contest named them
STDERR_NAME = "agent-stderr.txt"
FOLDER_PREFIX = "world-models-contest-"
FOLDER_NAME = re.compile(rf"{FOLDER_PREFIX}[a-z0-9_]{{8}}")
SECONDS_TO_TERMINATE = 3.0
SECONDS_TO_STOP = 120.0  # for the supervisor to end everything; a container may take long
MAX_LOG_BYTES = 32 * 2**20  # an agent that prints a lot must not fill the disk
KEPT_LOG_BYTES = 2**20
TAIL_LINES = 12
TAIL_BYTES = 4000
PYTHON = sys.executable


class AgentError(UserError):
    """An agent can't be started."""


class WorkingDirectory:
    """The working directory of an agent on one level: a private temporary folder.

    It is inside the run folder only if no temporary folder is writable, because the run folder's
    path may be too long for a socket.

    Attributes:
        folder: the working directory, readable only by its owner.
        socket_dir: folder of the server's `sock` and channel files.
        level_dir: the level's folder in the run folder, for stdout and stderr.
        output_dir: folder of the agent's output, LEVEL_DIR/out.
        lock: descriptor of the folder, locked while this process or the agent's supervisor lives.
    """

    def __init__(self, level_dir: Path) -> None:
        remove_abandoned_folders()
        self.folder, self.lock = _make_private(level_dir.absolute())
        self.socket_dir = self.folder / "tmp" / "sock"
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
        remove_tree(self.folder)
        os.close(self.lock)


class AgentProcess:
    """A started agent under a supervisor; its output goes to the level's folder."""

    def __init__(
        self,
        command: Sequence[str],
        directory: WorkingDirectory,
        environment: Mapping[str, str] | None = None,
        at_end: Sequence[str] = (),
    ) -> None:
        """Start an agent.

        Args:
            command: command line of the agent.
            directory: its working directory.
            environment: its environment variables; None for those of this process.
            at_end: command that ends what is not a child of the agent, such as a container.

        Raises:
            OSError: the command can't be started.
        """
        # The files stay open, so that they can be trimmed even if the agent replaces their paths.
        self._logs = [_new_log(directory.level_dir / name) for name in (STDOUT_NAME, STDERR_NAME)]
        # SEQPACKET keeps messages apart, even if an agent ends before its start was reported.
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        job = {
            "command": list(command),
            "at_end": list(at_end),
            "folder": str(directory.folder),
            "seconds": SECONDS_TO_TERMINATE,
        }
        with theirs:
            self._process = subprocess.Popen(
                # Isolated: the agent's variables and folder must not choose what is imported.
                [PYTHON, "-I", "-S", supervisor.__file__, json.dumps(job)],
                cwd=directory.folder,
                env=environment,
                stdin=theirs.fileno(),
                stdout=self._logs[0],
                stderr=self._logs[1],
                pass_fds=[directory.lock],
                start_new_session=True,  # Ctrl-C reaches only the evaluation
            )
        answer = self._control.recv(16)
        if answer != supervisor.STARTED:
            self.stop()
            number = int(answer or 0)
            raise OSError(number, os.strerror(number))

    @property
    def supervisor_pid(self) -> int:
        """Process id of the supervisor; its descendants are the agent's processes."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the exit code, negative for a signal; None while the agent runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for the exit code; None if the agent still runs after these seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the agent and everything it started: first with SIGTERM, then with SIGKILL."""
        with contextlib.suppress(OSError):  # the supervisor may have ended
            self._control.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._control.close()
        self.trim_logs()
        for log in self._logs:
            os.close(log)
        self._logs = []

    def trim_logs(self) -> None:
        """Cut a log file that exceeds its limit down to its end."""
        for log in self._logs:
            _trim(log)


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process that has no children; kill it if it does not end in a few seconds."""
    process.terminate()
    try:
        process.wait(SECONDS_TO_TERMINATE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def remove_abandoned_folders() -> None:
    """Remove the working directories of runs that were killed."""
    for root in set(_temporary_folders()):
        for folder in root.glob(f"{FOLDER_PREFIX}*"):
            if FOLDER_NAME.fullmatch(folder.name) and (folder / "tmp" / "sock").is_dir():
                with contextlib.suppress(OSError), _lock_if_free(folder) as is_free:
                    if is_free and folder.stat().st_uid == os.geteuid():
                        remove_tree(folder)


def is_abandoned(folder: Path) -> bool:
    """Return whether a working directory does not exist, or no living run uses it."""
    try:
        with _lock_if_free(folder) as is_free:
            return is_free
    except OSError as error:
        return isinstance(error, FileNotFoundError)


def remove_tree(folder: Path) -> None:
    """Remove a folder with everything in it, including folders that their owner can't enter."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _lock_if_free(folder: Path) -> Iterator[bool]:
    """Lock a folder during the block; false if another process holds the lock."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_free = True
    except BlockingIOError:
        is_free = False
    try:
        yield is_free
    finally:
        os.close(lock)


def _temporary_folders() -> list[Path]:
    """Return the folders for temporary files, the preferred one first; some may be read-only."""
    folders = [Path("/tmp")]
    with contextlib.suppress(FileNotFoundError):  # no folder that Python knows is writable
        folders.insert(0, Path(tempfile.gettempdir()))
    return folders


def _make_private(level_dir: Path) -> tuple[Path, int]:
    """Make a locked folder whose path is short enough for a socket; a temporary one if possible.

    Raises:
        AgentError: no such folder is writable.
    """
    for root in (*_temporary_folders(), level_dir):
        path = root / f"{FOLDER_PREFIX}12345678" / "tmp" / "sock" / "sock"
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            with contextlib.suppress(OSError):  # for example a read-only file system
                return _make_locked(root)
    raise AgentError(
        "no writable temporary folder has a path short enough for a socket: set TMPDIR to one"
    )


def _make_locked(root: Path) -> tuple[Path, int]:
    """Make a private folder, and lock it before it has the name by which others find it."""
    new = Path(tempfile.mkdtemp(prefix=f".{FOLDER_PREFIX}", dir=root))
    lock = os.open(new, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    (new / "tmp" / "sock").mkdir(parents=True)
    return new.rename(root / new.name.removeprefix(".")), lock


def _new_log(path: Path) -> int:
    # For appending, so that writing continues at the new end of a trimmed file.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(path, flags, 0o666)


def _trim(log: int) -> None:
    size = os.fstat(log).st_size
    if size > MAX_LOG_BYTES:
        end = os.pread(log, KEPT_LOG_BYTES, size - KEPT_LOG_BYTES)
        os.truncate(log, 0)
        os.write(log, b"[earlier output was dropped]\n" + end)


def tail(path: Path) -> str:
    """Return the last lines of a log file, or why it can't be read; "" if there is none."""
    try:
        text = read_guarded_end(path, TAIL_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return str(error)
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])
