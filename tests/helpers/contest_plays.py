"""Synthetic scores of two levels and a tiny packed model, for tests of the contest's scores."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from arena.environment.levels import Level
from arena.evaluation.agents import LocalAgent
from benchmarks.scores.contest_players import AGENTS, OURS
from benchmarks.scores.contest_plays import ContestPlays, Play
from tests.helpers.small_models import TINY, write_random_pretrained

GAME = "PangolinDash-Genesis"
LEVELS = [f"{GAME}:MeadowZone.Act3", f"{GAME}:CanyonZone.Act3"]
IDENTITIES = {name: {"agent": name, "model": "abcdef0123456789"} for name in AGENTS}
JERK = "JERK"


def opened(path: Path = Path("missing.json"), **changed: Any) -> ContestPlays:
    known = {**IDENTITIES, **{name: {**IDENTITIES[name], **changed} for name in OURS}}
    return ContestPlays.open(path, known, {GAME: "rom1"}, LEVELS)


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


def playing(play: Callable[[LocalAgent, Level], Play]) -> Callable[..., None]:
    """Return a replacement of `contest_measure.play_ours` that calls `play` for each level."""

    def play_ours(
        agent: LocalAgent,
        budget_steps: int,
        levels: Sequence[Level],
        folder: Path,
        workers: int,
        console: Any,
        note: Callable[[str, Play], None],
    ) -> None:
        for level in levels:
            note(level.name, play(agent, level))

    return play_ours
