"""A packed model: its specification, its manifest, and the checks before it plays.

Every file is checked by size and SHA-256 before a network is loaded. If a file is missing, cut,
altered or of another model, the program ends with a one-line error. Untrained weights never play.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from agent.buttons import ACTION_BUTTONS
from agent.errors import UserError
from agent.files import sha256, write_atomically
from agent.world_model.controller import n_parameters

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
VISION = "vision.onnx"
MEMORY = "memory.onnx"
EVOLUTION_ARRAYS = "evolution.npz"
EVOLUTION = "evolution.json"
MODEL_CARD = "model_card.md"
NETWORKS = "networks.safetensors"
DECODER = "decoder.onnx"
EXPECTATION = "expectation.onnx"
HALL_OF_FAME = "hall_of_fame.npz"
# Only the files of role "play" are required, as in the container. Those of role "imagine" show
# people what V encodes and what M predicts; those of role "train" continue the training.
ROLES = {
    VISION: "play",
    MEMORY: "play",
    EVOLUTION_ARRAYS: "play",
    EVOLUTION: "play",
    MODEL_CARD: "play",
    DECODER: "imagine",
    EXPECTATION: "imagine",
    NETWORKS: "train",
    HALL_OF_FAME: "play",
}
OPTIONAL = {HALL_OF_FAME}  # may be absent from a manifest; a file that it lists must exist
INTERPOLATIONS = ("nearest", "area")
_KEYS = {"format_version", "spec", "action_buttons", "games", "training", "files"}
_MANIFEST_BYTES = 1 << 20


class PackedModelError(UserError):
    """A packed model can't be used; the text names the file, the expected and the found value."""


