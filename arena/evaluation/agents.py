"""The agents that can be evaluated: the project's own, and any program that speaks gym_remote.

Container images are in `arena.evaluation.containers`, and the project's baselines in
`arena.evaluation.baseline_agents`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol

from agent.files import sha256
from agent.settings import PLAY_SETTINGS, Settings, read_settings
from agent.world_model.packed_model import load
from arena.evaluation.agent_process import AgentError, AgentProcess, WorkingDirectory
from arena.evaluation.run_folder import PROJECT_DIR

COMPATIBILITY = PROJECT_DIR / "agent" / "compatibility"
OURS = "ours"


@dataclass(frozen=True)
class AgentOptions:
    """Options of a run that an agent may read; the contest's container got none of them.

    Attributes:
        budget_steps: budget in timesteps, resets included.
        seed: the agent's random seed.
        lock_in: lock-in score.
        lock_in_rule: name of the lock-in rule.
        repeats: episodes per candidate, with no lock-in, to record a run for the tuner.

    With None, the agent uses its own value.
    """

    budget_steps: int
    seed: int | None
    lock_in: float | None
    lock_in_rule: str | None = None
    repeats: int | None = None

    def environment(self) -> dict[str, str]:
        """Environment variables for an agent of another project; None sets no variable."""
        values = {
            "BUDGET_STEPS": self.budget_steps,
            "SEED": self.seed,
            "LOCK_IN_SCORE": self.lock_in,
            "LOCK_IN_RULE": self.lock_in_rule,
            "REPEATS": self.repeats,
        }
        return {name: str(value) for name, value in values.items() if value is not None}

    def describe(self) -> dict[str, Any]:
        """The options that change the score, for run.json."""
        values = {"seed": self.seed, "lock_in_score": self.lock_in}
        more = {"lock_in_rule": self.lock_in_rule, "repeats": self.repeats}
        return values | {name: value for name, value in more.items() if value is not None}


class RunningAgent(Protocol):
    """A started agent, such as an `AgentProcess`."""

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""

    def wait(self, seconds: float) -> int | None:
        """Wait for the exit code; None if the agent still runs after these seconds."""

    def stop(self) -> None:
        """End the agent and everything it started."""

    def trim_logs(self) -> None:
        """Cut a log file that exceeds its limit down to its end."""


class Agent(Protocol):
    """An agent that an evaluation can start."""

    @property
    def name(self) -> str:
        """The agent's name in a few words."""

    def check(self) -> None:
        """Raise a UserError if the agent can't be started. Nothing is started."""

    def describe(self) -> dict[str, Any]:
        """What distinguishes this agent from others, for run.json; no environment variables."""

    def start(self, directory: WorkingDirectory) -> RunningAgent:
        """Start the agent; its server already listens."""


@dataclass(frozen=True)
class LocalAgent:
    """The project's own agent, `python -m agent`; environment variables carry its settings."""

    settings: Settings

    @classmethod
    def configure(
        cls, environment: Mapping[str, str], pretrained: Path | None, options: AgentOptions
    ) -> LocalAgent:
        """Read the agent's settings as the agent does, and replace those that the options give.

        Args:
            environment: environment variables.
            pretrained: folder of the packed model; None for the agent's default.
            options: options of the run.

        Raises:
            UserError: a variable of the agent has an invalid value.
        """
        settings = read_settings([], environment=environment, pretrained=pretrained, prog="agent")
        given: dict[str, Any] = {
            "seed": options.seed,
            "lock_in_score": options.lock_in,
            "lock_in_rule": options.lock_in_rule,
            "repeats": options.repeats,
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
            "games": load(self.settings.pretrained).manifest["games"],
            "seed": self.settings.seed,
            **{name: getattr(self.settings, name) for name in (*PLAY_SETTINGS, "repeats")},
        }

    def start(self, directory: WorkingDirectory) -> AgentProcess:
        settings = replace(
            self.settings, socket_dir=directory.socket_dir, output_dir=directory.output_dir
        )
        values = {
            field.metadata["env"]: getattr(settings, field.name)
            for field in fields(settings)
            if field.metadata["env"]
        }
        environment = {
            **os.environ,
            # An empty variable counts as unset: a variable of the caller must not replace a
            # setting that is None here.
            **{name: "" if value is None else str(value) for name, value in values.items()},
            "PYTHONPATH": python_path(PROJECT_DIR),
        }
        return AgentProcess([sys.executable, "-m", "agent"], directory, environment)


