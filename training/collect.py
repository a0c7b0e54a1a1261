"""Collects episodes through the contest's own frame skip, for V and M to learn from.

Every episode follows from the seed and its index alone: an interrupted collection goes on where
it was, on any number of workers.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from agent import command_line
from agent.buttons import to_genesis
from agent.command_line import option
from agent.errors import UserError
from agent.world_model.packed_model import load
from arena.environment.contest_env import FRAME_SKIP, MAX_STEPS, ContestEnv
from arena.environment.levels import Level, available, select
from arena.workers.ray_cluster import ADDRESS_HELP, EXECUTOR_HELP, EXECUTORS
from training.data.dataset import FPS, create_dataset, episode_path, list_episodes
from training.data.episode_writer import EpisodeWriter
from training.data.held_out import HELP, check_levels
from training.experts.expert import (
    FOLDERS_HELP,
    Expert,
    Recording,
    find_movie,
    follow,
    place_of,
    read_folders,
    read_movie,
)
from training.experts.packed_agent import PackedAgent
from training.experts.policies import (
    HELD_STEPS,
    Alone,
    FollowExpert,
    HeldButtons,
    Policy,
    Runner,
    Slowed,
    Turns,
)
from training.runs.executors import FREE, Executor, open_executor
from training.runs.progress import ProgressBar
from training.runs.resume import stopping_softly
from training.runs.run_folder import Metrics, stage_run, write_result

STAGE = "collect"
POLICIES = ("random", "held", "runner", "agent", "movie", "departure", "turns")
RECORDED = ("movie", "departure", "turns")  # these need a recording of every level
BEGUN_INSIDE = ("departure", "turns")  # and these begin anywhere on its way
INSIDE_STEPS = 400  # of an episode that begins on a recording's way, at most
RATES = (FPS, 2 * FPS, 4 * FPS)  # frames a second that can be stored; the last are all
SCREEN = (320, 224)

# frame seen, action, reward, done, the expert's expert_action, the player's place and all sprites there
Step = tuple[
    NDArray[np.uint8],
    NDArray[np.uint8],
    float,
    bool,
    NDArray[np.uint8] | None,
    tuple[int, int] | None,
    NDArray[np.bool_] | None,
]


@dataclass(frozen=True)
class Options:
    """Collect episodes into a dataset; the same command with more --frames appends to it."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "debug": {"frames": 400, "max_steps": 64},
        "full": {"frames": 1_000_000},
    }

    out: Path = option("folder of the dataset, and of the run that fills it")
    levels: str = option("level set, GAME:STATE or folder, separated by commas", "airstriker")
    frames: int = option("stop starting episodes once so many frames are stored", 40_000)
    policies: str = option(
        "who plays, drawn for each episode from this list (a name may stand twice): random "
        "(each button by a coin, each step), held (such a choice kept for a random while), runner "
        "(right with jumps, and back when stuck), agent, movie (the level's recording), departure "
        "(a part of it from a random place on, with what stickiness and random steps make of it), "
        "turns (from such a place on, the agent and the recording's expert by turns)",
        "random,held",
    )
    movies: str = option(FOLDERS_HELP, "game/movies")
    pretrained: Path = option(
        "the packed model that plays as `agent` and in `turns`", Path("pretrained")
    )
    max_steps: int = option(
        "steps of the contest (15 a second) after which an episode is cut; its limit", 4500
    )
    fps: int = option(
        f"frames stored of a second: {FPS} as the contest shows them, or 30 or 60, to compare; who "
        f"plays decides {FPS} times a second all the same. What follows a recording needs {FPS}",
        FPS,
    )
    workers: int = option("processes, one emulator and one thread each", 2)
    executor: str = option(EXECUTOR_HELP, "local", choices=EXECUTORS)
    ray_address: str | None = option(ADDRESS_HELP, None)
    seed: int = option("of stickiness and policies", 1)
    held_out: bool = option(HELP, False)


@dataclass(frozen=True)
class Task:
    """One episode to collect."""

    index: int
    level: Level
    policy: str
    seed: int


