"""Demonstrations and the expert that follows them, on the real emulator."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.buttons import to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from training import collect
from training.data.dataset import list_episodes
from training.experts.demonstration_expert import make_expert, position_of
from training.experts.demonstrations import (
    DemonstrationError,
    find_demonstration,
    read_demonstration,
)

MEADOW = "PangolinDash-Genesis:MeadowZone.Act1"
RECORDINGS = Path("game/movies")


def run(folder: Path, *arguments: str) -> int:
    return collect.main(["--out", str(folder), "--max-steps", "30", "--workers", "1", *arguments])


def test_an_expert_completes_its_level_under_sticky_actions() -> None:
    """Replaying the demonstration would fail in most levels."""
    (level,) = select(MEADOW)
    env = ContestEnv(level, seed=1)
    try:
        demonstration = read_demonstration(find_demonstration([RECORDINGS], level))
        expert = make_expert(env, demonstration)
        expert.start(0)
        env.reset(demonstration.state)
        total, done, position = 0.0, False, None
        while not done:
            action = expert.action_at(position)
            buttons = np.zeros(4, np.uint8) if action is None else action
            _, reward, done, variables = env.step(to_genesis(buttons))
            position, total = position_of(variables), total + reward
    finally:
        env.close()
    assert total > 9000


def test_a_missing_or_foreign_recording_is_refused(tmp_path: Path) -> None:
    (level,) = select(MEADOW)
    with pytest.raises(DemonstrationError, match=re.escape(level.name)) as error:
        find_demonstration([tmp_path], level)
    assert str(tmp_path / level.game / level.state) in str(error.value)
    (tmp_path / f"{level.game}-{level.state}-0003.bk2").write_bytes(b"no recording")
    path = find_demonstration([tmp_path], level)
    with pytest.raises(DemonstrationError, match=re.escape(str(path))):
        read_demonstration(path)
    env = ContestEnv(level, seed=1)
    try:
        foreign = read_demonstration(RECORDINGS / level.game / "LagoonZone.Act8.bk2")
        own = read_demonstration(find_demonstration([RECORDINGS], level))
        with pytest.raises(DemonstrationError, match=re.escape(level.name)):
            make_expert(env, replace(own, frame_buttons=foreign.frame_buttons))
    finally:
        env.close()


def test_a_recording_of_2018_is_found_without_the_version_in_its_name(tmp_path: Path) -> None:
    (level,) = select("SonicTheHedgehog-Genesis-v0:GreenHillZone.Act1")
    name = "SonicTheHedgehog-Genesis"  # the folders and files of OpenAI's retro-movies
    path = tmp_path / "human" / name / "contest" / f"{name}-GreenHillZone.Act1-0000.bk2"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert find_demonstration([tmp_path], level) == path
    path.rename(path.with_name(f"{name}-GreenHillZone.Act11-0000.bk2"))
    with pytest.raises(DemonstrationError, match=re.escape(level.name)):
        find_demonstration([tmp_path], level)


def test_recordings_of_a_fresh_build_are_found_by_their_game(tmp_path: Path) -> None:
    (level,) = select(MEADOW)
    fresh, others, shipped = tmp_path / "fresh", tmp_path / "others", RECORDINGS / level.game
    for folder in (fresh, others):
        folder.mkdir()
    (foreign,) = (RECORDINGS / "PangolinDashFinal-Genesis").glob("SkylineZone.Act3.bk2")
    shutil.copy(foreign, others / f"{level.state}.bk2")  # the same name, but of another game
    shutil.copy(shipped / f"{level.state}.bk2", fresh)
    assert find_demonstration([others, fresh], level) == fresh / f"{level.state}.bk2"
    assert find_demonstration([others, RECORDINGS, fresh], level).parent == shipped
    with pytest.raises(DemonstrationError, match=re.escape(level.name)):
        find_demonstration([others], level)
    data, folders = tmp_path / "data", f"{others}, {fresh}"
    policies = ("--policies", "perturbed", "--frames", "1")
    run(data, "--levels", MEADOW, *policies, "--demonstrations", folders)
    (episode,) = list_episodes(data)
    assert episode.policy == "perturbed" and (episode.expert_action()[0] <= 1).all()
    (fresh / f"{level.state}.bk2").write_bytes(b"no recording")
    with pytest.raises(DemonstrationError, match=re.escape(str(fresh))):
        find_demonstration([others, fresh], level)
    with pytest.raises(DemonstrationError, match="--demonstrations ','"):
        run(data, "--levels", MEADOW, *policies, "--demonstrations", ",")
