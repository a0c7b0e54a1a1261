"""The policy sees the mean latent and the LSTM's output, which starts anew with each episode."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from baselines.learning.world_model.frame_memory import FrameMemory
from baselines.learning.world_model.latent_env import LatentVecEnv
from baselines.learning.world_model.ppo import ACTIONS, wrap_frames
from tests.baselines.learning.test_contest_wrappers import Scripted
from tests.baselines.learning.world_model.test_loss import SMALL, small_model


class Numbered(gym.Env[Any, Any]):
    """Episodes of three steps, of which the last is cut; each frame has its number's colour."""

    observation_space = gym.spaces.Box(0, 255, (16, 16, 3), np.uint8)
    action_space = gym.spaces.Discrete(10)

    def __init__(self) -> None:
        self._number = -1

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        self._left = 3
        return self._frame(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._left -= 1
        return self._frame(), 1.0, False, self._left == 0, {}

    def _frame(self) -> np.ndarray:
        self._number += 1
        return np.full((16, 16, 3), 20 * self._number, np.uint8)


@torch.no_grad()
def test_observations_are_the_latent_and_the_memory_of_the_episode() -> None:
    model, memory = small_model(), FrameMemory(8, 1, 16, SMALL.hidden)
    env = LatentVecEnv(DummyVecEnv([Numbered]), model, memory)
    frames = torch.arange(5)[:, None, None, None].mul(20).to(torch.uint8).expand(5, 16, 16, 3)
    latents = model.vae.encode(frames)[0]
    h, c = model.lstm.initial(1)
    found = env.reset()
    assert found.shape == (1, 7) and found.dtype == np.float32
    for step, action in enumerate((2, 4, 6)):
        expected = torch.cat((latents[step], h[0])).numpy()
        assert np.allclose(found[0], expected, atol=1e-5)
        h, c = model.lstm.step(latents[step : step + 1], torch.tensor([action]), (h, c))
        found, _, dones, infos = env.step(np.array([action]))
    assert bool(dones[0]) and infos[0]["TimeLimit.truncated"]
    # The last frame, number 3, still belongs to the first episode; frame 4 starts the next one.
    last = torch.cat((latents[3], h[0])).numpy()
    assert np.allclose(infos[0]["terminal_observation"], last, atol=1e-5)
    assert np.allclose(found[0], torch.cat((latents[4], torch.zeros(4))).numpy(), atol=1e-5)
    stored = memory.last(3, 3)
    assert stored.actions[:, 0].tolist() == [2, 4, 6]
    assert stored.frames[:, 0, 0, 0, 0].tolist() == [0, 20, 40, 80]
    assert stored.starts[:, 0].tolist() == [True, False, False, True]


def test_the_ten_actions_and_the_reward_are_the_sources() -> None:
    names = ["B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z"]
    pressed = [{names[i] for i in np.flatnonzero(action)} for action in ACTIONS]
    assert pressed == [
        *(set(), {"LEFT"}, {"RIGHT"}, {"LEFT", "DOWN"}, {"RIGHT", "DOWN"}, {"DOWN"}),
        *({"DOWN", "B"}, {"B"}, {"LEFT", "B"}, {"RIGHT", "B"}),
    ]
    env = wrap_frames(Scripted([20.0, -4.0]), 16)
    frame, _ = env.reset()
    assert frame.shape == (16, 16, 3) and frame.dtype == np.uint8
    assert [env.step(2)[1] for _ in range(2)] == [0.1, -0.02]
