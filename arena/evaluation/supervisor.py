"""Runs one agent, and ends everything that it started, however the evaluation ends.

`AgentProcess` starts this file as a script between itself and the agent. Its standard input is a
socket to the evaluation. When the evaluation closes it or is killed, this script ends the agent and
its descendants, including those that have started a new process session. It uses only the standard
library, exits with the agent's exit code, and needs Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
PR_SET_CHILD_SUBREAPER = 36
STARTED = b"0"  # sent instead of the number of the error
SECONDS_TO_REMOVE = 30.0  # for an engine to remove a container
SECONDS_TO_KILL = 10.0


def main() -> None:
    """Run the job that the arguments describe as JSON.

    The keys are `command`, the agent's command line; `at_end`, a command that is run when the agent
    is ended, or []; `folder`, its working directory; `seconds`, the time to end on SIGTERM.
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("job", metavar="JSON", type=json.loads, help="what to run, and how")
    job = parser.parse_args().job
    control = socket.socket(fileno=os.dup(0))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)  # the orphans of the agent become our children
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _exit)
    status = 1
    agent = None
    try:
        agent = _start(job["command"], control, libc)
        if agent is not None:
            select.select([control.fileno(), os.pidfd_open(agent.pid)], [], [])
    except SystemExit:
        pass  # a signal ends this process: the agent must end too
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if agent is not None:
            status = _end(agent, job["at_end"], job["seconds"])
        if not _is_connected(control):  # the evaluation was killed, and can't remove it
            shutil.rmtree(job["folder"], ignore_errors=True)
    _exit_as(status)


def _start(
    command: Sequence[str], control: socket.socket, libc: ctypes.CDLL
) -> subprocess.Popen[bytes] | None:
    """Start the agent, and report this to the evaluation; None if it can't be started."""
    try:
        agent = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # The agent ends with this process, even if this process is killed.
            preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
        )
    except OSError as error:
        control.send(str(error.errno).encode())
        return None
    with contextlib.suppress(OSError):  # the evaluation may have ended already
        control.send(STARTED)
    return agent


def _end(agent: subprocess.Popen[bytes], at_end: Sequence[str], seconds: float) -> int:
    """End the agent and all its descendants; return the agent's exit code."""
    if at_end:  # even if the engine's client has ended: its container may still run
        _run(at_end)
    if agent.poll() is None:
        if not at_end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(agent.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            agent.wait(seconds)
    was_killed = agent.poll() is None
    _kill_descendants(agent)
    if at_end and was_killed:  # the client may have created its container after the first call
        _run(at_end)
    return agent.wait()


def _kill_descendants(agent: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + SECONDS_TO_KILL
    while time.monotonic() < give_up and (found := list(descendants(os.getpid()))):
        for process_id in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process_id, signal.SIGKILL)
        # The agent's exit code must reach its Popen before waitpid(-1) can take it.
        if agent.poll() is not None:
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        time.sleep(0.01)


def _run(command: Sequence[str]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS_TO_REMOVE,
            check=False,
        )


def descendants(ancestor: int) -> Iterator[int]:
    """Yield the process ids of the living descendants of a process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
                if fields[0] not in (b"Z", b"X"):
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = children.get(ancestor, [])
    for process_id in found:
        yield process_id
        found += children.get(process_id, [])  # the loop continues with them


def _is_connected(control: socket.socket) -> bool:
    try:
        control.send(STARTED)
    except OSError:
        return False
    return True


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit


def _exit_as(status: int) -> None:
    """Exit with the agent's exit code, or by the signal that killed the agent."""
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler to reset
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main()
