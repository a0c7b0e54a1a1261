"""Aborghi's agent, third in the contest: PPO with separable convolutions; going back costs nothing.

`python -m baselines.aborghi`
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.ppo import PpoSettings
from baselines.learning.ppo_program import program

SETTINGS = PpoSettings(
    frame_size=96,
    minibatches=4,
    epochs=4,
    learning_rate=7.5e-5,
    allow_backtracking=True,
    separable=True,
)
main = program("aborghi", "Play aborghi's PPO.", SETTINGS)

if __name__ == "__main__":
    command_line.run(main)