@dataclass(frozen=True)
class ModelSpec:
    """The sizes that all parts of a model share."""

    preset: str  # name of these sizes
    frame_size: int  # S: the encoder's input is (S, S, 3)
    interpolation: str  # how a frame is shrunk to S x S: "nearest" or "area"
    channels: tuple[int, ...]  # output channels of the encoder's convolutions
    latent: int  # Z, size of the latent
    hidden: int  # H, size of the memory's linear layer and LSTM
    mixtures: int  # K, Gaussians per latent dimension; only training uses them
    sequence_steps: int  # steps until the memory's state is reset, in training and in play

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            PackedModelError: a size below 1, an unknown interpolation, or a frame too small for
                the convolutions.
        """
        sizes = {
            name: value for name, value in dataclasses.asdict(self).items() if type(value) is int
        }
        for name, value in sizes.items():
            if not 1 <= value <= 1 << 16:
                raise PackedModelError(f"spec: {name} is {value}: use 1 to 65536")
        if self.interpolation not in INTERPOLATIONS:
            known = ", ".join(INTERPOLATIONS)
            raise PackedModelError(
                f"spec: interpolation is {self.interpolation!r}: use one of {known}"
            )
        if not self.channels or min(self.channels) < 1 or min(self.encoder_sizes) < 1:
            raise PackedModelError(
                f"spec: {self.frame_size} pixels are too few for channels {list(self.channels)}"
            )

    @property
    def n_features(self) -> int:
        """Z + 2H, the number of the controller's features [z, h, c]."""
        return self.latent + 2 * self.hidden

    @property
    def encoder_sizes(self) -> tuple[int, ...]:
        """Height (and width) of each convolution's output: kernel 4, stride 2, no padding."""
        sizes, size = [], self.frame_size
        for _ in self.channels:
            size = (size - 4) // 2 + 1
            sizes.append(size)
        return tuple(sizes)

    def to_json(self) -> dict[str, Any]:
        """Return the specification as JSON values."""
        return {**dataclasses.asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_json(cls, values: object) -> ModelSpec:
        """Read a specification that `to_json` wrote.

        Raises:
            PackedModelError: a field is unknown or missing, or has a wrong type or value.
        """
        if not isinstance(values, dict):
            raise PackedModelError(f"spec: {_shown(values)} is not an object")
        hints = get_type_hints(cls)
        _check_keys("spec", values, set(hints))
        if not isinstance(values["channels"], list):
            raise PackedModelError(
                f"spec: channels is {_shown(values['channels'])}, expected a list"
            )
        checked = {**values, "channels": tuple(values["channels"])}
        for name, value in checked.items():
            kind = str if hints[name] is str else int
            parts = value if name == "channels" else (value,)
            if any(type(part) is not kind for part in parts):
                raise PackedModelError(
                    f"spec: {name} is {_shown(value)}, expected type {kind.__name__}"
                )
        return cls(**checked)


# original2018: the sizes of the original 2018 agent (the last convolution has 9,216 values).
# compact: the sizes of World Models (Ha and Schmidhuber 2018) with half of the encoder's channels,
# because the convolutions take most of the time in play. On one core 32-64-128-256 channels take
# 0.35 ms per frame, 24-48-96-192 take 0.22 ms and 16-32-64-128 take 0.12 ms. With 0.07 ms for
# `preprocess`, only the last stays below 0.25 ms, a fifth of the emulator's 1.2 ms per step.
PRESETS = {
    "original2018": ModelSpec(
        "original2018", 128, "nearest", (32, 64, 128, 256), 200, 1024, 8, 500
    ),
    "compact": ModelSpec("compact", 64, "area", (16, 32, 64, 128), 32, 256, 5, 500),
}


@dataclass(frozen=True)
class PackedModel:
    """A packed model whose files have been checked."""

    folder: Path
    spec: ModelSpec
    manifest: dict[str, Any]  # content of manifest.json


def write_manifest(
    folder: Path, spec: ModelSpec, *, games: Sequence[str], training: Mapping[str, Any]
) -> None:
    """Write the folder's manifest.json, with size and SHA-256 of each file in the folder.

    Args:
        folder: contains the files of `ROLES`; only those of role "play" are required.
        spec: sizes of the networks.
        games: games that the model was trained on.
        training: JSON values of any kind, such as the commit, the commands and the scores.

    Raises:
        PackedModelError: a file that play needs is missing.
    """
    files = {}
    for name, role in ROLES.items():
        path = folder / name
        if path.is_file():
            files[name] = {"role": role, "bytes": path.stat().st_size, "sha256": sha256(path)}
        elif role == "play" and name not in OPTIONAL:
            raise PackedModelError(f"{path} is missing: write it before the manifest")
    manifest = {
        "format_version": FORMAT_VERSION,
        "spec": spec.to_json(),
        "action_buttons": list(ACTION_BUTTONS),
        "games": list(games),
        "training": dict(training),
        "files": files,
    }
    write_atomically(folder / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())


def load(folder: Path) -> PackedModel:
    """Check a packed model and read its manifest.

    Raises:
        PackedModelError: a file is missing, cut or altered, or belongs to another model.
    """
    manifest = _read_json(folder / MANIFEST)
    version = manifest.get("format_version")
    if version != FORMAT_VERSION or type(version) is not int:
        raise PackedModelError(
            f"{folder / MANIFEST}: format_version is {_shown(version)}, this program reads "
            f"{FORMAT_VERSION}: use the release that wrote the model, or pack it again"
        )
    _check_keys(str(folder / MANIFEST), manifest, _KEYS)
    if manifest["action_buttons"] != list(ACTION_BUTTONS):
        raise PackedModelError(
            f"{folder / MANIFEST}: action_buttons are {_shown(manifest['action_buttons'])}, "
            f"this program presses {list(ACTION_BUTTONS)}"
        )
    try:
        spec = ModelSpec.from_json(manifest["spec"])
    except PackedModelError as error:
        raise PackedModelError(f"{folder / MANIFEST}: {error}") from None
    files = manifest["files"]
    if not isinstance(files, dict):
        raise PackedModelError(f"{folder / MANIFEST}: files is {_shown(files)}, expected an object")
    for name, role in ROLES.items():
        if name in files:
            _check_file(folder / name, files[name], role)
        elif role == "play" and name not in OPTIONAL:
            raise PackedModelError(
                f"{folder / MANIFEST}: does not list {name}: pack the model again"
            )
    _check_evolution(folder / EVOLUTION, spec)
    return PackedModel(folder, spec, manifest)


def _check_file(path: Path, entry: object, role: str) -> None:
    if (
        not isinstance(entry, dict)
        or set(entry) != {"role", "bytes", "sha256"}
        or entry["role"] != role
        or type(entry["bytes"]) is not int
        or not isinstance(entry["sha256"], str)
        or not re.fullmatch("[0-9a-f]{64}", entry["sha256"])
    ):
        raise PackedModelError(
            f"{path.parent / MANIFEST}: the entry of {path.name} is {_shown(entry)}, expected "
            f'role "{role}", bytes and sha256: pack the model again'
        )
    if not path.is_file():
        if role != "play":
            return
        raise PackedModelError(f"{path} is missing: restore it, or pack the model again")
    found = path.stat().st_size
    if found != entry["bytes"]:
        raise PackedModelError(
            f"{path} has {found} bytes, its manifest says {entry['bytes']}: it was cut or "
            "replaced; restore it, or pack the model again"
        )
    digest = sha256(path)
    if digest != entry["sha256"]:
        raise PackedModelError(
            f"{path} was altered: SHA-256 {digest[:16]}..., its manifest says "
            f"{entry['sha256'][:16]}...; restore it, or pack the model again"
        )


def _check_evolution(path: Path, spec: ModelSpec) -> None:
    found = _read_json(path).get("n_parameters")
    expected = n_parameters(spec.n_features)
    if found != expected:
        raise PackedModelError(
            f"{path}: the evolution state has {_shown(found)} parameters, but a controller of "
            f"preset {spec.preset!r} has {expected}: evolve for this model, then pack again"
        )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(_MANIFEST_BYTES + 1)
    except OSError as error:
        raise PackedModelError(
            f"{path} can't be read ({error.strerror}): use the folder of a packed model"
        ) from None
    if len(data) > _MANIFEST_BYTES:
        raise PackedModelError(f"{path} has more than {_MANIFEST_BYTES} bytes: restore it")
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PackedModelError(f"{path} is not JSON ({_shown(str(error))}): restore it") from None
    if not isinstance(values, dict):
        raise PackedModelError(f"{path} contains {_shown(values)}, expected an object: restore it")
    return values


def _check_keys(where: str, values: Mapping[str, Any], expected: set[str]) -> None:
    unknown, missing = sorted(set(values) - expected), sorted(expected - set(values))
    if unknown:
        raise PackedModelError(f"{where}: unknown field {_shown(unknown[0])}")
    if missing:
        raise PackedModelError(f"{where}: field {missing[0]!r} is missing")


def _shown(value: object) -> str:
    """Format a value for an error message: one short line."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
