"""Measures the errors of V's reconstructions and draws them, for `vision_report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from agent.world_model.packed_model import ModelSpec
from agent.world_model.preprocess import preprocess
from benchmarks.figures.things import ELSEWHERE, Finder
from training.data.dataset import SCREEN, StoredEpisode
from training.models.encode import encode_frames
from training.models.error_weights import player_box
from training.models.evaluation import ACTIVE_VARIANCE
from training.models.networks import VAE
from training.pictures.rows import to_pixels, write_rows

SHOWN = 10  # pictures in a row
TRAVERSED = 12  # number of latent dimensions drawn, those with the most KL divergence
REACH = 2.5  # range of the traversals, in standard deviations of the prior
LEVEL_PAIRS = 5  # number of interpolations
PLAYER = "player"
BOX_COLOUR = (255, 0, 255)

Box = tuple[slice, slice]  # rows and columns of a small frame


@dataclass(frozen=True)
class LabelledFrames:
    """Frames of V's size, and the things on each."""

    frames: NDArray[np.uint8]  # (N, S, S, 3)
    levels: Sequence[str]  # N
    boxes: Sequence[Mapping[str, Sequence[Box]]]  # N: kind -> boxes on the small frame


def look(episodes: Sequence[StoredEpisode], spec: ModelSpec, count: int) -> LabelledFrames:
    """Return frames evenly spread over episodes, with the boxes of the things on them."""
    finder, size = Finder(), spec.frame_size
    total = sum(episode.steps for episode in episodes)
    chosen = np.unique(np.linspace(0, total - 1, count).astype(int))
    frames, levels, boxes, first = [], [], [], 0
    for episode in episodes:
        steps = chosen[(chosen >= first) & (chosen < first + episode.steps)] - first
        player = episode.player()
        for step in steps:
            native = episode.frames(int(step), int(step) + 1)[0]
            there: dict[str, list[Box]] = {}
            if player[step][0] >= 0:
                there[PLAYER] = [player_box(player[step], size)]
            for thing in finder.find(native, episode.level.partition(":")[2]):
                box = _box(thing.left, thing.top, thing.width, thing.height, size)
                there.setdefault(thing.kind, []).append(box)
            frames.append(preprocess(native, spec))
            levels.append(episode.level)
            boxes.append(there)
        first += episode.steps
    return LabelledFrames(np.array(frames), levels, boxes)


@torch.no_grad()
def measure(vae: VAE, seen: LabelledFrames) -> dict[str, Any]:
    """Return all numbers of the report, measured with the latent's mean.

    Returns:
        reconstruction, floor: binary cross-entropy in nats per frame, of V and of a perfect copy.
        error: root mean square error of the pixels, of 255, over all, by level, and by thing. For
        a thing, `error` is V's and `flat` is that of a patch of the box's mean colour; `kept` is
        1 - (error / flat)**2, the share of the difference from a flat patch that V keeps (1: all;
        0 or less: none); `boxes` is the number of boxes. kl_by_dimension is in nats.
    """
    mu, log_variance = encode_frames(vae, torch.from_numpy(seen.frames))
    logits = torch.cat([vae.decode_logits(part) for part in torch.split(mu, 64)])
    targets = torch.from_numpy(seen.frames).float() / 255
    cost = functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
    floor = functional.binary_cross_entropy(targets, targets, reduction="sum")
    decoded = torch.sigmoid(logits)
    squares = (decoded - targets).square().mean(3).numpy().astype(np.float64)  # (N, S, S)
    kl = (0.5 * (mu**2 + log_variance.exp() - 1 - log_variance)).mean(0)
    by_level = {
        level: _root([squares[n] for n, name in enumerate(seen.levels) if name == level])
        for level in sorted(set(seen.levels))
    }
    return {
        "reconstruction": float(cost) / len(targets),
        "floor": float(floor) / len(targets),
        "error": _root([squares]),
        "error_by_level": by_level,
        "things": errors_of_things(squares, targets.numpy(), seen.boxes),
        "kl": float(kl.sum()),
        "active_dimensions": int((mu.var(0) > ACTIVE_VARIANCE).sum()),
        "dimensions": len(kl),
        "kl_by_dimension": [round(value, 4) for value in kl.tolist()],
    }


