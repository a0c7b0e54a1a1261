"""Starts an agent beside a level's server, and ends it with everything it started.

An agent is any program that speaks gym_remote: the project's own, a command in any language, or
a container image (`arena.evaluation.containers`). Each plays in a workplace of its own that looks
like the contest's `/root/compo`: the socket at `tmp/sock/sock`, the output in `out`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import agent
from agent.errors import UserError
from agent.files import sha256
from agent.settings import PLAY_SETTINGS, Settings, read_settings
from agent.world_model.packed_model import load

STDOUT_NAME = "agent-stdout.txt"  # as the contest named them
STDERR_NAME = "agent-stderr.txt"
LONGEST_SOCKET_PATH = 107  # bytes: what the kernel's sockaddr_un holds, without its last zero
SECONDS_TO_TERMINATE = 3.0
MAX_LOG_BYTES = 32 * 2**20  # a talkative agent must not fill the disk in a million steps
KEPT_LOG_BYTES = 2**20
TAIL_LINES = 12
TAIL_BYTES = 4000


class AgentError(UserError):
    """An agent that can't be started at all."""


class Workplace:
    """The working directory of an agent on one level: a private folder with a short path.

    The socket can't lie in the run folder, whose path may be longer than a socket's may be.

    Attributes:
        folder: the working directory, readable by its owner alone.
        socket_dir: where the server puts `sock` and the channel files.
        level_dir: the level's folder in the run folder, for stdout and stderr.
        output_dir: what the agent writes, LEVEL_DIR/out.
    """

    def __init__(self, level_dir: Path) -> None:
        prefix = "contest-"
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        if len(os.fsencode(folder / "tmp" / "sock" / "sock")) > LONGEST_SOCKET_PATH:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
        self.folder = folder
        self.socket_dir = folder / "tmp" / "sock"
        self.socket_dir.mkdir(parents=True)
        self.level_dir = level_dir
        self.output_dir = level_dir.absolute() / "out"  # the agent's working directory is another
        self.output_dir.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Workplace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """What an agent may know of its run beside the socket; the contest's container knew nothing."""

    budget_steps: int
    seed: int | None
    lock_in: float | None
    lock_in_rule: str | None = None
    repeats: int | None = None

    def environment(self) -> dict[str, str]:
        """The variables for an agent that is not the project's own; unset values are left out."""
        values = {
            "BUDGET_STEPS": self.budget_steps,
            "SEED": self.seed,
            "LOCK_IN_SCORE": self.lock_in,
            "LOCK_IN_RULE": self.lock_in_rule,
            "REPEATS": self.repeats,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    def describe(self) -> dict[str, Any]:
        """What of it moves the score, for run.json."""
        values = {"seed": self.seed, "lock_in_score": self.lock_in}
        more = {"lock_in_rule": self.lock_in_rule, "repeats": self.repeats}
        return values | {name: value for name, value in more.items() if value is not None}


class Agent(Protocol):
    """One way to run an agent."""

    @property
    def name(self) -> str:
        """The agent in a few words."""

    def check(self) -> None:
        """Find out before anything is started whether it can be; raises a UserError."""

    def describe(self) -> dict[str, Any]:
        """What tells this agent from another, for run.json: no environment variables."""

    def start(self, workplace: Workplace) -> AgentProcess:
        """Start it; the server listens already."""


class AgentProcess:
    """A started agent: a process group of its own, its output in the level's folder."""

    def __init__(self, command: Sequence[str], workplace: Workplace, **popen: Any) -> None:
        self.level_dir = workplace.level_dir
        # Opened for appending, so that a file which is cut short goes on at its new end.
        with (
            (self.level_dir / STDOUT_NAME).open("ab") as stdout,
            (self.level_dir / STDERR_NAME).open("ab") as stderr,
        ):
            self._process = subprocess.Popen(
                command,
                cwd=workplace.folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,  # Ctrl-C is ours to handle, and the group ours to end
                **popen,
            )

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """Wait for the end; None where it did not come in time."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End the agent and all that it started, politely first."""
        end_group(self._process)

    def trim_logs(self) -> None:
        """Keep the end of an output that has grown past its limit."""
        for name in (STDOUT_NAME, STDERR_NAME):
            _trim(self.level_dir / name)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process group led by a child; kill what is left of it."""
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
        pass  # all gone


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
    """The last lines of an agent's or a server's stderr."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.strip().splitlines()[-TAIL_LINES:])


@dataclass(frozen=True)
class LocalAgent:
    """The project's own agent, `python -m agent`, with its settings by environment variable."""

    settings: Settings

    @classmethod
    def configure(
        cls, environment: Mapping[str, str], pretrained: Path | None, run: Run
    ) -> LocalAgent:
        """The agent's settings as it would read them itself, with this run's in their place.

        Raises:
            UserError: a variable of the agent with a bad value.
        """
        settings = read_settings([], environment=environment, pretrained=pretrained, prog="agent")
        given: dict[str, Any] = {
            "seed": run.seed,
            "lock_in_score": run.lock_in,
            "lock_in_rule": run.lock_in_rule,
            "repeats": run.repeats,
        }
        settings = replace(
            settings, **{name: value for name, value in given.items() if value is not None}
        )
        return cls(replace(settings, pretrained=settings.pretrained.absolute()))

    @property
    def name(self) -> str:
        return self.settings.pretrained.name

    def check(self) -> None:
        load(self.settings.pretrained)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "local",
            "pretrained": str(self.settings.pretrained),
            "manifest_sha256": sha256(self.settings.pretrained / "manifest.json"),
            "seed": self.settings.seed,
            **{name: getattr(self.settings, name) for name in (*PLAY_SETTINGS, "repeats")},
        }

    def start(self, workplace: Workplace) -> AgentProcess:
        settings = replace(
            self.settings, socket_dir=workplace.socket_dir, output_dir=workplace.output_dir
        )
        values = {
            field.metadata["env"]: getattr(settings, field.name)
            for field in fields(settings)
            if field.metadata["env"]
        }
        environment = {
            **os.environ,
            # A variable of the caller's that is not set here must not come through: an empty
            # one counts as unset.
            **{name: "" if value is None else str(value) for name, value in values.items()},
            "PYTHONPATH": _with_python_path(Path(agent.__path__[0]).parent),
        }
        return AgentProcess([sys.executable, "-m", "agent"], workplace, env=environment)


