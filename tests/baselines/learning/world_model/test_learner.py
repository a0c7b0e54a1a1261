"""The world model learns a toy world, comes back from its file, and stops when it diverges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from agent.errors import UserError
from baselines.learning.weights import load_training, load_weights, save_training, save_weights
from baselines.learning.world_model.learner import WorldModelLearner
from baselines.learning.world_model.loss import Sequences, joint_loss
from baselines.learning.world_model.networks import JointWorldModel
from tests.baselines.learning.world_model.test_loss import N_ACTIONS, SMALL, sequences, small_model

TOY = replace(SMALL, latent=8, filters=4, hidden=16, inverse_units=16)


def toy_play(model: JointWorldModel, random: torch.Generator) -> Sequences:
    """Return play in a world whose frame shows the last action, and nothing else."""
    steps, batch = 8, 8
    actions = torch.randint(4, (steps, batch), generator=random)
    frames = torch.zeros(steps + 1, batch, 16, 16, 3, dtype=torch.uint8)
    for action in range(4):
        rows = slice(4 * action, 4 * action + 4)
        frames[1:, :, rows] = (255 * (actions == action))[..., None, None, None].to(torch.uint8)
    starts = torch.zeros(steps + 1, batch, dtype=torch.bool)
    starts[0] = True
    return Sequences(frames, actions, starts, model.lstm.initial(batch))


def test_every_loss_falls_in_a_toy_world() -> None:
    torch.manual_seed(1)
    model = JointWorldModel(TOY, N_ACTIONS)
    learner, random = WorldModelLearner(model, 3e-3, 1), torch.Generator().manual_seed(1)
    held_out = toy_play(model, torch.Generator().manual_seed(2))
    with torch.no_grad():
        before = joint_loss(model, held_out).means()
    for _ in range(200):
        learner.update(toy_play(model, random), 0)
    with torch.no_grad():
        after = joint_loss(model, held_out).means()
    assert after["total"] < 0.5 * before["total"]
    assert after["reconstruction"] < 0.3 * before["reconstruction"]
    assert after["inverse"] < 0.3 * before["inverse"]  # the frame shows the action
    # The prediction of the next frame uses the action: with other actions it is worse.
    others = replace(held_out, actions=(held_out.actions + 1) % 4)
    with torch.no_grad():
        assert after["mdn"] < joint_loss(model, others).means()["mdn"] - 0.1


def test_it_comes_back_from_its_files_exactly(tmp_path: Path) -> None:
    one, other = (WorldModelLearner(small_model(seed), 1e-3, 1) for seed in (1, 2))
    batch = sequences(one.model)
    one.update(batch, 0)
    save_weights(one.model, tmp_path / "weights.safetensors")
    for learner in (one, other):  # the file has float16
        load_weights(learner.model, tmp_path / "weights.safetensors")
    assert torch.equal(joint_loss(one.model, batch).total, joint_loss(other.model, batch).total)
    save_training(one.model, one.adam, 5, 2.0, tmp_path / "training.safetensors")
    third = WorldModelLearner(small_model(3), 1e-3, 1)
    assert load_training(third.model, third.adam, tmp_path / "training.safetensors") == (5, 2.0)
    third._generator.set_state(one._generator.get_state())
    for learner in (one, third):
        learner.update(batch, 0)
    assert torch.equal(joint_loss(one.model, batch).total, joint_loss(third.model, batch).total)


def test_a_loss_that_is_not_finite_stops_before_the_update() -> None:
    learner = WorldModelLearner(small_model(), 1e-3, 1)
    with torch.no_grad():
        learner.model.lstm.output.bias.fill_(float("nan"))
    before = learner.model.vae.mu.weight.clone()
    with pytest.raises(
        UserError, match="training diverged.* 3,000 timesteps.* lower --world-model-rate"
    ):
        learner.update(sequences(learner.model), 3000)
    assert torch.equal(before, learner.model.vae.mu.weight)