class Collector:
    """Plays episodes in a worker process and stores them."""

    def __init__(
        self,
        dataset: Path,
        pretrained: Path | None,
        movies: Sequence[Path] | None,
        max_steps: int,
        fps: int = FPS,
    ) -> None:
        """Load the agent, where one plays; `movies` are folders, where recordings are followed.

        Args:
            dataset: folder to store in.
            pretrained: packed model, if the agent plays.
            movies: folders of recordings, if they are followed.
            max_steps: of the contest, after which an episode is cut.
            fps: frames stored of a second, one of RATES.

        Raises:
            PackedModelError: the packed model can't be used.
        """
        self._dataset = dataset
        self._slowed = fps // FPS  # steps here to a step of the contest
        self._max_steps = max_steps * self._slowed
        self._frame_skip = FRAME_SKIP // self._slowed
        self._movies = movies
        self._experts: dict[str, tuple[Recording, Expert]] = {}
        self._agent = None if pretrained is None else PackedAgent(pretrained)

    def __call__(self, task: Task) -> dict[str, Any]:
        """Play and store an episode; return what metrics.jsonl says about it."""
        expert_and_recording = (
            None if self._movies is None else self._expert(self._movies, task.level)
        )
        # what comes before its first place is not part of the episode
        limit = MAX_STEPS if task.policy in BEGUN_INSIDE else self._max_steps
        env = ContestEnv(task.level, seed=task.seed, frame_skip=self._frame_skip, max_steps=limit)
        writer = EpisodeWriter(self._dataset, task.index)
        started = time.perf_counter()
        try:
            for step in self._play(env, task, expert_and_recording):
                writer.append(*step)
            episode = writer.commit(level=task.level.name, policy=task.policy, seed=task.seed)
        finally:
            writer.discard()
            env.close()
        return {
            "episode": task.index,
            "level": task.level.name,
            "policy": task.policy,
            "steps": episode.steps,
            "episode_return": episode.episode_return,
            "bytes": sum(episode.files.values()),
            "seconds": time.perf_counter() - started,
        }

    def _expert(self, movies: Sequence[Path], level: Level) -> tuple[Recording, Expert]:
        if level.name not in self._experts:
            recording = read_movie(find_movie(movies, level))
            env = ContestEnv(level, seed=1)
            try:
                self._experts[level.name] = recording, follow(env, recording)
            finally:
                env.close()
        return self._experts[level.name]

    def _play(
        self, env: ContestEnv, task: Task, expert_and_recording: tuple[Recording, Expert] | None
    ) -> Iterator[Step]:
        if expert_and_recording is None:
            policy = Slowed(self._policy(task), self._slowed)
            return _play(env, env.reset(), policy, None, self._max_steps)
        recording, expert = expert_and_recording
        expert.start(0)
        frame = env.reset(recording.state)
        if task.policy == "movie":
            return _replay(env, frame, recording)
        if task.policy in BEGUN_INSIDE:
            random = np.random.default_rng((task.seed, 2))
            begin = int(random.integers(recording.steps - 1))
            for number in range(begin):
                frame, _, _, _ = env.play_frames(recording.step(number))
            expert.start(begin)
            steps = min(INSIDE_STEPS, self._max_steps)
            return _play(env, frame, self._policy(task), expert, steps)
        return _play(env, frame, self._policy(task), expert, self._max_steps)

    def _policy(self, task: Task) -> Policy:
        random = np.random.default_rng((task.seed, 1))
        match task.policy:
            case "departure":
                return FollowExpert(random)
            case "runner":
                return Runner(random)
            case "agent":
                return Alone(self._player(task))
            case "turns":
                return Turns(random, self._player(task))
        return HeldButtons(random, 1 if task.policy == "random" else HELD_STEPS)

    def _player(self, task: Task) -> PackedAgent:
        assert self._agent is not None
        self._agent.start(task.seed)
        return self._agent


def _play(
    env: ContestEnv, frame: NDArray[np.uint8], policy: Policy, expert: Expert | None, steps: int
) -> Iterator[Step]:
    """Let a policy play from where the environment stands, at most `steps` steps."""
    reward, done = 0.0, False
    place: NDArray[np.float32] | None = None
    player: tuple[int, int] | None = None
    sprites = env.sprites()
    while not done and steps:
        expert_action = None if expert is None else expert.advise(place)
        action = policy(frame, reward, expert_action)
        seen, seen_at = frame, (player, sprites)
        frame, reward, done, variables = env.step(to_genesis(action))
        yield seen, action, reward, done, expert_action, *seen_at
        player, sprites = _on_screen(variables), env.sprites()
        place = None if expert is None else place_of(variables)
        steps -= 1


def _replay(env: ContestEnv, frame: NDArray[np.uint8], recording: Recording) -> Iterator[Step]:
    """Play a recording as it is, from the level's start."""
    player: tuple[int, int] | None = None
    sprites = env.sprites()
    for number in range(recording.steps):
        action = recording.action(number)
        seen, seen_at = frame, (player, sprites)
        frame, reward, done, variables = env.play_frames(recording.step(number))
        yield seen, action, reward, done, action, *seen_at
        if done:
            return
        player, sprites = _on_screen(variables), env.sprites()


