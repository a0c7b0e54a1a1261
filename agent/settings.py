"""The agent's settings: each is a flag and an environment variable, for containers get no flags.

How to play (the lock-in rule, which candidates come first) may also stand in the packed model's
`play.json`, which `local_eval.py tune --apply` writes: flags win over variables, variables over
that file, the file over the defaults here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

from agent import command_line
from agent.command_line import option
from agent.errors import UserError

SECONDS_TO_CONNECT = 600.0
CONTEST_STEPS = 1_000_000
RULES = ("first-above", "k-of-n", "best-of", "watched", "optimal")
RULES_WITHOUT_THRESHOLD = ("best-of", "optimal")
ORDERS = ("distribution", "mean-first")
PLAY = "play.json"


@dataclass(frozen=True)
class Settings:
    """Play the contest: connect to its socket, draw controllers, lock onto the first good one."""

    socket_dir: Path = option(
        "folder with the contest's socket `sock`", Path("tmp/sock"), env="SOCKET_DIR"
    )
    output_dir: Path = option(
        "folder for journal.jsonl; not writable: no journal", Path("out"), env="OUTPUT_DIR"
    )
    pretrained: Path = option("folder of the packed model", Path("pretrained"), env="PRETRAINED")
    lock_in_score: float = option(
        "the first candidate with an episode return above this plays all that remains",
        2000.0,
        env="LOCK_IN_SCORE",
    )
    learn: bool = option(
        "tell finished episodes back to CMA-ES after each full population", True, env="LEARN"
    )
    seed: int | None = option(
        "draw other candidates than the stored evolution state would, 1 or more", None, env="SEED"
    )
    connect_seconds: float = option(
        "how long to wait for the server's socket", SECONDS_TO_CONNECT, env="CONNECT_SECONDS"
    )
    lock_in_rule: str = option(
        "what locks a candidate in", RULES[0], env="LOCK_IN_RULE", choices=RULES
    )
    lock_in_tries: int = option("k-of-n: n, a candidate's tries", 3, env="LOCK_IN_TRIES")
    lock_in_successes: int = option(
        "k-of-n: k, how many of them are above the lock-in score", 2, env="LOCK_IN_SUCCESSES"
    )
    lock_in_candidates: int = option(
        "best-of: how many candidates play before the best stays", 16, env="LOCK_IN_CANDIDATES"
    )
    lock_in_watch: int = option(
        "watched: episodes after which a fluke may be unlocked", 5, env="LOCK_IN_WATCH"
    )
    lock_in_keep: float = option(
        "watched: a mean below this share of the lock-in score is a fluke",
        0.5,
        env="LOCK_IN_KEEP",
    )
    lock_in_prior_mean: float | None = option(
        "optimal: mean return of candidates, as pretraining knows it",
        None,
        env="LOCK_IN_PRIOR_MEAN",
    )
    lock_in_prior_spread: float | None = option(
        "optimal: standard deviation of their means", None, env="LOCK_IN_PRIOR_SPREAD"
    )
    lock_in_prior_luck: float | None = option(
        "optimal: standard deviation of a candidate's episodes", None, env="LOCK_IN_PRIOR_LUCK"
    )
    budget_steps: int = option(
        "optimal: timesteps that the contest grants", CONTEST_STEPS, env="BUDGET_STEPS"
    )
    candidate_order: str = option(
        "distribution: all candidates are drawn; mean-first: its mean, the hall of fame, draws",
        ORDERS[0],
        env="CANDIDATE_ORDER",
        choices=ORDERS,
    )
    switch_after_steps: int = option(
        "steps without progress after which other candidates play on from there; 0: none",
        0,
        env="SWITCH_AFTER_STEPS",
    )
    retrace: bool = option(
        "return along what worked on this level in earlier episodes, then explore from there",
        True,
        env="RETRACE",
    )
    repeats: int = option(
        "record: each candidate plays so many episodes by itself, none is locked in; 0: off",
        0,
        env="REPEATS",
    )

    def __post_init__(self) -> None:
        """Refuse values that can't work.

        Raises:
            UserError: a seed below 1 (pycma takes 0 for the clock), a threshold that is NaN, a
                count that the rule can't use.
        """
        if self.seed is not None and self.seed < 1:
            raise UserError(f"the seed is {self.seed}: give 1 or more")
        if self.lock_in_score != self.lock_in_score:
            raise UserError("the lock-in score is NaN: give a number")
        if not self.connect_seconds >= 0:
            raise UserError(f"seconds to connect are {self.connect_seconds}: give 0 or more")
        self._check_play()

    def _check_play(self) -> None:
        least = {"lock_in_tries": 1, "lock_in_successes": 1, "lock_in_candidates": 1}
        least |= {"lock_in_watch": 1, "budget_steps": 1, "switch_after_steps": 0, "repeats": 0}
        for name, minimum in least.items():
            if getattr(self, name) < minimum:
                words = name.replace("_", " ")
                raise UserError(f"{words} is {getattr(self, name)}: give {minimum} or more")
        if self.lock_in_successes > self.lock_in_tries:
            raise UserError(
                f"{self.lock_in_successes} successes in {self.lock_in_tries} tries can't be: give"
                " a lock-in-successes of lock-in-tries or less"
            )
        if not 0 <= self.lock_in_keep <= 1:
            raise UserError(f"the lock-in keep is {self.lock_in_keep}: give a share, 0 to 1")
        prior = (self.lock_in_prior_mean, self.lock_in_prior_spread, self.lock_in_prior_luck)
        known = [value for value in prior if value is not None]
        if len(known) not in (0, 3):
            raise UserError("of the prior's mean, spread and luck some are missing: give all three")
        if known and not (all(map(math.isfinite, known)) and min(known[1:]) >= 0):
            raise UserError(f"the prior {known} is not finite, or its deviations are below 0")


# What play.json may hold: how to play, and nothing of where and when.
PLAY_SETTINGS = (
    *("lock_in_rule", "lock_in_score", "lock_in_tries", "lock_in_successes"),
    *("lock_in_candidates", "lock_in_watch", "lock_in_keep", "lock_in_prior_mean"),
    *("lock_in_prior_spread", "lock_in_prior_luck", "learn", "candidate_order"),
    *("switch_after_steps", "retrace"),
)


def read_settings(
    argv: Sequence[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    pretrained: Path | None = None,
    prog: str = "python -m agent",
) -> Settings:
    """The settings of flags, environment and the packed model's play.json, in this order.

    Args:
        argv: the flags; None reads those of this process.
        environment: the variables; None reads those of this process.
        pretrained: the packed model's folder, in place of what flag and variable say.
        prog: the program's name in messages.

    Raises:
        UserError: a flag, a variable or an entry of play.json that can't be used.
    """
    if pretrained is None:
        pretrained = command_line.peek(Settings, "pretrained", argv, environment=environment)
    settings = command_line.parse(
        Settings, argv, prog=prog, environment=environment, defaults=read_play(pretrained)
    )
    return replace(settings, pretrained=pretrained)


def read_play(folder: Path) -> dict[str, Any]:
    """The settings in FOLDER/play.json; without that file, none.

    Raises:
        UserError: it can't be read, or holds what is no setting of play.
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
        raise UserError(f"{path} holds no object: remove it, or tune again")
    hints = get_type_hints(Settings)
    for name, value in values.items():
        if name not in PLAY_SETTINGS:
            raise UserError(f"{path}: {name[:60]!r} is no setting of play: remove it")
        kind = hints[name] if isinstance(hints[name], type) else float  # `float | None`
        if kind is float and type(value) is int:
            values[name] = float(value)
        elif type(value) is not kind:
            raise UserError(f"{path}: {name} is {value!r:.60}, not of type {kind.__name__}")
    choices = {"lock_in_rule": RULES, "candidate_order": ORDERS}
    for name, known in choices.items():
        if name in values and values[name] not in known:
            raise UserError(f"{path}: {name} is {values[name]!r:.60}, none of {', '.join(known)}")
    return values
