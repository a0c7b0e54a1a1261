"""Decoded views against torch: V's reconstructions and M's predictions, step by step."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from agent.world_model.packed_model import DECODER, EXPECTATION, PRESETS, PackedModelError, load
from agent.world_model.preprocess import preprocess
from agent.world_model.world_model import load_world_model
from arena.replay.decoded_views import DecodedViews
from tests.helpers.small_models import TINY, write_random_pretrained
from training.models.networks import MDNLSTM, VAE
from training.models.untrained import random_networks

# Sequences of three steps, so that a test of a few steps crosses their ends.
SHORT = replace(TINY, sequence_steps=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_pretrained(tmp_path_factory.mktemp("packed") / "short", spec=SHORT)


def some_play(steps: int) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    random = np.random.default_rng(1)
    frames = [random.integers(0, 256, (224, 320, 3), np.uint8) for _ in range(steps)]
    return frames, [random.integers(0, 2, 4, np.uint8) for _ in range(steps)]


def near(picture: NDArray[np.uint8], decoded: torch.Tensor) -> None:
    """Whether a picture equals torch's, except for the rounding to integers."""
    assert picture.dtype == np.uint8 and picture.shape == decoded.shape
    np.testing.assert_allclose(picture, decoded.numpy() * 255, atol=0.51)


@torch.no_grad()
def expectations(
    vae: VAE, memory: MDNLSTM, frames: Sequence[NDArray[np.uint8]], actions: Sequence[object]
) -> torch.Tensor:
    """The decoded mean of the mixture after each step of one sequence, (T, S, S, 3)."""
    small = torch.from_numpy(np.stack([preprocess(frame, vae.spec) for frame in frames]))
    mixture, _ = memory(vae.encode(small)[0][:, None], torch.from_numpy(np.stack(actions))[:, None])
    mean = (functional.softmax(mixture.logits, -1) * mixture.mu).sum(-1)[:, 0]
    return vae.decode(mean)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_reconstruction_is_what_torch_decodes(tmp_path: Path, preset: str) -> None:
    spec = PRESETS[preset]
    views = DecodedViews(write_random_pretrained(tmp_path / "packed", preset))
    vae, _ = random_networks(spec)
    frames, _ = some_play(2)
    for frame in frames:
        with torch.no_grad():
            mu, _ = vae.encode(torch.from_numpy(preprocess(frame, spec))[None])
            near(views.reconstruct(frame), vae.decode(mu)[0])
    near(views.decode(np.zeros(spec.latent, np.float32)), decoded_zero(vae))


@torch.no_grad()
def decoded_zero(vae: VAE) -> torch.Tensor:
    return vae.decode(torch.zeros(1, vae.spec.latent))[0]


def test_predictions_are_the_means_of_the_mixtures_until_a_sequence_ends(folder: Path) -> None:
    views = DecodedViews(folder)
    networks = random_networks(SHORT)
    frames, actions = some_play(5)
    # In play, M's state is reset after every three steps.
    expected = torch.cat(
        [expectations(*networks, frames[i:j], actions[i:j]) for i, j in ((0, 3), (3, 5))]
    )
    for frame, action, picture in zip(frames, actions, expected, strict=True):
        views.reconstruct(frame)
        near(views.predict(action), picture)
    views.reset()
    views.reconstruct(frames[0])
    near(views.predict(actions[0]), expected[0])


def test_step_equals_reconstruct_and_predict_without_decoding(folder: Path) -> None:
    shown, followed = DecodedViews(folder), DecodedViews(folder)
    frames, actions = some_play(5)
    for frame, action in zip(frames[:-1], actions[:-1], strict=True):
        shown.reconstruct(frame)
        shown.predict(action)
        followed.step(frame, action)
    np.testing.assert_array_equal(shown.reconstruct(frames[-1]), followed.reconstruct(frames[-1]))
    np.testing.assert_array_equal(shown.predict(actions[-1]), followed.predict(actions[-1]))


def test_a_dream_continues_from_the_predicted_latent(folder: Path) -> None:
    views = DecodedViews(folder)
    frames, actions = some_play(2)
    views.reconstruct(frames[0])
    dreamed = views.dream(actions[0])
    np.testing.assert_array_equal(dreamed, views.decode(views.latent))
    first = views.latent
    views.dream(actions[1])
    assert not np.array_equal(first, views.latent)


@pytest.mark.parametrize("name", [DECODER, EXPECTATION])
def test_a_model_without_its_decoder_plays_and_an_error_names_the_file(
    tmp_path: Path, name: str
) -> None:
    folder = write_random_pretrained(tmp_path / "packed", spec=TINY)
    (folder / name).unlink()
    load_world_model(load(folder))
    with pytest.raises(PackedModelError, match=rf"{name} is missing.*training\.pack") as error:
        DecodedViews(folder)
    assert "\n" not in str(error.value)


def test_a_truncated_decoder_is_named(tmp_path: Path) -> None:
    folder = write_random_pretrained(tmp_path / "packed", spec=TINY)
    whole = (folder / DECODER).read_bytes()
    (folder / DECODER).write_bytes(whole[:-1])
    with pytest.raises(PackedModelError, match=r"decoder\.onnx has"):
        load(folder)


def test_decoded_views_need_no_torch() -> None:
    code = "import arena.replay.decoded_views, sys; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "cv2", "stable_retro", "onnx"} & set(done.stdout.split())
