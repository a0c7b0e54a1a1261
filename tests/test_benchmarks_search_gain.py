"""The search's gain: who plays what, and the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contest_scores_tools import packed

from agent.commandline import UserError
from agent.evolution import Evolution
from agent.pretrained import NETWORKS, load
from benchmarks import search_gain
from benchmarks.readme_tables import README, ROOT, renewed
from training.checkpoint import load_networks, save_networks
from training.rollouts import Rollout, Task
from training.untrained import random_networks

MEASURED = ROOT / "results" / "search_gain.json"
SETS = ("PangolinDash-Genesis:MeadowZone.Act1", "PangolinDash-Genesis:CanyonZone.Act3")


class InProcess:
    """A pool that does not play: the mean has 5 more than the advice, the second level 100 more."""

    played: list[Task] = []

    def __init__(self, make: Callable[[], Any], workers: int) -> None: ...

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *error: object) -> None: ...

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Rollout]]:
        for task in tasks:
            self.played.append(task)
            score = 5.0 * task.candidate + 100.0 * (task.level.name == SETS[1]) + task.seed % 10
            yield task, Rollout(score, 10)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = packed(tmp_path / "model")
    save_networks(folder / NETWORKS, *random_networks(load(folder).spec))
    return folder


def test_both_controllers_play_the_same(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(search_gain, "Pool", InProcess)
    monkeypatch.setattr(InProcess, "played", [])
    out = tmp_path / "results" / "gain.json"
    fixed = ["--pretrained", str(model), "--out", str(out), "--sets", ",".join(SETS)]
    assert search_gain.main([*fixed, "--episodes", "2"]) == 0
    played = [
        [(task.level.name, task.seed) for task in InProcess.played if task.candidate == number]
        for number in (0, 1)
    ]
    assert played[0] == played[1] and len(set(played[0])) == 4
    advice, mean = (
        next(task.parameters for task in InProcess.played if task.candidate == number)
        for number in (0, 1)
    )
    spec, head = load(model).spec, load_networks(model / NETWORKS)[1].advice
    rows = advice[:-4].reshape(4, -1)
    seen = spec.latent + spec.hidden
    np.testing.assert_array_equal(rows[:, :seen], head.weight.detach().numpy())
    np.testing.assert_array_equal(advice[-4:], head.bias.detach().numpy())
    assert not rows[:, seen:].any() and rows.shape[1] == spec.n_features
    np.testing.assert_array_equal(mean, Evolution.load(model).mean.astype(np.float32))
    result = json.loads(out.read_text())
    assert result["returns"][SETS[1]][search_gain.CONTROLLERS[1]] == {SETS[1]: [105.0, 106.0]}
    shown = capsys.readouterr().out
    assert shown == search_gain.table(result) + "\n"
    rows_shown = [line.strip("| ").split(" | ") for line in shown.splitlines()[2:]]
    assert [row[0] for row in rows_shown] == [f"`{name}`, 1" for name in SETS]
    assert [row[3].split(" ")[0] for row in rows_shown] == ["+5", "+5"]
    assert rows_shown[0][1].startswith("0 (0 to 1)")


def test_mistakes_are_named(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="positive numbers"):
        search_gain.main(["--pretrained", str(model), "--episodes", "0"])
    with pytest.raises(UserError, match="is missing: measure first"):
        search_gain.main(["--show", "--out", str(tmp_path / "none.json")])
    with pytest.raises(UserError, match="nowhere"):
        search_gain.main(["--pretrained", str(model), "--sets", "nowhere"])


def test_the_readme_shows_what_was_measured() -> None:
    text = README.read_text(encoding="utf-8")
    assert f"<!-- {search_gain.TABLE} -->\n" in text
    made = search_gain.table(json.loads(MEASURED.read_text()))
    shown = renewed(text, {search_gain.TABLE: made})
    assert shown == text, "python -m benchmarks.search_gain --show"
