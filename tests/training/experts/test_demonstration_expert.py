"""Demonstrations and the expert that follows them, on the real emulator."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.buttons import GENESIS_BUTTONS, to_genesis
from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select
from training import collect
from training.data.dataset import list_episodes
from training.experts.demonstration_expert import replay_demonstration
from training.experts.demonstrations import (
    Demonstration,
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
        _, expert = replay_demonstration(env, demonstration)
        assert expert is not None
        expert.start(0)
        env.reset(demonstration.state)
        total, done = 0.0, False
        while not done:
            action = expert.ask()
            buttons = np.zeros(4, np.uint8) if action is None else action
            _, reward, done, variables = env.step(to_genesis(buttons))
            expert.observe(buttons, variables)
            total += reward
    finally:
        env.close()
    assert total > 9000


def test_a_missing_or_foreign_recording_is_refused(tmp_path: Path) -> None:
    (level,) = select(MEADOW)
    with pytest.raises(DemonstrationError, match=re.escape(level.name)) as error:
        find_demonstration([tmp_path], level)
    assert str(tmp_path / level.game / level.state) in str(error.value)
    path = tmp_path / f"{level.game}-{level.state}-0003.bk2"
    shipped = (RECORDINGS / level.game / f"{level.state}.bk2").read_bytes()
    for broken in (b"", b"no recording", shipped[: len(shipped) // 2]):
        path.write_bytes(broken)
        with pytest.raises(DemonstrationError, match=re.escape(str(path))):
            find_demonstration([tmp_path], level)
    shutil.copy(RECORDINGS / "PangolinDashFinal-Genesis" / "SkylineZone.Act3.bk2", path)
    with pytest.raises(DemonstrationError, match=r"of 'PangolinDashFinal-Genesis', expected"):
        find_demonstration([tmp_path], level)
    env = ContestEnv(level, seed=1)
    try:
        foreign = read_demonstration(RECORDINGS / level.game / "LagoonZone.Act8.bk2")
        own = read_demonstration(find_demonstration([RECORDINGS], level))
        with pytest.raises(DemonstrationError, match=re.escape(level.name)):
            replay_demonstration(env, replace(own, frame_buttons=foreign.frame_buttons))
    finally:
        env.close()


RECORDER = """
import sys, numpy as np, stable_retro
env = stable_retro.make(
    "Airstriker-Genesis-v0", players=int(sys.argv[2]), render_mode="rgb_array",
    use_restricted_actions=stable_retro.Actions.ALL,
)
env.gamename = "Airstriker-Genesis"  # as in 2018
env.record_movie(sys.argv[1])
env.reset()
for frame in range(480):
    buttons = np.zeros(env.action_space.n, np.uint8)
    buttons[0] = frame // 4 % 2  # B fires
    buttons[6 + frame // 120 % 2] = 1
    env.step(buttons)
env.stop_record()
"""


def record_person(folder: Path, players: int = 1) -> Path:
    """Record Airstriker as a person in 2018 did."""
    path = folder / "human" / "Airstriker-Genesis" / "Airstriker-Genesis-Level1-0000.bk2"
    path.parent.mkdir(parents=True)
    command = [sys.executable, "-c", RECORDER, str(path), str(players)]
    subprocess.run(command, check=True, timeout=120)
    return path


def test_the_recording_of_a_person_is_collected_without_a_position(tmp_path: Path) -> None:
    record_person(tmp_path)
    data, folder = tmp_path / "data", str(tmp_path / "human")
    policies = ("--demonstrations", folder, "--policies", "demonstration,held", "--frames", "800")
    policies += ("--max-steps", "120")
    run(data, "--levels", "airstriker", *policies)
    played = {episode.policy: episode for episode in list_episodes(data)}
    by_person, by_policy = played["demonstration"], played["held"]
    assert by_person.steps == 120 and by_person.episode_return > 0
    # In Airstriker the person fires in every second step, and moves LEFT or RIGHT.
    assert by_person.actions()[:4].tolist() == [[0, 0, 1, 0], [1, 0, 1, 0]] * 2
    assert (by_person.expert_action() == by_person.actions()).all()
    assert (by_policy.expert_action() == 255).all()
    out = tmp_path / "none"
    with pytest.raises(UserError, match=r"perturbed needs .* Airstriker-Genesis-v0 has no .* x"):
        run(out, "--levels", "airstriker", "--demonstrations", folder, "--policies", "perturbed")
    assert not out.exists()


@pytest.mark.parametrize("button", ["A", "B", "C"])
def test_each_button_that_jumps_counts_as_b(button: str) -> None:
    held = np.zeros((8, 12), np.uint8)
    held[4:, GENESIS_BUTTONS.index(button)] = held[4:, GENESIS_BUTTONS.index("RIGHT")] = 1
    recorded = Demonstration(b"", held)
    assert recorded.action(0).tolist() == [0, 0, 0, 0]
    assert recorded.action(1).tolist() == [1, 0, 0, 1]
    assert recorded.buttons(1)[0].sum() == 2  # the replay presses what was recorded


def test_a_recording_of_two_players_is_refused(tmp_path: Path) -> None:
    (level,) = select("airstriker")
    path = record_person(tmp_path, players=2)
    assert find_demonstration([tmp_path], level) == path
    with pytest.raises(DemonstrationError, match="2 players: give a recording of one player"):
        read_demonstration(path)


def test_a_recording_ends_where_the_episode_ends(tmp_path: Path) -> None:
    """People play on after the end of the level, and with buttons that the filter changes."""
    (level,) = select(MEADOW)
    own = read_demonstration(find_demonstration([RECORDINGS], level))
    idle = np.zeros((400, 12), np.uint8)
    both = own.frame_buttons.copy()
    both[:, 10] = both[:, 0]  # X with B, which the contest's filter would turn into nothing
    env = ContestEnv(level, seed=1)
    try:
        longer = replace(own, frame_buttons=np.concatenate((both, idle)))
        played, expert = replay_demonstration(env, longer)
    finally:
        env.close()
    assert played.steps == own.steps and expert is not None
    assert [played.action(step).tolist() for step in range(own.steps - 1)] == [
        own.action(step).tolist() for step in range(own.steps - 1)
    ]


def test_a_recording_of_2018_is_found_without_the_version_in_its_name(tmp_path: Path) -> None:
    (level,) = select("airstriker")
    path = record_person(tmp_path)
    assert find_demonstration([tmp_path], level) == path
    path.rename(path.with_name("Airstriker-Genesis-Level11-0000.bk2"))
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
    assert episode.policy == "perturbed" and (episode.expert_action()[0] <= 3).all()
    (fresh / f"{level.state}.bk2").write_bytes(b"no recording")
    with pytest.raises(DemonstrationError, match=re.escape(str(fresh))):
        find_demonstration([others, fresh], level)
    with pytest.raises(DemonstrationError, match="--demonstrations ','"):
        run(data, "--levels", MEADOW, *policies, "--demonstrations", ",")
