"""The weights that come with the project: where they are found, and how large they may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import UserError
from arena.evaluation import shipped_weights
from arena.evaluation.agents import AgentOptions
from arena.evaluation.baseline_agents import ARGUMENTS, BaselineAgent
from baselines.ppo2 import Ppo2Options
from baselines.ppo_course import PpoCourseOptions
from baselines.pretrain import AGENTS

MAX_MEGABYTES = 64
OPTIONS = AgentOptions(100, None, None)


def test_they_are_small_enough_for_the_repository_and_have_cards() -> None:
    files = [file for file in shipped_weights.FOLDER.iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= MAX_MEGABYTES * 1e6
    for file in files:
        if file.suffix == ".safetensors":
            assert file.stem in AGENTS and file.with_suffix(".md") in files


def test_pretrained_names_the_shipped_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    options = Ppo2Options(weights=Path("pretrained"))
    with pytest.raises(UserError, match=r"no weights at .*ppo2.safetensors.*pretrain ppo2 --out"):
        options.weights_file()
    file = tmp_path / "ppo2.safetensors"
    file.write_bytes(b"weights")
    assert options.weights_file() == file
    assert Ppo2Options(weights=Path("x.safetensors")).weights_file() == Path("x.safetensors")
    assert Ppo2Options().weights_file() is None
    with pytest.raises(UserError, match="ppo_course can't be pretrained, only ppo2, "):
        PpoCourseOptions(weights=Path("pretrained")).weights_file()


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_pretrained_agent_is_checked_before_it_plays(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_weights, "FOLDER", tmp_path)
    agent = BaselineAgent(name, OPTIONS)
    with pytest.raises(UserError, match="no weights at"):
        agent.check()
    (tmp_path / f"{ARGUMENTS[name][0]}.safetensors").write_bytes(b"one")
    agent.check()
    first = agent.describe()
    (tmp_path / f"{ARGUMENTS[name][0]}.safetensors").write_bytes(b"other")
    assert first["baseline"] == name and first["weights"] != agent.describe()["weights"]
