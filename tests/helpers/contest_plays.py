"""Synthetic scores of two levels and a tiny packed model, for tests of the contest's scores."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from arena.environment.levels import Level
from arena.evaluation.level_run import LevelStopped
from benchmarks.scores.contest_players import AGENTS, OURS
from benchmarks.scores.contest_plays import ContestPlays, Play
from tests.helpers.small_models import TINY, write_random_pretrained

GAME = "PangolinDash-Genesis"
LEVELS = [f"{GAME}:MeadowZone.Act3", f"{GAME}:CanyonZone.Act3"]
IDENTITIES = {name: {"agent": name, "model": "abcdef0123456789"} for name in AGENTS}
JERK = "JERK"
SETUP = {"commit": "1234567"}


def opened(path: Path = Path("missing.json"), **changed: Any) -> ContestPlays:
    known = {**IDENTITIES, **{name: {**IDENTITIES[name], **changed} for name in OURS}}
    return ContestPlays.open(path, known, {GAME: "rom1"}, LEVELS, SETUP)


def add(
    results: ContestPlays,
    agent: str,
    rows: Sequence[Sequence[Sequence[float]]],
    steps: int = 1000,
    length: int = 100,
) -> None:
    """Add plays: level -> seed -> returns."""
    for level, seeds in zip(LEVELS, rows, strict=False):
        for seed, returns in enumerate(seeds, 1):
            play = Play(list(returns), [length] * len(returns), steps, steps / 50)
            results.add(results.key(steps, agent, level, seed), play)


@lru_cache
def tiny_model(seed: int) -> Path:
    """A packed model, written once for all tests, which copy it."""
    folder = Path(tempfile.mkdtemp(prefix="tiny-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_random_pretrained(folder, seed=seed, spec=TINY)


def packed(folder: Path, seed: int = 1) -> Path:
    return shutil.copytree(tiny_model(seed), folder, dirs_exist_ok=True)


def playing(play: Callable[[Any, Level, int], Play]) -> Callable[..., Play]:
    """Return a replacement of `contest_measure.play_level`: `play(agent, level, budget_steps)`.

    If `play` raises KeyboardInterrupt, the process gets Ctrl-C during this play.
    """

    def play_level(
        agent: Any,
        level: Level,
        budget_steps: int,
        seed: int,
        folder: Path,
        stop: threading.Event,
    ) -> Play:
        try:
            return play(agent, level, budget_steps)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.wait(60)
            raise LevelStopped from None

    return play_level