@dataclass(frozen=True)
class CommandAgent:
    """Any program that speaks gym_remote, started without a shell in the workplace.

    It finds the socket as in the contest (`tmp/sock` under its working directory), and SOCKET_DIR,
    OUTPUT_DIR, BUDGET_STEPS and, when given, SEED, LOCK_IN_SCORE, LOCK_IN_RULE and REPEATS in its
    environment. Since its
    working directory is not the caller's, words that name an existing file or folder are made
    absolute, and Python looks for modules in the caller's directory first.
    """

    words: tuple[str, ...]
    run: Run
    caller_dir: Path

    @classmethod
    def parse(cls, text: str, run: Run) -> CommandAgent:
        """Split a command line as a shell would, without running one.

        Raises:
            AgentError: an unclosed quote, or no command at all.
        """
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise AgentError(f"--agent-command {text!r} can't be split: {error}") from error
        if not words:
            raise AgentError("--agent-command is empty: give a program and its arguments")
        return cls(words, run, Path.cwd())

    @property
    def name(self) -> str:
        script = next((word for word in self.words[1:] if not word.startswith("-")), self.words[0])
        return Path(script).stem or "command"

    def check(self) -> None:
        program = self._command()[0]
        if shutil.which(program) is None:
            problem = "is not executable" if Path(program).exists() else "was not found"
            raise AgentError(f"--agent-command: {self.words[0]!r} {problem}: give a program")

    def describe(self) -> dict[str, Any]:
        return {"kind": "command", "command": self._command(), **self.run.describe()}

    def start(self, workplace: Workplace) -> AgentProcess:
        (workplace.folder / "out").symlink_to(workplace.output_dir)
        environment = {
            **os.environ,
            **self.run.environment(),
            "SOCKET_DIR": str(workplace.socket_dir),
            "OUTPUT_DIR": str(workplace.output_dir),
            "PYTHONPATH": _with_python_path(self.caller_dir),
        }
        try:
            return AgentProcess(self._command(), workplace, env=environment)
        except OSError as error:  # not a program after all: a wrong architecture, say
            raise AgentError(f"{self.words[0]!r} can't be started: {error.strerror}") from error

    def _command(self) -> list[str]:
        return [self._absolute(word) for word in self.words]

    def _absolute(self, word: str) -> str:
        # The first word without a slash is looked for on the PATH, as a shell does.
        if word == self.words[0] and "/" not in word:
            return word
        path = self.caller_dir / word
        return str(path) if word and not word.startswith("-") and path.exists() else word


def _with_python_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
