"""Training M: targets, cutting and padding of sequences, and bit-for-bit resumption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.world_model.packed_model import NETWORKS
from tests.helpers.datasets import same_arrays, write_dataset
from tests.helpers.small_models import TINY
from training import memory_trainer, train_memory, train_vision
from training.data.dataset import Dataset
from training.data.latents import Cut, Sequences, cut_episodes
from training.models.checkpoint import load_networks
from training.models.encode import LATENTS, encode_dataset
from training.models.evaluation import evaluate_memory
from training.models.networks import MDNLSTM, VAE
from training.models.untrained import random_networks
from training.models.weights import load_network
from training.pictures.dreams import dream
from training.runs.devices import choose_device
from training.runs.loop import take_step
from training.runs.resume import TrainingError
from training.runs.stages import MEMORY_WEIGHTS, VISION_WEIGHTS

MEMORY_OPTIONS = train_memory.Options(data="", vision=Path(), out=Path(), batch=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("memory") / "data")


@pytest.fixture(scope="module")
def vision(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("memory") / "vision"
    train_vision.main(
        ["--preset", "debug", "--threads", "1", "--steps", "1"]
        + ["--data", str(data), "--out", str(folder)]
    )
    return folder


@pytest.fixture(scope="module")
def finished(data: Path, vision: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the debug preset."""
    folder = tmp_path_factory.mktemp("memory") / "run"
    assert run(data, vision, folder) == 0
    return folder


def run(data: Path, vision: Path, folder: Path, *arguments: str) -> int:
    places = ["--data", str(data), "--vision", str(vision), "--out", str(folder)]
    return train_memory.main(["--preset", "debug", "--threads", "1", *places, *arguments])


@settings(max_examples=200)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(1, 12))
def test_each_target_is_the_next_step_of_the_same_episode(lengths: list[int], steps: int) -> None:
    """The latents encode episode and step; each step but the last is an input exactly once."""
    names = [(episode, step) for episode, n in enumerate(lengths) for step in range(n)]
    mu = torch.tensor(names, dtype=torch.float32)
    actions = (torch.arange(len(names))[:, None] * 3 + torch.arange(4)) % 256
    cuts = cut_episodes(lengths, steps)
    if not cuts:
        assert max(lengths) == 1
        return
    sequences = Sequences(mu, torch.zeros_like(mu), actions.to(torch.uint8), cuts)
    batch = sequences.batch(np.arange(len(cuts)), None)
    assert len(batch.latents) <= steps
    seen, targets = batch.latents[batch.mask], batch.targets[batch.mask]
    assert torch.equal(targets, seen + torch.tensor([0.0, 1.0]))  # same episode, next step
    expected = {(e, s) for e, s in names if s + 1 < lengths[e]}
    assert len(seen) == len(expected)
    assert {tuple(map(int, row)) for row in seen.tolist()} == expected
    starts = batch.latents[0]
    # The agent resets its memory at the same steps.
    assert torch.equal(starts[:, 1] % steps, torch.zeros(len(cuts)))
    number = {name: place for place, name in enumerate(names)}
    for row, action in zip(seen.tolist(), batch.actions[batch.mask].tolist(), strict=True):
        place = number[int(row[0]), int(row[1])]
        assert action == [(place * 3 + button) % 256 for button in range(4)]


def test_padding_is_masked_and_does_not_change_predictions() -> None:
    _, memory = random_networks(TINY)
    mu = torch.randn(12, TINY.latent, generator=torch.Generator().manual_seed(1))
    sequences = Sequences(
        mu, mu, torch.ones(12, 4, dtype=torch.uint8), [Cut(0, 9, 9), Cut(9, 12, 12)]
    )
    both, short = sequences.batch(np.array([0, 1]), None), sequences.batch(np.array([1]), None)
    assert both.latents.shape == (9, 2, TINY.latent) and short.latents.shape == (3, 1, TINY.latent)
    assert both.mask.sum(0).tolist() == [8, 2]
    padded, _ = memory(both.latents, both.actions)
    alone, _ = memory(short.latents, short.actions)
    torch.testing.assert_close(padded.mu[:2, 1], alone.mu[:2, 0])


