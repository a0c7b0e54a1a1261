"""Plays the levels of an evaluation on the nodes of a Ray cluster.

A level's server and agent run together on one node, which sends the level's files when it has
ended: the run folder looks as it does after a local run.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from arena.environment.levels import Level
from arena.evaluation.agents import Agent
from arena.evaluation.level_run import LevelRun, Limits, Stopped
from arena.evaluation.results import LevelError, LevelResult
from arena.workers.remote_errors import Answer, Answering, opened

ATTEMPTS = 3  # of a level whose node died
POLL_SECONDS = 1.0
SECONDS_TO_STOP = 15.0  # for a node to end its server and agent

Files = dict[str, bytes]  # by path relative to the level's folder
Played = tuple[LevelResult, Files]


class ClusterLevelRun(LevelRun):
    """A level that is played on a node; its progress is asked for.

    See `arena.workers.ray_cluster.connect`.
    """

    def play(self, stop: threading.Event) -> LevelResult:
        """Play the level to its end, on another node if the first one dies.

        Raises:
            Stopped: `stop` was set; everything this level started has ended.
            OSError: the run folder can't be written.
        """
        import ray

        if stop.is_set():
            raise Stopped
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("movies", "out"):  # there in a local run too, even when they stay empty
            (self.folder / name).mkdir(parents=True)
        try:
            for _ in range(ATTEMPTS):
                self.state, self.started, self.timesteps, self.returns = "waiting", None, 0, []
                try:
                    return self._play_on_a_node(ray, stop)
                except ray.exceptions.RayActorError:
                    continue
            return self._result(LevelError(f"{ATTEMPTS} nodes of the cluster died under it", ""))
        finally:
            self.state = "done"

    def _play_on_a_node(self, ray: Any, stop: threading.Event) -> LevelResult:
        actor_class = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(_Node)
        actor = actor_class.remote(self.level, self._agent, self._seed, self.limits)
        try:
            played = actor.play.remote()
            while not ray.wait([played], timeout=POLL_SECONDS)[0]:
                if stop.is_set():
                    actor.stop.remote()
                    ray.wait([played], timeout=SECONDS_TO_STOP)
                    raise Stopped
                self._ask(ray, actor)
            result, files = opened(ray.get(played))
            for name, content in files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            assert isinstance(result, LevelResult)
            return result
        finally:
            ray.kill(actor)

    def _ask(self, ray: Any, actor: Any) -> None:
        asked = actor.progress.remote()
        if not ray.wait([asked], timeout=POLL_SECONDS)[0]:
            return  # it waits for a node with a free CPU
        state, self.timesteps, self.returns = ray.get(asked)
        if state == "playing" and self.started is None:
            self.started = time.monotonic()
        self.state = state if state != "done" else "playing"


class _Node:
    """A level's process on a node."""

    def __init__(self, level: Level, agent: Agent, seed: int | None, limits: Limits) -> None:
        self._order = level, agent, seed, limits
        self._stop = threading.Event()
        self._run: LevelRun | None = None

    def play(self) -> Answer:
        return Answering(lambda: self._play)(None)

    def progress(self) -> tuple[str, int, list[float]]:
        if self._run is None:
            return "starting", 0, []
        return self._run.state, self._run.timesteps, self._run.returns

    def stop(self) -> None:
        self._stop.set()

    def _play(self, _: None) -> Played:
        level, agent, seed, limits = self._order
        with tempfile.TemporaryDirectory(prefix="level-") as text:
            folder = Path(text)
            self._run = LevelRun(level, folder, agent, seed, limits)
            result = self._run.play(self._stop)
            files = {
                str(path.relative_to(self._run.folder)): path.read_bytes()
                for path in sorted(self._run.folder.rglob("*"))
                if path.is_file()
            }
        return result, files
