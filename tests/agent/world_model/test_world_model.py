"""V and M together: order of calls, resets, and ONNX against torch on real frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agent.evolution.cma_es import Evolution
from agent.world_model.controller import Controller, n_parameters
from agent.world_model.memory import Memory
from agent.world_model.packed_model import PRESETS, ModelSpec, load
from agent.world_model.preprocess import preprocess
from agent.world_model.vision import Vision
from agent.world_model.world_model import WorldModel, load_world_model
from tests.helpers.small_models import TINY, real_frames, write_random_pretrained
from training.models.export import export_memory, export_vision
from training.models.networks import MDNLSTM, VAE
from training.models.untrained import random_networks


def exported(folder: Path, vae: VAE, memory: MDNLSTM) -> WorldModel:
    export_vision(vae, folder / "vision.onnx")
    export_memory(memory, folder / "memory.onnx")
    spec = vae.spec
    vision = Vision(folder / "vision.onnx", spec)
    return WorldModel(vision, Memory(folder / "memory.onnx", spec), spec)


def some_actions(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 2, (count, 4)).astype(np.uint8)


def torch_latents(vae: VAE, frames: NDArray[np.uint8]) -> torch.Tensor:
    """The reference's latents (T, Z) of frames (T, 224, 320, 3)."""
    small = np.stack([preprocess(frame, vae.spec) for frame in frames])
    with torch.no_grad():
        return torch.cat([vae.encode(part)[0] for part in torch.from_numpy(small).split(50)])


def test_features_are_z_and_the_state_of_the_steps_before(tmp_path: Path) -> None:
    vae, memory = random_networks(TINY)
    model = exported(tmp_path, vae, memory)
    frames, actions = real_frames()[:6], some_actions(6)
    latents = torch_latents(vae, frames)
    state = memory.initial(1)
    for frame, action, latent in zip(frames, actions, latents, strict=True):
        features = model.observe(frame)
        assert features.shape == (TINY.n_features,) and features.dtype == np.float32
        expected = torch.cat((latent, state[0][0], state[1][0])).numpy()
        np.testing.assert_allclose(features, expected, atol=1e-6)
        model.remember(action)
        with torch.no_grad():
            pressed = torch.from_numpy(action)[None, None]
            _, state = memory.unroll(latent[None, None], pressed, state)


def test_observing_keeps_the_state_and_reset_clears_it(tmp_path: Path) -> None:
    model = exported(tmp_path, *random_networks(TINY))
    frame = real_frames()[50]
    first = model.observe(frame)
    np.testing.assert_array_equal(model.observe(frame), first)
    model.remember(np.ones(4, np.uint8))
    later = model.observe(frame)
    assert later[TINY.latent :].any()
    np.testing.assert_array_equal(later[: TINY.latent], first[: TINY.latent])
    model.reset()
    np.testing.assert_array_equal(model.observe(frame), first)


def test_the_state_is_reset_after_a_training_sequence(tmp_path: Path) -> None:
    spec = replace(TINY, sequence_steps=7)
    vae, memory = random_networks(spec)
    model = exported(tmp_path, vae, memory)
    frames, actions = real_frames()[:30], some_actions(30)
    latents = torch_latents(vae, frames)
    hidden = []  # h before each step, in training: each sequence on its own, from zeros
    with torch.no_grad():
        for start in range(0, 30, 7):
            chunk, pressed = latents[start : start + 7], actions[start : start + 7]
            after, _ = memory.unroll(chunk[:, None], torch.from_numpy(pressed)[:, None])
            hidden += [torch.zeros(spec.hidden), *after[:-1, 0]]
    for step, (frame, action) in enumerate(zip(frames, actions, strict=True)):
        h = model.observe(frame)[spec.latent : spec.latent + spec.hidden]
        np.testing.assert_allclose(h, hidden[step].numpy(), atol=1e-6, err_msg=f"step {step}")
        assert bool(h.any()) == (step % 7 != 0)
        model.remember(action)


def test_reset_restarts_the_count_of_steps(tmp_path: Path) -> None:
    model = exported(tmp_path, *random_networks(replace(TINY, sequence_steps=5)))
    frame, action = real_frames()[0], np.ones(4, np.uint8)
    for _ in range(3):
        model.observe(frame)
        model.remember(action)
    model.reset()
    for _ in range(4):
        model.observe(frame)
        model.remember(action)
    assert model.observe(frame)[TINY.latent :].any()
    model.remember(action)
    assert not model.observe(frame)[TINY.latent :].any()


def lively(spec: ModelSpec) -> tuple[VAE, MDNLSTM]:
    """Random networks with larger weights, so that their states change as much as trained ones'."""
    vae, memory = random_networks(spec)
    with torch.no_grad():
        vae.mu.weight *= 10
        for parameter in memory.lstm.parameters():
            parameter *= 3
    return vae, memory


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_onnx_and_torch_agree_over_500_recurrent_steps(tmp_path: Path, preset: str) -> None:
    spec = replace(PRESETS[preset], sequence_steps=1000)  # no cut: errors may add up
    vae, memory = lively(spec)
    model = exported(tmp_path, vae, memory)
    evolution = Evolution(n_parameters(spec.n_features), 4, 0.5, seed=1)
    controllers = [Controller(candidate) for candidate in evolution.ask()]
    frames = real_frames()[:500]
    latents = torch_latents(vae, frames)
    state, worst, largest, flips = memory.initial(1), 0.0, 0.0, 0
    for frame, latent in zip(frames, latents, strict=True):
        features = model.observe(frame)
        exact = torch.cat((latent, state[0][0], state[1][0])).numpy()
        hidden = slice(spec.latent, spec.latent + spec.hidden)
        worst = max(worst, float(np.abs(features - exact)[hidden].max()))
        largest = max(largest, float(np.abs(exact[hidden]).max()))
        for controller in controllers:
            flips += int((controller.act(features) != controller.act(exact)).sum())
        action = controllers[0].act(exact)
        model.remember(action)
        with torch.no_grad():
            pressed = torch.from_numpy(action)[None, None]
            _, state = memory.unroll(latent[None, None], pressed, state)
    assert largest > 0.3, "the state hardly moves: this would prove nothing"
    assert worst < 1e-5
    assert flips == 0


def test_a_packed_model_loads_and_plays(tmp_path: Path) -> None:
    pretrained = load(write_random_pretrained(tmp_path / "tiny", spec=TINY))
    model = load_world_model(pretrained)
    controller = Controller(Evolution.load(pretrained.folder).mean)
    for frame in real_frames()[:3]:
        action = controller.act(model.observe(frame))
        assert action.tolist() == [0, 0, 0, 0]  # the mean starts at zero
        model.remember(action)
