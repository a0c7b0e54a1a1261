"""The preprocessing, pixel for pixel, and the encoder as an ONNX network."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from agent.errors import ModelError
from agent.world_model.packed_model import PRESETS, PackedModelError
from agent.world_model.preprocess import preprocess
from agent.world_model.vision import Vision
from tests.helpers.small_models import TINY, real_frames
from training.models.export import export_vision
from training.models.untrained import random_networks

SIZES = [(224, 320), (224, 256), (240, 320), (223, 321), (200, 333), (128, 128), (480, 640)]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("size", [*SIZES, (96, 100), (31, 17)])
@pytest.mark.parametrize("target", [128, 64, 100])
def test_nearest_is_opencvs_bit_for_bit(size: tuple[int, int], target: int) -> None:
    spec = replace(PRESETS["original2018"], frame_size=target)
    frame = noise(*size, 3)
    expected = cv2.resize(frame, (target, target), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(preprocess(frame, spec), expected)


def test_nearest_of_real_frames_equals_opencv_bit_for_bit() -> None:
    for frame in real_frames()[::25]:
        expected = cv2.resize(frame, (128, 128), interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(preprocess(frame, PRESETS["original2018"]), expected)


def test_area_of_a_contest_frame_equals_opencv() -> None:
    frames = [noise(224, 320, 3), np.full((224, 320, 3), 255, np.uint8), *real_frames()[::25]]
    for frame in frames:
        expected = cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(preprocess(frame, PRESETS["compact"]), expected)


@pytest.mark.parametrize("size", SIZES)
def test_area_of_other_frames_equals_opencv_within_rounding(size: tuple[int, int]) -> None:
    frame = noise(*size, 3)
    expected = cv2.resize(frame, (64, 64), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(preprocess(frame, PRESETS["compact"]) - expected).max() <= 1


@pytest.mark.parametrize("size", [*SIZES, (240, 256), (192, 256), (448, 320), (64, 64), (64, 500)])
def test_area_of_other_frames_is_the_mean_rounded_half_up(size: tuple[int, int]) -> None:
    frame = noise(*size, 3).astype(np.int64)
    for axis, source in enumerate(size):  # 64 parts of each pixel, then sums of `source` parts
        frame = frame.repeat(64, axis)
        shape = [*frame.shape]
        shape[axis : axis + 1] = [64, source]
        frame = frame.reshape(shape).sum(axis + 1)
    parts = size[0] * size[1]
    expected = (2 * frame + parts) // (2 * parts)
    np.testing.assert_array_equal(preprocess(noise(*size, 3), PRESETS["compact"]), expected)


@pytest.mark.parametrize("size", [(64, 87381), (87381, 64)])
def test_the_largest_frames_of_the_protocol_do_not_overflow(size: tuple[int, int]) -> None:
    assert (preprocess(np.full((*size, 3), 255, np.uint8), PRESETS["compact"]) == 255).all()


@pytest.mark.parametrize("size", [(224, 320), (240, 320)])
def test_play_computes_on_one_thread_without_any_setting(size: tuple[int, int]) -> None:
    """BLAS starts a thread per core, and their waiting for each other slows play down."""
    code = f"""
import time
import numpy as np
from pathlib import Path
from agent.world_model.controller import Controller
from agent.world_model.packed_model import load
from agent.world_model.world_model import load_world_model
model = load(Path("pretrained"))
world_model = load_world_model(model)
controller = Controller(np.ones(4 * (model.spec.n_features + 1)))
frame = np.zeros({(*size, 3)}, np.uint8)
process, thread = time.process_time(), time.thread_time()
for _ in range(100):
    action = controller.act(world_model.observe(frame))
    world_model.remember(action)
print(time.process_time() - process - (time.thread_time() - thread))
"""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in threads}
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert float(printed.stdout) < 0.01, "another thread computed for so many seconds"


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_result_is_a_copy_and_not_inverted(preset: str) -> None:
    spec, frame = PRESETS[preset], noise(224, 320, 3)
    first = preprocess(frame, spec)
    assert first.dtype == np.uint8 and first.flags.c_contiguous and first.flags.writeable
    kept = first.copy()
    frame[:] = 200
    assert (preprocess(frame, spec) == 200).all()
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_frames_that_are_not_contiguous_give_the_same_result(preset: str) -> None:
    wide = noise(224, 640, 3)
    view = wide[:, ::2]
    np.testing.assert_array_equal(
        preprocess(view, PRESETS[preset]), preprocess(view.copy(), PRESETS[preset])
    )


def test_every_shot_remains_visible_in_the_compact_frame() -> None:
    dark = np.zeros((224, 320, 3), np.uint8)
    for y in range(100, 107):
        for x in range(150, 155):
            frame = dark.copy()
            frame[y : y + 3, x : x + 3] = 255
            assert preprocess(frame, PRESETS["compact"]).max() >= 40


def test_frames_of_another_kind_are_refused() -> None:
    for frame in (noise(224, 320), noise(224, 320, 4), noise(224, 320, 3).astype(np.float32)):
        with pytest.raises(AssertionError, match="a frame of"):
            preprocess(frame, TINY)


def test_encode_equals_the_reference_encoder(tmp_path: Path) -> None:
    vae, _ = random_networks(TINY)
    export_vision(vae, tmp_path / "vision.onnx")
    vision = Vision(tmp_path / "vision.onnx", TINY)
    first = None
    for frame in real_frames()[::100]:
        z = vision.encode(frame)
        with torch.no_grad():
            mu, _ = vae.encode(torch.from_numpy(preprocess(frame, TINY))[None])
        assert z.shape == (TINY.latent,) and z.dtype == np.float32
        np.testing.assert_allclose(z, mu[0].numpy(), atol=1e-6)
        first = z if first is None else first
    assert not np.array_equal(first, z), "latents share their buffer or ignore the frame"


def test_a_model_in_a_folder_whose_name_is_not_utf8_plays(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    export_vision(random_networks(TINY)[0], tmp_path / "vision.onnx")
    (tmp_path / "vision.onnx").rename(folder / "vision.onnx")
    assert Vision(folder / "vision.onnx", TINY).encode(noise(224, 320, 3)).shape == (TINY.latent,)


def test_a_latent_that_is_not_finite_is_an_error_of_one_line(tmp_path: Path) -> None:
    vae, _ = random_networks(TINY)
    with torch.no_grad():
        vae.mu.bias[1] = float("nan")
    export_vision(vae, tmp_path / "vision.onnx")
    with pytest.raises(ModelError, match="vision") as error:
        Vision(tmp_path / "vision.onnx", TINY).encode(noise(224, 320, 3))
    assert "\n" not in str(error.value)


def test_damaged_and_foreign_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vision.onnx"
    with pytest.raises(PackedModelError, match=r"vision\.onnx"):
        Vision(path, TINY)
    vae, _ = random_networks(TINY)
    export_vision(vae, path)
    with pytest.raises(PackedModelError, match="another model"):
        Vision(path, replace(TINY, latent=TINY.latent + 1))
    whole = path.read_bytes()
    for data in (b"", b"not a network", whole[: len(whole) // 2], whole[:100]):
        path.write_bytes(data)
        with pytest.raises(PackedModelError, match=r"vision\.onnx") as error:
            Vision(path, TINY)
        assert "\n" not in str(error.value) and len(str(error.value)) < 500
