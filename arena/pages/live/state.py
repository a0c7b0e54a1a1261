"""Collects the live view's state of a level: numbers from its files, frames from its frame ring.

All of it is computed in the process that serves the page, and only while a page is open. The
level's server only writes its frames to the ring; the agent does nothing for the live view.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent import journal
from agent.buttons import GENESIS_BUTTONS, from_genesis
from agent.errors import ModelError
from agent.journal_reader import JournalFollower, lock_in_timesteps
from arena.evaluation.level_run import LevelRun
from arena.evaluation.score import level_score
from arena.replay.decoded_views import DecodedViews
from arena.server.frame_ring import FrameRingReader, Step

# M's state is zero this many steps before the shown frame: enough (a quarter of a second) for M to
# see how objects move.
WARM_UP_STEPS = 4
SHOWN_RETURNS = 80
JPEG_QUALITY = 85


class LevelObserver:
    """Collects the state of one level for the page."""

    def __init__(self, run: LevelRun, views: DecodedViews | None) -> None:
        """Prepare to observe a level.

        Args:
            run: the level's run.
            views: decoder of the agent's model; None: only the game's frame is shown.
        """
        self.run = run
        self._views = views
        self._journal = JournalProgress(run.folder / "out" / journal.FILE_NAME)
        self._ring: FrameRingReader | None = None
        self._last: dict[str, Any] | None = None

    def look(self) -> dict[str, Any]:
        """Return the level's state as JSON values, which the page's script shows.

        It also requests the next steps from the level's server, for the next call.
        """
        run = self.run
        now = self._now()
        self._journal.read()
        seconds = time.monotonic() - run.started if run.started else 0.0
        timesteps = run.limits.budget_steps if run.state == "done" else run.timesteps
        if now is not None:
            timesteps = now["timesteps"]
        return {
            "name": run.level.name,
            "game": run.level.game,
            "game_state": run.level.state,
            "state": run.state,
            "timesteps": timesteps,
            "budget_steps": run.limits.budget_steps,
            "steps_per_second": finite(timesteps / seconds) if now and seconds else None,
            "score": finite(level_score(run.returns)),
            "best": finite(max(run.returns, default=None)),
            "episodes": len(run.returns),
            "returns": [finite(value) for value in run.returns[-SHOWN_RETURNS:]],
            "candidates": self._journal.candidates,
            "locked_in_at": self._journal.locked_in_at,
            "locked_from": self._journal.locked_from,
            "now": now,
        }

    def close(self) -> None:
        """Close the frame ring."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _now(self) -> dict[str, Any] | None:
        if self.run.state != "playing" or self.run.frame_ring is None:
            self.close()
            return None
        if self._ring is None:
            self._ring = FrameRingReader(self.run.frame_ring)
        self._ring.request(WARM_UP_STEPS + 1)
        if self._last is not None and self._last["sequence"] == self._ring.newest():
            return self._last
        steps = self._ring.read(WARM_UP_STEPS + 1 if self._views else 1)
        self._last = self._step_state(steps) if steps else None
        return self._last

    def _step_state(self, steps: Sequence[Step]) -> dict[str, Any]:
        now, reconstruction, prediction = steps[-1], None, None
        if self._views is not None:
            # If the model's values are not finite, the agent itself reports this and ends.
            with contextlib.suppress(ModelError):
                reconstruction, prediction = decode_step(self._views, steps)
        return {
            "sequence": now.sequence,
            "timesteps": now.timesteps,
            "episode": now.episode,
            "episode_return": finite(now.episode_return),
            "buttons": pressed(now.buttons),
            "frame": encode_jpeg(now.frame),
            "reconstruction": None if reconstruction is None else encode_jpeg(reconstruction),
            "prediction": None if prediction is None else encode_jpeg(prediction),
        }


def decode_step(
    views: DecodedViews, steps: Sequence[Step]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Decode the world model's views of the last step.

    Args:
        views: decoder of the model; its state is reset first.
        steps: consecutive steps of one episode, at least one.

    Returns:
        V's reconstruction of the last frame, and M's prediction of that frame from the steps
        before; None if there are none.
    """
    views.reset()
    prediction = None
    for before, after in itertools.pairwise(steps):
        assert after.buttons is not None, "a reset within the episode"
        action = from_genesis(after.buttons)
        if after is steps[-1]:
            views.encode(before.frame)
            prediction = views.predict(action)
        else:
            views.step(before.frame, action)
    return views.reconstruct(steps[-1].frame), prediction


class JournalProgress:
    """Candidates and lock-in of a journal while the agent writes it.

    Attributes:
        candidates: number of candidates that have finished an episode; None without an episode.
        locked_in_at: timesteps used when the first locked-in episode began; None before the
            lock-in.
        locked_from: number of that episode, from 0.
    """

    def __init__(self, path: Path) -> None:
        self.candidates: int | None = None
        self.locked_from: int | None = None
        self.locked_in_at: int | None = None
        self._journal = JournalFollower(path)
        self._seen: set[int] = set()

    def read(self) -> None:
        """Read the episodes added since the last call."""
        episodes = self._journal.read()
        self._seen.update(entry.candidate for entry in episodes)
        self.candidates = len(self._seen) or None
        if self.locked_in_at is None:
            self.locked_in_at = lock_in_timesteps(episodes)
            locked = (entry.episode for entry in episodes if entry.locked)
            self.locked_from = next(locked, None)


def encode_jpeg(frame: NDArray[np.uint8]) -> str:
    """Encode a frame, uint8 (height, width, 3) RGB, as JPEG in base64."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)
    return base64.b64encode(data.tobytes()).decode("ascii")


def pressed(buttons: NDArray[np.uint8] | None) -> list[str]:
    """Return the names of the buttons held."""
    if buttons is None:
        return []
    return [name for name, down in zip(GENESIS_BUTTONS, buttons, strict=False) if down]


def finite(value: float | None) -> float | None:
    """Return a number that JSON can hold: None for NaN and infinities."""
    return value if value is not None and math.isfinite(value) else None
