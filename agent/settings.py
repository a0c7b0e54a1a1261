"""The agent's settings. Each is a flag and an environment variable: containers get no flags.

Settings of play (the lock-in rule, the order of candidates) may also come from the packed model's
`play.json`, which `local_eval.py tune --apply` writes. Flags take precedence over environment
variables, variables over that file, and that file over the defaults here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, COUNT_OR_ZERO, SECONDS_OR_ZERO, SEED, check_ranges
from agent.errors import UserError

SECONDS_TO_CONNECT = 600.0
CONTEST_STEPS = 1_000_000
RULES = ("first-above", "best-of")
RULES_WITHOUT_THRESHOLD = ("best-of",)
ORDERS = ("distribution", "mean-first")
PLAY = "play.json"
# Beside this package: in a checkout, in the image and in an installation alike.
PRETRAINED = Path(__file__).parents[1] / "pretrained"


@dataclass(frozen=True)
class Settings:
    """Connect to the contest's socket, draw controllers, and lock in one of them."""

    socket_dir: Path = option(
        "folder that contains the contest's socket `sock`", Path("tmp/sock"), env="SOCKET_DIR"
    )
    output_dir: Path = option(
        "folder for journal.jsonl; if it is not writable, no journal is written",
        Path("out"),
        env="OUTPUT_DIR",
    )
    pretrained: Path = option("folder of the packed model", PRETRAINED, env="PRETRAINED")
    lock_in_score: float = option(
        "threshold of first-above: an episode return above it locks the candidate in",
        2000.0,
        env="LOCK_IN_SCORE",
        within=(float("-inf"), float("inf")),
    )
    seed: int | None = option(
        "random seed of candidates and explorer, 1 or more [stored in the packed model]",
        None,
        env="SEED",
        within=SEED,
    )
    connect_seconds: float = option(
        "longest wait for the server's socket, in seconds",
        SECONDS_TO_CONNECT,
        env="CONNECT_SECONDS",
        within=SECONDS_OR_ZERO,
    )
    lock_in_rule: str = option(
        "rule that locks in one candidate for all remaining episodes",
        RULES[0],
        env="LOCK_IN_RULE",
        choices=RULES,
    )
    lock_in_candidates: int = option(
        "candidates of best-of: each plays one episode, then the best is locked in",
        16,
        env="LOCK_IN_CANDIDATES",
        within=COUNT,
    )
    candidate_order: str = option(
        "order of the candidates: all drawn (distribution), or the distribution's mean, then the"
        " hall of fame, then draws (mean-first)",
        ORDERS[0],
        env="CANDIDATE_ORDER",
        choices=ORDERS,
    )
    explore: bool = option(
        "return along trajectories of earlier episodes of this level, then explore from there",
        True,
        env="EXPLORE",
    )
    repeats: int = option(
        "episodes per candidate in a recording for the tuner, without explorer and lock-in; 0: no"
        " recording",
        0,
        env="REPEATS",
        within=COUNT_OR_ZERO,
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: a number is out of its range.
        """
        check_ranges(self)


# Settings that play.json may contain: those of play, without paths, seed and waiting time.
PLAY_SETTINGS = (
    "lock_in_rule",
    "lock_in_score",
    "lock_in_candidates",
    "candidate_order",
    "explore",
)


def read_settings(
    argv: Sequence[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    pretrained: Path | None = None,
    prog: str = "python -m agent",
) -> Settings:
    """Read the settings from flags, environment variables and the packed model's play.json.

    Args:
        argv: the flags; None reads those of this process.
        environment: the variables; None reads those of this process.
        pretrained: folder of the packed model; None reads it from the flag or the variable.
        prog: the program's name in messages.

    Raises:
        UserError: a flag, a variable or an entry of play.json is invalid.
    """
    if pretrained is None:
        pretrained = command_line.peek(Settings, "pretrained", argv, environment=environment)
    settings = command_line.parse(
        Settings, argv, prog=prog, environment=environment, defaults=read_play(pretrained)
    )
    return replace(settings, pretrained=pretrained)


def read_play(folder: Path) -> dict[str, Any]:
    """Read the settings in FOLDER/play.json; return {} if there is no such file.

    Raises:
        UserError: the file can't be read, or contains an invalid setting.
    """
    path = folder / PLAY
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:80]
        raise UserError(f"{path} can't be read ({reason}): remove it, or tune again") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} is not a JSON object: remove it, or tune again")
    return {name: _checked(path, name, value) for name, value in values.items()}


def _checked(path: Path, name: str, value: Any) -> Any:
    """Check one entry of play.json; an integer is accepted for a float.

    Raises:
        UserError: an unknown setting, or a value of another type or outside its choices.
    """
    if name not in PLAY_SETTINGS:
        known = ", ".join(PLAY_SETTINGS)
        raise UserError(f"{path}: {name[:60]!r} is not one of {known}: remove it")
    kind = get_type_hints(Settings)[name]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise UserError(
            f"{path}: {name} is {value!r:.60}, expected type {kind.__name__}: correct it"
        )
    choices = {"lock_in_rule": RULES, "candidate_order": ORDERS}.get(name)
    if choices and value not in choices:
        raise UserError(f"{path}: {name} is {value!r:.60}: use one of {', '.join(choices)}")
    return value