def _on_screen(variables: Mapping[str, Any]) -> tuple[int, int] | None:
    """The player's place on the screen, where the game's variables tell the camera's."""
    if "camera_x" not in variables or "camera_y" not in variables:
        return None
    x = int(variables["x"]) - int(variables["camera_x"])
    y = int(variables["y"]) - int(variables["camera_y"])
    return (x, y) if 0 <= x < SCREEN[0] and 0 <= y < SCREEN[1] else None


def task_of(index: int, levels: Sequence[Level], policies: Sequence[str], seed: int) -> Task:
    """The episode of an index: every level once, in another order each round."""
    rounds, place = divmod(index, len(levels))
    level = levels[np.random.default_rng((seed, 2, rounds)).permutation(len(levels))[place]]
    random = np.random.default_rng((seed, 3, index))
    policy = policies[int(random.integers(len(policies)))]
    return Task(index, level, policy, seed=int(random.integers(1, 1 << 31)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m training.collect")
    levels, policies = select(options.levels), read_policies(options.policies)
    _check(options, policies)
    check_levels([level.name for level in levels], options.held_out)
    for level in levels:
        available(level)
    movies = read_folders(options.movies) if set(policies) & set(RECORDED) else None
    if movies is not None:
        for level in levels:
            read_movie(find_movie(movies, level))
    pretrained = options.pretrained if {"agent", "turns"} & set(policies) else None
    if pretrained is not None:
        load(pretrained)  # a mistake is said here, before any process starts
    with stage_run(STAGE, options, free=("frames", *FREE, "held_out")) as folder:
        create_dataset(folder, options.fps)
        make = functools.partial(
            Collector,
            folder.absolute(),
            pretrained and pretrained.absolute(),
            movies and tuple(path.absolute() for path in movies),
            options.max_steps,
            options.fps,
        )
        workers = open_executor(options.executor, make, options.workers, options.ray_address)
        with workers as pool, stopping_softly() as stop:
            _collect(pool, options, levels, policies, lambda: stop.requested)
        _finish(folder)
    return 0


def _check(options: Options, policies: Sequence[str]) -> None:
    if options.frames < 1 or options.max_steps < 1:
        raise UserError(f"{options.frames} frames, {options.max_steps} steps: give 1 or more")
    if options.fps not in RATES:
        raise UserError(f"--fps is {options.fps}: give one of {', '.join(map(str, RATES))}")
    if options.fps != FPS and set(policies) & set(RECORDED):
        raise UserError(
            f"--fps {options.fps} with {' or '.join(sorted(set(policies) & set(RECORDED)))}: "
            f"recordings are followed {FPS} times a second; leave one of both out"
        )


def read_policies(text: str) -> list[str]:
    """The list of policies that an option names.

    Raises:
        UserError: an unknown one, or none.
    """
    policies = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [policy for policy in policies if policy not in POLICIES]
    if unknown or not policies:
        raise UserError(f"--policies {text!r}: give some of {', '.join(POLICIES)}")
    return policies


def _collect(
    pool: Executor[Task, dict[str, Any]],
    options: Options,
    levels: Sequence[Level],
    policies: Sequence[str],
    stopped: Callable[[], bool],
) -> None:
    frames = sum(episode.steps for episode in list_episodes(options.out))

    def tasks() -> Iterator[Task]:
        index = 0
        while frames < options.frames and not stopped():
            if not episode_path(options.out, index).exists():
                yield task_of(index, levels, policies, options.seed)
            index += 1

    metrics = Metrics(options.out, frames)
    try:
        with ProgressBar("frames", options.frames, frames) as progress:
            for task, episode in pool.run(tasks()):
                frames += episode["steps"]
                metrics.log(frames, **episode)
                progress.update(frames, f"episode {task.index}")
    finally:
        metrics.close()


def _finish(folder: Path) -> None:
    episodes = list_episodes(folder)
    frames = sum(episode.steps for episode in episodes)
    stored = sum(sum(episode.files.values()) for episode in episodes)
    write_result(
        folder,
        STAGE,
        [],
        frames=frames,
        episodes=len(episodes),
        bytes_per_frame=stored / frames,
        mean_return=float(np.mean([episode.episode_return for episode in episodes])),
    )
    print(f"{folder}: {len(episodes)} episodes, {frames} frames, {stored / frames:.0f} bytes each")


if __name__ == "__main__":
    command_line.run(main)
