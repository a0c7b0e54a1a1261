"""PPO2 of OpenAI's retro-baselines (Nichol et al. 2018): PPO from the first timestep on.

`python -m baselines.ppo2`
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.ppo import PpoSettings
from baselines.learning.ppo_program import program

SETTINGS = PpoSettings()
main = program(
    "ppo2", "Play PPO2, which learns from scratch or from pretrained weights (joint PPO).", SETTINGS
)

if __name__ == "__main__":
    command_line.run(main)