@dataclass(frozen=True)
class CommandAgent:
    """Any program that speaks gym_remote, started without a shell in its working directory.

    The socket is where it was in the contest (`tmp/sock` under the working directory). The
    environment contains SOCKET_DIR, OUTPUT_DIR, BUDGET_STEPS and, when given, SEED, LOCK_IN_SCORE,
    LOCK_IN_RULE and REPEATS. The working directory differs from the caller's: words, values of
    `--option=value` and PRETRAINED are made absolute if they name an existing file or folder, and
    so is PYTHONPATH. A Python script imports from its own folder, as always; any other command
    also imports from the caller's directory.
    Agents of 2018 find the module `gym_remote` (`agent.compatibility`).
    """

    words: tuple[str, ...]
    options: AgentOptions
    caller_dir: Path

    @classmethod
    def parse(cls, text: str, options: AgentOptions) -> CommandAgent:
        """Split a command line as a shell would, without running one.

        Raises:
            AgentError: a quote is not closed, or the command is empty.
        """
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise AgentError(f"--agent-command {text!r} can't be split: {error}") from error
        if not words:
            raise AgentError("--agent-command is empty: give a program and its arguments")
        return cls(words, options, Path.cwd())

    @property
    def name(self) -> str:
        return Path(self._script() or self.words[0]).stem or "command"

    def check(self) -> None:
        """Raise an AgentError if the program, or the file of its Python script, does not exist."""
        program = self._command()[0]
        if shutil.which(program) is None:
            problem = "is not executable" if Path(program).exists() else "was not found"
            raise AgentError(
                f"--agent-command: {self.words[0]!r} {problem}: give a program, for example"
                f' "{sys.executable} my_agent.py"'
            )
        script = self._script()
        if script.endswith(".py") and not (self.caller_dir / script).exists():
            raise AgentError(f"--agent-command: {script!r} was not found in {self.caller_dir}")

    def describe(self) -> dict[str, Any]:
        return {"kind": "command", "command": self._command(), **self.options.describe()}

    def start(self, directory: WorkingDirectory) -> AgentProcess:
        (directory.folder / "out").symlink_to(directory.output_dir)
        environment = {
            **os.environ,
            **self.options.environment(),
            "SOCKET_DIR": str(directory.socket_dir),
            "OUTPUT_DIR": str(directory.output_dir),
            "PYTHONPATH": python_path(*self._import_dirs(), last=COMPATIBILITY),
        }
        if "PRETRAINED" in environment:
            environment["PRETRAINED"] = self._absolute(environment["PRETRAINED"])
        try:
            return AgentProcess(self._command(), directory, environment)
        except OSError as error:  # for example a program for another architecture
            raise AgentError(f"{self.words[0]!r} can't be started: {error.strerror}") from error

    def _script(self) -> str:
        """The first argument that is not an option; "" if there is none."""
        return next((word for word in self.words[1:] if not word.startswith("-")), "")

    def _import_dirs(self) -> tuple[Path, ...]:
        # `python -m my_agent` imports from the caller's directory, but a script does not. If this
        # project is there, its `baselines` would hide the script's package of the same name.
        return () if self._script().endswith(".py") else (self.caller_dir,)

    def _command(self) -> list[str]:
        return [self._absolute(word) for word in self.words]

    def _absolute(self, word: str) -> str:
        # A first word without a slash is looked up on the PATH, as a shell does.
        if word == self.words[0] and "/" not in word:
            return word
        option, equals, value = word.rpartition("=") if word.startswith("-") else ("", "", word)
        path = self.caller_dir / value
        return f"{option}{equals}{path}" if value and path.exists() else word


def python_path(*first: Path, last: Path | None = None) -> str:
    """Return the PYTHONPATH of an agent: `first`, the caller's with absolute paths, and `last`."""
    callers = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    folders = [*map(str, first), *map(os.path.abspath, callers), str(last or "")]
    return os.pathsep.join(filter(None, folders))
