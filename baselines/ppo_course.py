"""PPO of the course of 2018, which trained one level with 13 environments.

`python -m baselines.ppo_course`
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.ppo import PpoSettings
from baselines.learning.ppo_program import program

SETTINGS = PpoSettings(frame_size=96, rollout_steps=2048, epochs=4, allow_backtracking=True)
main = program("ppo_course", "Play the course's PPO, scaled down to one environment.", SETTINGS)

if __name__ == "__main__":
    command_line.run(main)
