"""PPO on a joint world model, with or without curiosity: `python -m baselines.joint_world_model`.

Source: wassname's world-models-sonic-pytorch, 2018, which scored 2,337 in the contest. A VAE, an
MDN-LSTM and an inverse model are trained with one loss by `python -m baselines.pretrain
joint_world_model`; then PPO acts on the VAE's latent and the LSTM's output.
"""

from __future__ import annotations

from agent import command_line
from baselines.learning.world_model.options import JointWorldModelOptions
from baselines.playing import play_level


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(
        JointWorldModelOptions, prog=f"python -m baselines.{JointWorldModelOptions.agent}"
    )
    # Loads torch, which --help does not need.
    from baselines.learning.world_model.ppo import play_joint_world_model

    play_level(options, lambda env: play_joint_world_model(options, env))


if __name__ == "__main__":
    command_line.run(main)
