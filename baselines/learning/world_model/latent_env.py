"""Replaces the frames of a vector environment by what a world model makes of them, [z, h]."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from baselines.learning.world_model.frame_memory import FrameMemory
from baselines.learning.world_model.networks import JointWorldModel, reset


class LatentVecEnv(VecEnvWrapper):
    """Observations are [z, h], float32 (Z + H,).

    z is the mean of the frame's latent, h the output of the LSTM after the latents and actions of
    the episode so far, without this frame; h is 0 at the start of an episode.
    """

    def __init__(self, venv: VecEnv, model: JointWorldModel, memory: FrameMemory | None) -> None:
        """Wrap a vector environment with frames (S, S, 3) and discrete actions.

        Args:
            venv: the environment.
            model: the world model.
            memory: stores all frames and actions; None stores none.
        """
        size = model.latent + model.hidden
        super().__init__(venv, gym.spaces.Box(-np.inf, np.inf, (size,), np.float32))
        self._model, self._memory = model, memory
        self._state = model.lstm.initial(venv.num_envs)
        self._latents = torch.zeros(venv.num_envs, model.latent)

    def reset(self) -> NDArray[np.float32]:
        """Start an episode in each environment."""
        frames = self.venv.reset()
        assert isinstance(frames, np.ndarray)
        self._state = self._model.lstm.initial(self.num_envs)
        return self._observe(frames, np.ones(self.num_envs, bool))

    @torch.no_grad()
    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Begin a step; the LSTM advances while the emulators run."""
        self.venv.step_async(actions)
        if self._memory is not None:
            self._memory.add_actions(actions)
        self._state = self._model.lstm.step(self._latents, torch.from_numpy(actions), self._state)

    @torch.no_grad()
    def step_wait(
        self,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Finish a step."""
        frames, rewards, dones, infos = self.venv.step_wait()
        assert isinstance(frames, np.ndarray)
        for number in np.flatnonzero(dones):
            last = infos[number]["terminal_observation"]
            z = self._encode(last[None])[0]
            infos[number]["terminal_observation"] = torch.cat((z, self._state[0][number])).numpy()
        self._state = reset(self._state, torch.from_numpy(dones))
        return self._observe(frames, dones), rewards, dones, infos

    def _observe(self, frames: NDArray[np.uint8], starts: NDArray[np.bool_]) -> NDArray[np.float32]:
        if self._memory is not None:
            self._memory.add_frames(frames, starts, self._state)
        self._latents = self._encode(frames)
        return torch.cat((self._latents, self._state[0]), 1).numpy()

    @torch.no_grad()
    def _encode(self, frames: NDArray[np.uint8]) -> torch.Tensor:
        return self._model.vae.encode(torch.from_numpy(frames))[0]
