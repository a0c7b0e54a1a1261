"""Measured tables: replaced between their markers only, in any document, and up to date in ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.world_model.packed_model import MODEL_CARD
from benchmarks import measured_tables, own_roms
from benchmarks.ablations import (
    ablation_runs,
    explorer_constants,
    model_ablations,
    world_model_parts,
)
from benchmarks.measured import read_measured
from benchmarks.measured_tables import (
    MARKED,
    ROOT,
    documents,
    update_documents,
    updated,
    with_tables,
)
from benchmarks.scores import (
    calibration_scores,
    calibration_tables,
    contest_plays,
    contest_tables,
    inside_starts,
    lock_in_trust,
    play_settings,
    search_demonstrations,
    search_expert,
    search_gain,
    teacher,
)
from benchmarks.speed import agent_speed, dataset_speed, play_speed, training_speed

RESULTS = ROOT / "results"
CARD = ROOT / "pretrained" / MODEL_CARD

TEXT = "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc <!-- end -->\n"


def test_only_the_text_between_a_tables_markers_is_replaced() -> None:
    made = {"one": r"new \1", "two": "| two |\n| --- |", "three": "of another document"}
    changed = with_tables(TEXT, made)
    assert changed == TEXT.replace("old", r"new \1").replace(
        "two -->\n", f"two -->\n{made['two']}\n"
    )
    assert with_tables(changed, made) == changed


def test_a_table_is_found_in_any_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measured_tables, "ROOT", tmp_path)
    page, readme = tmp_path / "docs" / "speed.md", tmp_path / "README.md"
    page.parent.mkdir()
    page.write_text(TEXT)
    readme.write_text("nothing\n")
    update_documents({"one": "![x](results/x.png)", "three": "new"})
    assert page.read_text() == TEXT.replace("old", "![x](../results/x.png)")
    assert readme.read_text() == "nothing\n"
    report = capsys.readouterr().err
    assert str(page) in report and "<!-- three -->" in report and str(readme) not in report
    written = page.stat().st_mtime_ns
    update_documents({"one": "![x](results/x.png)"})
    assert page.stat().st_mtime_ns == written and capsys.readouterr().err == ""


def plays(name: str) -> contest_plays.ContestPlays:
    return contest_plays.ContestPlays.load(RESULTS / name)


def plain(benchmark: Any) -> Callable[[], Mapping[str, str]]:
    """Return the table of a benchmark whose JSON file is its result."""
    path = RESULTS / f"{benchmark.__name__.rpartition('.')[2]}.json"
    return lambda: {benchmark.TABLE: benchmark.table(read_measured(path))}


TABLES: dict[str, Callable[[], Mapping[str, str]]] = {
    "own_roms": lambda: own_roms.tables(read_measured(RESULTS / "own_roms.json")),
    "ablations.world_model_parts": lambda: {
        world_model_parts.TABLE: ablation_runs.table(
            ablation_runs.AblationRuns.load(RESULTS / "world_model_parts.json"),
            world_model_parts.VARIANTS,
        )
    },
    "ablations.model_ablations": lambda: {
        model_ablations.TABLE: model_ablations.tables(
            ablation_runs.AblationRuns.load(RESULTS / "model_ablations.json")
        )
    },
    "ablations.explorer_constants": lambda: {
        explorer_constants.TABLE: explorer_constants.table(
            explorer_constants.load_plays(RESULTS / "explorer_constants.json")
        )
    },
    "scores.calibration": lambda: calibration_tables.document_tables(
        calibration_scores.CalibrationScores.load(RESULTS / "calibration.json")
    ),
    "scores.contest_scores": lambda: {
        contest_tables.TABLE: contest_tables.markdown(plays("contest_scores.json")),
        contest_tables.COMPARISON: contest_tables.comparison(plays("contest_scores.json")),
    },
    "scores.inside_starts": plain(inside_starts),
    "scores.lock_in_trust": plain(lock_in_trust),
    "scores.play_settings": lambda: {
        play_settings.TABLE: play_settings.markdown(plays("play_settings.json"))
    },
    "scores.search_demonstrations": plain(search_demonstrations),
    "scores.search_expert": lambda: {
        search_expert.TABLE: search_expert.table(
            search_expert.load_plays(RESULTS / "search_expert.json")
        )
    },
    "scores.search_gain": plain(search_gain),
    "speed.agent_speed": plain(agent_speed),
    "scores.teacher": lambda: {
        teacher.TABLE: teacher.summary(teacher.load_plays(RESULTS / "teacher.json"))
    },
    "speed.dataset_speed": plain(dataset_speed),
    "speed.play_speed": plain(play_speed),
    "speed.training_speed": plain(training_speed),
}


@pytest.mark.parametrize("benchmark", TABLES)
def test_the_documents_show_what_was_measured(benchmark: str) -> None:
    made = TABLES[benchmark]()
    texts = [path.read_text(encoding="utf-8") for path in documents()]
    assert made.keys() <= {name for text in texts for name in MARKED.findall(text)}
    for document in documents():
        before, after = updated(document, made)
        assert after == before, f"{document}: run python -m benchmarks.{benchmark} --show"


def test_the_card_of_the_shipped_model_shows_what_was_measured() -> None:
    card = CARD.read_text(encoding="utf-8")
    made = {contest_tables.TABLE: contest_tables.for_the_card(plays("contest_scores.json"))}
    assert made.keys() == set(MARKED.findall(card))
    assert with_tables(card, made) == card, "run python -m benchmarks.scores.contest_scores --show"


def test_every_table_in_the_documents_is_checked() -> None:
    made = {name for tables in TABLES.values() for name in tables()}
    for path in documents():
        assert set(MARKED.findall(path.read_text(encoding="utf-8"))) <= made