def test_each_batch_samples_its_latents_with_the_stored_deviation() -> None:
    mu, log_variance = torch.full((5000, 1), 3.0), torch.full((5000, 1), -2.0)
    cuts = [Cut(0, 5000, 5000)]
    sequences = Sequences(mu, log_variance, torch.zeros(5000, 4, dtype=torch.uint8), cuts)
    generator = torch.Generator().manual_seed(1)
    first, second = (sequences.batch(np.array([0]), generator) for _ in range(2))
    assert not torch.equal(first.latents, second.latents)
    assert first.latents.std().item() == pytest.approx(np.exp(-1), rel=0.05)
    # A latent is drawn once, and used as input and as target.
    assert torch.equal(first.targets[:4999], first.latents[1:])
    assert sequences.usual_change().item() == pytest.approx(np.exp(-1) * 2**0.5, rel=0.05)


def test_training_learns_the_effect_of_the_actions(tmp_path: Path) -> None:
    """The latent is set by the last action: M must beat the no-change predictor."""
    generator = torch.Generator().manual_seed(1)
    actions = torch.randint(0, 2, (640, 4), generator=generator, dtype=torch.uint8)
    mu = torch.zeros(640, TINY.latent)
    mu[1:] = actions[:-1].float() * 2 - 1
    cuts = cut_episodes([20] * 32, 20)
    sequences = Sequences(mu, torch.full_like(mu, -4.0), actions, cuts)
    options = replace(MEMORY_OPTIONS, batch=16, learning_rate=0.02)
    torch.set_num_threads(1)
    trainer = memory_trainer.MemoryTrainer(
        options, MDNLSTM(replace(TINY, hidden=32)), sequences, sequences
    )
    for _ in range(150):
        take_step(tmp_path, trainer.state, trainer.losses)
    measured = trainer.evaluate()
    assert (
        measured["prediction_error_held_out"]
        < 0.3
        < 1.0
        < measured["prediction_error_no_change_held_out"]
    )
    assert measured["nll_held_out"] < measured["nll_no_change_held_out"] - 4


def test_training_learns_the_buttons_of_an_expert_with_memory(tmp_path: Path) -> None:
    """The expert repeats the last action, which only the hidden state of M holds."""
    generator = torch.Generator().manual_seed(1)
    actions = torch.randint(0, 2, (640, 4), generator=generator, dtype=torch.uint8)
    expert_action = torch.cat((torch.zeros_like(actions[:1]), actions[:-1]))
    expert_action[::20] = 255  # a sequence starts without a last action
    mu, cuts = torch.zeros(640, TINY.latent), cut_episodes([20] * 32, 20)
    sequences = Sequences(mu, torch.full_like(mu, -4.0), actions, cuts, expert_action)
    torch.set_num_threads(1)
    spec = replace(TINY, hidden=32)
    found = {}
    for weight in (0.0, 10.0):
        options = replace(MEMORY_OPTIONS, batch=16, learning_rate=0.02, expert_action_weight=weight)
        trainer = memory_trainer.MemoryTrainer(options, MDNLSTM(spec), sequences, sequences)
        for _ in range(100):
            take_step(tmp_path, trainer.state, trainer.losses)
        measured = trainer.evaluate()
        found[weight] = measured["expert_action_accuracy_held_out"]
        assert measured["expert_change_accuracy_held_out"] is None  # it never changes its action
    assert found[10.0] > 0.95 and found[0.0] < 0.5


def test_the_steps_in_which_the_expert_changes_its_action_are_measured_apart() -> None:
    """An M that predicts no button is right where the expert releases the last one."""
    actions = torch.tensor([[0, 0, 0, 1]] * 5 + [[0, 0, 0, 0]], dtype=torch.uint8)
    expert_action = actions.clone()
    expert_action[2] = torch.tensor([1, 0, 0, 1])  # begins a jump
    expert_action[3], expert_action[4] = 0, 255  # releases all; unknown
    mu, cuts = torch.zeros(6, TINY.latent), cut_episodes([6], 6)
    sequences = Sequences(mu, torch.full_like(mu, -4.0), actions, cuts, expert_action)
    memory = MDNLSTM(TINY)
    torch.nn.init.zeros_(memory.expert_action.weight)
    torch.nn.init.constant_(memory.expert_action.bias, -1.0)
    device = choose_device("cpu", None)
    measured = evaluate_memory(memory, sequences, torch.ones(TINY.latent), device)
    assert measured["expert_action_accuracy_held_out"] == pytest.approx(2 / 5)
    # Its first action, the jump, the release, and another release at the end count as changes.
    assert measured["expert_change_accuracy_held_out"] == pytest.approx(2 / 4)


