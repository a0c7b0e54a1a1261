"""Every shipped level can be finished: its movie reaches the end post."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from game import shipped
from game.cartridge.states import check_states
from game.format import MAX_ROM_BYTES
from game.levels.routes import read_routes

ROOT = Path(shipped.__file__).parent.parent
GAMES = shipped.level_specs()
# One level of each zone; the slow test plays all of them.
SAMPLE = {shipped.FINAL_GAME: ["SkylineZone.Act2"], shipped.GAME: [
    "MeadowZone.Act3", "CanyonZone.Act6", "CavernZone.Act1", "GlacierZone.Act2", "FoundryZone.Act8",
    "LagoonZone.Act4"]}  # fmt: skip


def verify(game: str, *levels: str) -> str:
    """Play movies in a separate process, because a process can hold only one emulator."""
    command = [sys.executable, "-m", "game.shipped", "--verify", "--game", game]
    command += ["--levels", ",".join(levels)] if levels else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("game", GAMES)
def test_a_movie_of_each_zone_reaches_the_end_post(game: str) -> None:
    assert f"{len(SAMPLE[game])} movies reach the end post" in verify(game, *SAMPLE[game])


@pytest.mark.slow
@pytest.mark.parametrize("game", GAMES)
def test_every_movie_reaches_the_end_post(game: str) -> None:
    assert f"{len(GAMES[game])} movies reach the end post" in verify(game)


@pytest.mark.parametrize("game", GAMES)
def test_a_game_is_complete(game: str) -> None:
    names = [spec.name for spec in GAMES[game]]
    folder = shipped.INTEGRATIONS / game
    assert sorted(path.stem for path in folder.glob("*.state")) == sorted(names)
    assert list(read_routes(folder)) == names
    assert sorted(p.stem for p in (shipped.MOVIES / game).glob("*.bk2")) == sorted(names)
    assert (folder / "rom.md").stat().st_size <= MAX_ROM_BYTES
    check_states(folder)


def test_roms_and_states_together_are_small() -> None:
    files = [path for path in shipped.INTEGRATIONS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 3_000_000
