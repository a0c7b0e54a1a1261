"""What a session can serve, and the channels by which the client sees it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.gym_remote.channels import Channel


class ServedEnvironment(Protocol):
    """What a session can serve: a `ContestEnv`, or a fake game in a test."""

    n_buttons: int
    observation_shape: tuple[int, ...]

    def reset(self) -> NDArray[np.uint8]: ...

    def step(self, buttons: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, bool, Any]: ...


def channels_of(env: ServedEnvironment) -> dict[str, Channel]:
    """Return the channels, in the order and with the annotations of OpenAI's server."""
    shape = tuple(env.observation_shape)
    buttons = {"n": str(env.n_buttons), "type": "MultiBinary"}
    box = {"type": "Box", "shape": str(shape)}
    return {
        "ac": Channel("ac", "int_fold", folds=(2,) * env.n_buttons, annotations=buttons),
        "ob": Channel("ob", "np", shape, np.dtype(np.uint8), annotations=box),
        "reward": Channel("reward", "float"),
        "done": Channel("done", "bool"),
        "reset": Channel("reset", "bool"),
    }
