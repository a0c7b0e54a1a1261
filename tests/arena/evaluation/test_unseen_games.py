"""A model that plays a game it was not trained on: said when the run starts, and in the report."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from arena.evaluation.agents import AgentOptions, LocalAgent
from arena.evaluation.evaluate import evaluate
from arena.evaluation.options import RunOptions, make_plan
from arena.evaluation.run_folder import open_run
from arena.evaluation.unseen_games import unseen_games
from arena.pages.report.record_reader import read_record
from benchmarks.made_runs import MadeLevel, write_run
from tests.helpers.small_models import TINY, write_random_pretrained

PANGOLIN = "PangolinDash-Genesis:MeadowZone.Act3"
SONIC = "SonicTheHedgehog-Genesis-v0:GreenHillZone.Act2"


def test_games_are_named_that_the_model_has_not_seen() -> None:
    agent = LocalAgent.configure({}, Path("pretrained"), AgentOptions(5000, 1, None)).describe()
    assert agent["games"] == ["PangolinDash-Genesis"]
    assert unseen_games(agent, [PANGOLIN]) is None
    said = unseen_games(agent, [SONIC, PANGOLIN, "Other:A"])
    assert said is not None and said.startswith(
        "The model has never seen SonicTheHedgehog-Genesis-v0 and Other: it was trained on"
        " PangolinDash-Genesis"
    )
    assert unseen_games({"kind": "image"}, [SONIC]) is None


def test_the_report_names_them(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [MadeLevel(SONIC, [1.0])])
    assert not any("never seen" in note for note in read_record(run).notes)
    content = json.loads((run / "run.json").read_text())
    content["settings"]["agent"]["games"] = ["PangolinDash-Genesis"]
    (run / "run.json").write_text(json.dumps(content))
    (note,) = [note for note in read_record(run).notes if "never seen" in note]
    assert "SonicTheHedgehog-Genesis-v0" in note


def test_a_run_begins_with_them(tmp_path: Path) -> None:
    pretrained = write_random_pretrained(tmp_path / "packed", spec=TINY)
    manifest = json.loads((pretrained / "manifest.json").read_text())
    (pretrained / "manifest.json").write_text(json.dumps(manifest | {"games": ["Another"]}))
    options = RunOptions(levels="airstriker", budget_steps=20, pretrained=pretrained, seed=1)
    plan, console = (
        make_plan(options),
        Console(record=True, width=200, file=(tmp_path / "o").open("w")),
    )
    folder = open_run(tmp_path / "run", plan.settings(), name="x", seeds={}, argv=[])
    evaluate(plan, folder, console)
    folder.close()
    assert (
        "has never seen Airstriker-Genesis-v0: it was trained on Another" in console.export_text()
    )
