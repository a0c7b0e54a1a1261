"""Flags, environment variables, presets and the one-line error."""

from __future__ import annotations

import errno
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from agent.command_line import option, parse, run
from agent.errors import UserError


@dataclass(frozen=True)
class Options:
    """Options of the test."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {"debug": {"steps": 3}, "full": {}}

    level: str = option("which level", positional=True)
    steps: int = option("how many steps", 100, env="STEPS")
    score: float | None = option("score to beat", None, env="SCORE")
    fast: bool = option("play fast", True, env="FAST")
    out: Path = option("folder", Path("out"))
    mode: str = option("how", "fast", choices=("fast", "slow"), env="MODE")
    workers: int | None = option("number of workers [one per core]", None, group="Other")
    show: bool = option("show it", False, group="Other")
    word: str = option("a word", "", group="Other")


def test_defaults_flags_and_variables() -> None:
    assert parse(Options, ["a"], environment={}) == Options(
        "a", 100, None, True, Path("out"), "fast"
    )
    environment = {"STEPS": "7", "SCORE": "1.5", "FAST": "no", "MODE": "slow"}
    assert parse(Options, ["a"], environment=environment) == Options(
        "a", 7, 1.5, False, Path("out"), "slow"
    )


def test_a_flag_wins_over_the_variable_and_the_variable_over_the_preset() -> None:
    environment = {"STEPS": "7"}
    assert parse(Options, ["a", "--steps", "9"], environment=environment).steps == 9
    assert parse(Options, ["a", "--preset", "debug"], environment=environment).steps == 7
    assert parse(Options, ["a", "--preset", "debug"], environment={}).steps == 3
    assert parse(Options, ["a", "--no-fast"], environment={"FAST": "1"}).fast is False


def test_an_empty_variable_counts_as_unset() -> None:
    assert parse(Options, ["a"], environment={"STEPS": "", "SCORE": ""}).steps == 100


@pytest.mark.parametrize(
    ("argv", "environment", "words"),
    [
        ([], {}, "LEVEL"),
        (["a", "--stepz", "1"], {}, "--stepz 1: did you mean --steps?"),
        (["a", "--stepz=1"], {}, "did you mean --steps?"),
        (["a", "--quiet"], {}, "arguments: --quiet .see"),
        (["a", "--step", "1"], {}, "--step"),
        (["a", "--steps", "many"], {}, "many"),
        (["a", "--mode", "odd"], {}, "odd"),
        (["a", "--preset", "huge"], {}, "huge"),
        (["a"], {"STEPS": "many"}, "STEPS='many'"),
        (["a"], {"FAST": "perhaps"}, "FAST='perhaps'"),
        (["a"], {"MODE": "odd"}, "MODE='odd'"),
    ],
)
def test_a_mistake_is_named(argv: list[str], environment: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse(Options, argv, environment=environment)


def test_help_names_every_option_and_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(Options, ["--help"], environment={})
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    for line in (
        "[options] LEVEL\n",
        "Options of the test.\n",
        "--steps INT           how many steps (default: 100; variable: STEPS)",
        "--score FLOAT         score to beat (variable: SCORE)",
        "--fast, --no-fast     play fast (default: yes; variable: FAST)",
        "--workers INT         number of workers (default: one per core)",
        "--show                show it\n",
        "--word STR            a word\n",
    ):
        assert line in shown
    assert shown.index("\nOther:\n") < shown.index("--workers")
    assert "default: False" not in shown and "default: None" not in shown


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("no such level"), 2, "error: no such level"),
        (KeyboardInterrupt(), 130, "interr"),
        (OSError(errno.EROFS, "read-only", "/there"), 2, "error: /there: read-only"),
        (OSError(errno.ENOSPC, "no space", "/there"), 2, "error: /there: no space"),
    ],
)
def test_run_turns_errors_into_a_line_and_a_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as stop:
        run(main)
    assert stop.value.code == code
    printed = capsys.readouterr().err
    assert printed.startswith(line)
    assert printed.count("\n") == 1


def test_an_error_that_no_user_can_mend_keeps_its_traceback() -> None:
    def main() -> None:
        raise OSError(errno.EBADF, "bad file descriptor")

    with pytest.raises(OSError, match="bad file descriptor"):
        run(main)


def test_a_closed_output_pipe_is_not_an_error() -> None:
    code = "from agent.command_line import run; run(lambda: print('x\\n' * 200000))"
    command = f'{sys.executable} -c "{code}" | head -n 1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "x\n", "")


@dataclass(frozen=True)
class Several:
    """Takes files."""

    files: tuple[Path, ...] = option("some files", positional=True)
    flag: bool = option("a flag", False)


def test_a_positional_option_takes_several_values() -> None:
    files = (Path("a"), Path("b"))
    assert parse(Several, ["a", "b", "--flag"], environment={}) == Several(files, True)
    assert parse(Several, ["a"], environment={}) == Several((Path("a"),))
    with pytest.raises(UserError, match="FILES"):
        parse(Several, [], environment={})