def test_a_dream_depends_on_the_seed_and_the_temperature() -> None:
    _, memory = random_networks(TINY)
    latents, actions = torch.randn(3, TINY.latent), torch.ones(8, 4, dtype=torch.uint8)
    dreams = [
        dream(memory, latents, actions, heat, torch.Generator().manual_seed(seed))
        for heat, seed in ((1.0, 1), (1.0, 1), (1.0, 2), (1e-6, 1), (1e-6, 2))
    ]
    assert dreams[0].shape == (5, TINY.latent)
    assert torch.equal(dreams[0], dreams[1]) and not torch.equal(dreams[0], dreams[2])
    # Near temperature 0, dreams are deterministic.
    torch.testing.assert_close(dreams[3], dreams[4], atol=0.05, rtol=0)


def test_a_finished_run_holds_weights_measures_and_a_picture(finished: Path) -> None:
    result = json.loads((finished / "result.json").read_text())
    assert (result["stage"], result["steps"]) == ("train_memory", 4)
    measured = result["held_out"]
    assert set(measured) == {
        "nll_held_out",
        "nll_no_change_held_out",
        "prediction_error_held_out",
        "prediction_error_no_change_held_out",
        "expert_action_loss_held_out",
        "expert_action_accuracy_held_out",
        "expert_change_accuracy_held_out",
    }
    assert measured["expert_action_accuracy_held_out"] is None  # the dataset has no expert actions
    assert all(np.isfinite(value) for value in measured.values() if value is not None)
    picture = cv2.imread(str(finished / "dream.png"))
    assert picture.shape[0] == 4 * 2 * 66  # four rows
    assert load_network(finished / MEMORY_WEIGHTS, MDNLSTM).spec.hidden == 256


def test_a_resumed_run_equals_an_uninterrupted_one(
    data: Path, vision: Path, finished: Path, tmp_path: Path
) -> None:
    run(data, vision, tmp_path, "--steps", "2")
    assert not same_arrays(tmp_path / MEMORY_WEIGHTS, finished / MEMORY_WEIGHTS)
    run(data, vision, tmp_path)
    assert same_arrays(tmp_path / MEMORY_WEIGHTS, finished / MEMORY_WEIGHTS)
    newest = Path("checkpoints/00000004/arrays.safetensors")
    assert same_arrays(tmp_path / newest, finished / newest)


def test_a_run_can_start_from_the_weights_of_a_run(
    data: Path, vision: Path, finished: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    barely = ("--steps", "1", "--learning-rate", "1e-9")
    run(data, vision, started, *barely, "--start", str(finished))
    for name, tensor in load_network(finished / MEMORY_WEIGHTS, MDNLSTM).state_dict().items():
        ours = load_network(started / MEMORY_WEIGHTS, MDNLSTM).state_dict()[name]
        assert torch.allclose(ours, tensor, atol=1e-6), name
    with pytest.raises(
        TrainingError, match="is a run of 'train_vision'.*Use a run of train_memory"
    ):
        run(data, vision, tmp_path / "other", "--start", str(vision))
    assert not (tmp_path / "other").exists()


def test_a_run_can_start_from_a_packed_model(data: Path, vision: Path, tmp_path: Path) -> None:
    run(data, vision, tmp_path, "--steps", "1", "--learning-rate", "1e-9", "--start", "pretrained")
    ours = load_network(tmp_path / MEMORY_WEIGHTS, MDNLSTM).state_dict()
    for name, tensor in load_networks(Path("pretrained") / NETWORKS)[1].state_dict().items():
        assert torch.allclose(ours[name], tensor, atol=1e-6), name


def test_an_unfinished_or_altered_vision_is_refused(
    data: Path, vision: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="no finished run of train_vision"):
        run(data, tmp_path, tmp_path / "run")
    (tmp_path / "result.json").write_bytes((vision / "result.json").read_bytes())
    (tmp_path / VISION_WEIGHTS).write_bytes(b"other")
    with pytest.raises(TrainingError, match="is missing or was altered"):
        run(data, tmp_path, tmp_path / "run")


def test_the_latents_of_another_vision_are_refused(
    data: Path, vision: Path, finished: Path, tmp_path: Path
) -> None:
    (tmp_path / LATENTS).write_bytes((finished / LATENTS).read_bytes())
    vae = load_network(vision / VISION_WEIGHTS, VAE)
    with pytest.raises(TrainingError, match="latents of the V .* but --vision is 000000000000"):
        encode_dataset(tmp_path, Dataset(str(data)), vae, "0" * 64)
    (tmp_path / LATENTS).write_bytes((finished / LATENTS).read_bytes()[:-9])
    with pytest.raises(TrainingError, match="is damaged"):
        encode_dataset(tmp_path, Dataset(str(data)), vae, "0" * 64)
