"""The packed model's checks: every damage ends in one line that names the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.evolution.cma_es import Evolution
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import (
    EVOLUTION_ARRAYS,
    MANIFEST,
    MEMORY,
    MODEL_CARD,
    NETWORKS,
    PRESETS,
    VISION,
    ModelSpec,
    PackedModelError,
    load,
    write_manifest,
)
from agent.world_model.world_model import load_world_model
from tests.helpers.small_models import TINY, write_random_pretrained


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_pretrained(tmp_path_factory.mktemp("packed") / "tiny", spec=TINY)


@pytest.fixture
def folder(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packed, tmp_path / "pretrained"))


def refused(folder: Path, *words: str) -> None:
    with pytest.raises(PackedModelError) as error:
        load(folder)
    message = str(error.value)
    assert "\n" not in message and len(message) < 600
    for word in words:
        assert word in message


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_presets_have_the_sizes_of_their_papers() -> None:
    original, compact = PRESETS["original2018"], PRESETS["compact"]
    assert original.encoder_sizes == (63, 30, 14, 6)
    assert original.channels[-1] * original.encoder_sizes[-1] ** 2 == 9216
    assert (original.interpolation, original.n_features, original.mixtures) == ("nearest", 2248, 8)
    assert compact.encoder_sizes == (31, 14, 6, 2)
    assert (compact.frame_size, compact.hidden, compact.mixtures) == (64, 256, 5)


def test_a_valid_folder_loads_with_its_spec(folder: Path) -> None:
    pretrained = load(folder)
    assert pretrained.spec == TINY
    assert pretrained.folder == folder
    assert pretrained.manifest["games"] == []


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_specs_survive_json(preset: str) -> None:
    spec = PRESETS[preset]
    assert ModelSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_training_weights_may_be_missing_but_not_damaged(folder: Path) -> None:
    whole = (folder / NETWORKS).read_bytes()
    (folder / NETWORKS).write_bytes(whole[:-1])
    refused(folder, NETWORKS, "bytes")
    (folder / NETWORKS).unlink()
    load(folder)


@pytest.mark.parametrize("name", [MANIFEST, VISION, MEMORY, EVOLUTION_ARRAYS, MODEL_CARD])
def test_missing_files_are_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, name)


@pytest.mark.parametrize("name", [VISION, MEMORY, EVOLUTION_ARRAYS, MODEL_CARD])
def test_cut_files_are_named_with_both_sizes(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-7])
    refused(folder, name, f"{len(whole) - 7} bytes", str(len(whole)))


@pytest.mark.parametrize("name", [VISION, MEMORY, EVOLUTION_ARRAYS, MODEL_CARD])
def test_altered_files_are_named(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    refused(folder, name, "altered", "SHA-256")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere", "No such file")


@pytest.mark.parametrize("version", [0, 2, "1", 1.0, None, True])
def test_other_format_versions_are_refused(folder: Path, version: object) -> None:
    edit(folder, lambda manifest: manifest.update(format_version=version))
    refused(folder, "format_version", repr(version))


def test_unknown_and_missing_fields_are_named(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["spec"].update(depth=3))
    refused(folder, "unknown field 'depth'")
    edit(folder, lambda manifest: manifest["spec"].pop("depth"))
    load(folder)
    edit(folder, lambda manifest: manifest["spec"].pop("hidden"))
    refused(folder, "'hidden' is missing")


def test_unknown_manifest_fields_are_named(folder: Path) -> None:
    edit(folder, lambda manifest: manifest.update(colour="red"))
    refused(folder, "unknown field 'colour'")


def test_another_action_set_is_refused(folder: Path) -> None:
    edit(folder, lambda manifest: manifest["action_buttons"].reverse())
    refused(folder, "action_buttons", "RIGHT")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("frame_size", 64.0),
        ("frame_size", 8),
        ("interpolation", "cubic"),
        ("channels", []),
        ("channels", [4, "4"]),
        ("channels", 4),
        ("latent", 0),
        ("latent", True),
        ("hidden", -1),
        ("hidden", 1 << 40),
        ("sequence_steps", None),
        ("preset", 1),
    ],
)
def test_spec_values_out_of_range_are_named(folder: Path, field: str, value: object) -> None:
    edit(folder, lambda manifest: manifest["spec"].update({field: value}))
    refused(folder, field.replace("frame_size", ""), "spec")


def test_an_evolution_state_of_another_size_is_refused(folder: Path) -> None:
    expected = n_parameters(TINY.n_features)
    Evolution(expected + 4, 8, 0.5, seed=1).save(folder)
    write_manifest(folder, TINY, games=[], training={})
    refused(folder, str(expected + 4), str(expected))


def test_networks_of_another_model_are_refused(folder: Path) -> None:
    other = replace(TINY, hidden=TINY.hidden * 2)
    Evolution(n_parameters(other.n_features), 8, 0.5, seed=1).save(folder)
    write_manifest(folder, other, games=[], training={})
    with pytest.raises(PackedModelError, match=r"memory\.onnx .*another model"):
        load_world_model(load(folder))


def test_a_manifest_needs_every_file_of_role_play(folder: Path) -> None:
    (folder / VISION).unlink()
    with pytest.raises(PackedModelError, match=r"vision\.onnx is missing"):
        write_manifest(folder, TINY, games=[], training={})


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"text"', "[" * 100_000, "{}", '{"format_version": 1}', "\x00"]
)
def test_invalid_manifests_are_refused(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    refused(folder, MANIFEST)


def test_a_huge_manifest_is_refused_without_being_parsed(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b" " * (2 << 20))
    refused(folder, MANIFEST, "more than")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzzed_manifests_load_or_end_in_one_line(packed: Path, data: st.DataObject) -> None:
    original = (packed / MANIFEST).read_bytes()
    manifest = json.loads(original)
    paths = [(key,) for key in manifest]
    paths += [("spec", key) for key in manifest["spec"]]
    paths += [("files", key) for key in manifest["files"]]
    paths += [("files", name, key) for name in manifest["files"] for key in ("bytes", "sha256")]
    path = data.draw(st.sampled_from(paths))
    place = manifest
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = data.draw(JSON_VALUES)
    changed = place != json.loads(original)
    try:
        (packed / MANIFEST).write_text(json.dumps(manifest))
        load(packed)
    except PackedModelError as error:
        assert "\n" not in str(error)
    else:
        assert not changed or path[0] in ("games", "training", "spec", "files")
    finally:
        (packed / MANIFEST).write_bytes(original)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_bytes_instead_of_a_manifest_end_in_one_line(packed: Path, data: bytes) -> None:
    original = (packed / MANIFEST).read_bytes()
    try:
        (packed / MANIFEST).write_bytes(data)
        refused(packed, MANIFEST)
    finally:
        (packed / MANIFEST).write_bytes(original)
