"""Plays the levels of an evaluation on the nodes of a Ray cluster.

A level's server and agent run together on one node. At the end, the node sends the level's files
back, so that the run folder has the same content as after a local run.
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
from arena.evaluation.level_result import read_level_result
from arena.evaluation.level_run import LevelLimits, LevelRun, LevelStopped
from arena.evaluation.output_files import regular_files
from arena.evaluation.results import LevelFailure, LevelResult
from arena.workers.remote_errors import ATTEMPTS, Outcome, OutcomeWorker, unwrap

POLL_SECONDS = 1.0
SECONDS_TO_STOP = 15.0  # time for a node to end its server and agent

LevelFiles = dict[str, bytes]  # by path relative to the level's folder


class ClusterLevelRun(LevelRun):
    """A level that is played on a node of the cluster.

    Call `arena.workers.ray_cluster.connect` first.
    """

    def play(self, stop: threading.Event) -> LevelResult:
        """Play the level to its end, on another node if the first one dies.

        Raises:
            LevelStopped: `stop` was set; everything this level started has ended.
            OSError: the run folder is not writable.
        """
        import ray

        if stop.is_set():
            raise LevelStopped
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("movies", "out"):  # a local run has these folders too, even if empty
            (self.folder / name).mkdir(parents=True)
        try:
            for _ in range(ATTEMPTS):  # a level whose node died is played again
                self.state, self.started, self.timesteps, self.returns = "waiting", None, 0, []
                try:
                    return self._play_on_a_node(ray, stop)
                except ray.exceptions.RayActorError:
                    continue
            reason = f"{ATTEMPTS} nodes of the cluster died while they played the level"
            failure = LevelFailure(reason, "")
            return read_level_result(self.level, self._run_dir, self.folder, failure)
        finally:
            self.state = "done"

    def _play_on_a_node(self, ray: Any, stop: threading.Event) -> LevelResult:
        actor_class = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=2)(_LevelActor)
        actor = actor_class.remote(self.level, self._agent, self._seed, self.limits)
        try:
            played = actor.play.remote()
            while not ray.wait([played], timeout=POLL_SECONDS)[0]:
                if stop.is_set():
                    actor.stop.remote()
                    ray.wait([played], timeout=SECONDS_TO_STOP)
                    raise LevelStopped
                self._read_progress(ray, actor)
            result, files = unwrap(ray.get(played))
            for name, content in files.items():
                path = self.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            assert isinstance(result, LevelResult)
            return result
        finally:
            ray.kill(actor)

    def _read_progress(self, ray: Any, actor: Any) -> None:
        progress = actor.progress.remote()
        if not ray.wait([progress], timeout=POLL_SECONDS)[0]:
            return  # the actor still waits for a node with a free CPU
        state, self.timesteps, self.returns = ray.get(progress)
        if state == "playing" and self.started is None:
            self.started = time.monotonic()
        self.state = state if state != "done" else "playing"


class _LevelActor:
    """Plays one level in a process on a node."""

    def __init__(self, level: Level, agent: Agent, seed: int | None, limits: LevelLimits) -> None:
        self._arguments = level, agent, seed, limits
        self._stop = threading.Event()
        self._run: LevelRun | None = None

    def play(self) -> Outcome:
        return OutcomeWorker(lambda: self._play)(None)

    def progress(self) -> tuple[str, int, list[float]]:
        if self._run is None:
            return "starting", 0, []
        return self._run.state, self._run.timesteps, self._run.returns

    def stop(self) -> None:
        self._stop.set()

    def _play(self, _: None) -> tuple[LevelResult, LevelFiles]:
        level, agent, seed, limits = self._arguments
        with tempfile.TemporaryDirectory(prefix="level-") as text:
            folder = Path(text)
            self._run = LevelRun(level, folder, agent, seed, limits)
            result = self._run.play(self._stop)
            files = {str(name): file.read() for name, file in regular_files(self._run.folder)}
        return result, files