def errors_of_things(
    squares: NDArray[np.float64],
    targets: NDArray[np.float32],
    boxes: Sequence[Mapping[str, Sequence[Box]]],
) -> dict[str, dict[str, Any]]:
    """Return the errors in the boxes of each kind of thing, and elsewhere; see `measure`.

    Args:
        squares: (N, S, S), squared errors of V's reconstructions, mean over the colours.
        targets: (N, S, S, 3), the frames, 0 to 1.
        boxes: N: kind -> boxes on the frame.
    """
    errors: dict[str, list[NDArray[np.float64]]] = {}
    flats: dict[str, list[NDArray[np.float64]]] = {}
    elsewhere = []
    for number, there in enumerate(boxes):
        outside = np.ones(squares.shape[1:], bool)
        for kind, kind_boxes in there.items():
            for rows, columns in kind_boxes:
                patch = targets[number, rows, columns].astype(np.float64)
                flat = np.square(patch - patch.mean((0, 1))).mean(2)
                errors.setdefault(kind, []).append(squares[number, rows, columns])
                flats.setdefault(kind, []).append(flat)
                outside[rows, columns] = False
        elsewhere.append(squares[number][outside])
    things: dict[str, dict[str, Any]] = {ELSEWHERE: {"error": _root(elsewhere)}}
    for kind in errors:
        error, flat = _root(errors[kind]), _root(flats[kind])
        kept = 1 - (error / flat) ** 2 if flat else None
        things[kind] = {"error": error, "flat": flat, "kept": kept, "boxes": len(errors[kind])}
    return things


@torch.no_grad()
def draw(folder: Path, vae: VAE, seen: LabelledFrames, kl: Sequence[float]) -> None:
    """Write reconstructions.png, traversals.png and interpolations.png."""
    shown = np.unique(np.linspace(0, len(seen.frames) - 1, SHOWN).astype(int))
    latents, _ = encode_frames(vae, torch.from_numpy(seen.frames[shown]))
    decoded = _pixels(vae, latents)
    rows = [seen.frames[shown], decoded]
    boxed = [
        np.array([_outlined(row[n], seen.boxes[p]) for n, p in enumerate(shown)]) for row in rows
    ]
    labels = ["frame", "reconstruction"]
    write_rows(folder / "reconstructions.png", [*rows, *boxed], labels=[*labels, *labels])
    _draw_traversals(folder / "traversals.png", vae, latents[len(shown) // 2], kl)
    _draw_interpolations(folder / "interpolations.png", vae, seen)


def _draw_traversals(path: Path, vae: VAE, latent: Tensor, kl: Sequence[float]) -> None:
    """Draw one frame with changes of each of the dimensions with the most KL divergence."""
    chosen = np.argsort(kl)[::-1][:TRAVERSED]
    rows, labels = [], []
    for dimension in chosen:
        varied = latent.repeat(SHOWN, 1)
        varied[:, int(dimension)] = torch.linspace(-REACH, REACH, SHOWN)
        rows.append(_pixels(vae, varied))
        labels.append(f"z{dimension} {kl[int(dimension)]:.2f} nats")
    write_rows(path, rows, labels=labels)


def _draw_interpolations(path: Path, vae: VAE, seen: LabelledFrames) -> None:
    """Draw decoded latents on straight lines between frames of two levels."""
    levels = sorted(set(seen.levels))
    middles = [_middle(seen, level) for level in levels]
    chosen = np.unique(np.linspace(0, len(levels) - 1, LEVEL_PAIRS + 1).astype(int))
    pairs = list(zip(chosen, chosen[1:], strict=False)) or [(0, 0)]
    rows, labels = [], []
    for start, end in pairs:
        ends = seen.frames[[middles[start], middles[end]]]
        first, last = encode_frames(vae, torch.from_numpy(ends))[0]
        steps = torch.linspace(0, 1, SHOWN - 2)[:, None]
        between = _pixels(vae, first + steps * (last - first))
        rows.append(np.concatenate((ends[:1], between, ends[1:])))
        labels.append(levels[start].partition(":")[2][:16] or levels[start][:16])
    write_rows(path, rows, labels=labels)


def _box(left: int, top: int, width: int, height: int, size: int) -> Box:
    """Return the pixels of the small frame that a box of the native screen touches."""
    screen_width, screen_height = SCREEN
    columns = slice(left * size // screen_width, -(-(left + width) * size // screen_width))
    return slice(top * size // screen_height, -(-(top + height) * size // screen_height)), columns


def _root(squares: Sequence[NDArray[np.float64]]) -> float:
    """Return the root of the mean over all pixels of some arrays of squares, of 255."""
    count = sum(part.size for part in squares)
    return float(sum(part.sum() for part in squares) / count) ** 0.5 * 255 if count else 0.0


def _pixels(vae: VAE, latents: Tensor) -> NDArray[np.uint8]:
    return to_pixels(vae.decode(latents).numpy())


def _middle(seen: LabelledFrames, level: str) -> int:
    frames = [number for number, name in enumerate(seen.levels) if name == level]
    return frames[len(frames) // 2]


def _outlined(frame: NDArray[np.uint8], boxes: Mapping[str, Sequence[Box]]) -> NDArray[np.uint8]:
    """Return a copy with a border around the player."""
    picture = frame.copy()
    for rows, columns in boxes.get(PLAYER, []):
        bottom, right = min(rows.stop, len(picture)) - 1, min(columns.stop, len(picture)) - 1
        picture[[rows.start, bottom], columns] = BOX_COLOUR
        picture[rows, [columns.start, right]] = BOX_COLOUR
    return picture
