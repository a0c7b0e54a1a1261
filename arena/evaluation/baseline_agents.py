"""The baselines that come with the project, as agents that can be evaluated."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from agent.command_line.extras import check_extra
from agent.files import sha256
from arena.evaluation.agent_process import AgentError, AgentProcess, WorkingDirectory
from arena.evaluation.agents import OURS, AgentOptions, python_path
from arena.evaluation.run_folder import PROJECT_DIR
from arena.evaluation.shipped_weights import shipped_weights

# Name of the module in `baselines` -> what the agent does. Such a program plays through gym_remote;
# its settings are the environment variables of `AgentOptions`.
BASELINES = {
    "random": "presses B, DOWN, LEFT and RIGHT at random",
    "right": "holds RIGHT",
    "jerk": "JERK: runs right with random jumps, and repeats its best episode",
    "jerk_mutating": "JERK by gardenermike: repeats its best episode with mutations",
    "ppo2": "PPO2 of OpenAI's baselines, which learns while it plays",
    "aborghi": "aborghi's PPO, third in the contest, from random weights",
    "rainbow": "Rainbow of OpenAI's baselines, one update per four timesteps (scaled down)",
    "ppo_course": "PPO of a course about the contest, with one environment instead of 13",
    "a2c_course": "A2C of the same course: its PPO without clipping",
    "joint_world_model": "PPO on a world model of all training levels, by wassname (scaled down)",
    "joint_world_model_curious": "joint_world_model with a reward for curiosity (scaled down)",
    "hybrid": "gardenermike's hybrid: mutating JERK, pretrained PPO2, and a memory of frames",
    "es": "evolution strategies on the last layer of pretrained PPO2, by gardenermike",
    "ppo2_pretrained": "joint PPO: ppo2 from weights of all training levels (scaled down)",
    "aborghi_pretrained": "aborghi from weights of all training levels (scaled down)",
    "rainbow_pretrained": "rainbow from weights and frames of all training levels (scaled down)",
}
# Module and arguments of the agents that are a module with other arguments.
ARGUMENTS = {
    "joint_world_model": ("joint_world_model", "--weights", "pretrained"),
    "joint_world_model_curious": ("joint_world_model", "--weights", "pretrained", "--curiosity"),
    "ppo2_pretrained": ("ppo2", "--weights", "pretrained"),
    "aborghi_pretrained": ("aborghi", "--weights", "pretrained"),
    # The exponent is gardenermike's.
    "rainbow_pretrained": ("rainbow", "--weights", "pretrained", "--priority-exponent", "0.2"),
}
# They need the weights of PPO2 that come with the project.
NEED_PPO2 = ("hybrid", "es")
LEARNING = (
    "ppo2",
    "aborghi",
    "rainbow",
    "ppo_course",
    "a2c_course",
    "joint_world_model",
    "hybrid",
    "es",
)  # they need the extra `baselines`


@dataclass(frozen=True)
class BaselineAgent:
    """An agent of `BASELINES`, started with the Python of this process."""

    name: str
    options: AgentOptions

    def check(self) -> None:
        if self.name not in BASELINES:
            known = ", ".join((OURS, *BASELINES))
            raise AgentError(f"there is no agent {self.name!r}: use one of {known}")
        if self._argv[0] in LEARNING:
            check_extra("baselines")
        if self._weights is not None:
            shipped_weights(self._weights)

    @property
    def _argv(self) -> tuple[str, ...]:
        return ARGUMENTS.get(self.name, (self.name,))

    @property
    def _weights(self) -> str | None:
        """Name of the shipped weights that the agent begins with."""
        module, *arguments = self._argv
        if module in NEED_PPO2:
            return "ppo2"
        return module if "pretrained" in arguments else None

    def describe(self) -> dict[str, Any]:
        described = {"kind": "baseline", "baseline": self.name, **self.options.describe()}
        if self._weights is not None:
            described["weights"] = sha256(shipped_weights(self._weights))
        return described

    def start(self, directory: WorkingDirectory) -> AgentProcess:
        environment = {
            **os.environ,
            "SEED": "",  # an empty variable counts as unset
            **self.options.environment(),
            "SOCKET_DIR": str(directory.socket_dir),
            "OUTPUT_DIR": str(directory.output_dir),
            "PYTHONPATH": python_path(PROJECT_DIR),
        }
        module, *arguments = self._argv
        command = [sys.executable, "-m", f"baselines.{module}", *arguments]
        return AgentProcess(command, directory, environment)
