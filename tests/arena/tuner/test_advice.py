"""The tuner finds the best rule in synthetic runs, and reads broken recordings without failing."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import local_eval
from agent.errors import UserError
from agent.settings import read_play
from arena.pages.tuning.command import show
from arena.pages.tuning.page import tuning_page
from arena.tuner.advice import BUDGETS, RECORDINGS, Advice, advise, advise_on, is_clear
from arena.tuner.grid import DEFAULT_RULE, rule_from, scaled, simulate_all
from arena.tuner.recorded import RecordedLevel, read_recording
from arena.tuner.score_table import merged
from arena.tuner.simulate import SimulatedBudgets, simulate
from arena.tuner.spread import luck_share, spread_of
from tests.helpers.recorded_runs import Player, entry, recorded_journal, write_run
from tests.helpers.report_pages import text_of

LENGTH = 299  # with its reset: 300 timesteps
GOOD, BAD, FLUKE = 1500.0, 500.0, 1000.0


def good_or_bad(random: np.random.Generator) -> Player:
    """One candidate in ten always scores about 1,500; the others score 500, or 1,000 by luck."""
    good = random.random() < 0.1

    def play(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        returns = np.where(random.random(count) < 0.05, FLUKE, BAD)
        returns = np.full(count, GOOD) if good else returns
        return returns + random.normal(0, 20, count), np.full(count, LENGTH)

    return play


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(1)
    levels = {
        f"Game:Level{number}": recorded_journal(good_or_bad, random, 300_000, 5)
        for number in range(4)
    }
    return write_run(tmp_path_factory.mktemp("known") / "run", levels)


@pytest.fixture(scope="module")
def known_advice(known: Path) -> Advice:
    return advise([known])


def test_the_known_optimum_is_found(known_advice: Advice) -> None:
    """A threshold between flukes and good candidates locks in good candidates only.

    Of 333 episodes, 10 are needed on average to find the first good candidate: nine that score 525
    and its own. Below 1,000 a third of the locked-in candidates are flukes; above 1,500 none is.
    """
    curve = dict(zip(known_advice.curve_thresholds, known_advice.curve_scores, strict=True))
    best = max(curve, key=lambda threshold: curve[threshold])
    assert FLUKE < best < GOOD
    assert curve[best] == pytest.approx((9 * 525 + 323 * GOOD) / 332, rel=0.04)
    low = max(threshold for threshold in curve if threshold < FLUKE - 60)
    assert curve[low] == pytest.approx(0.69 * GOOD + 0.31 * 525, rel=0.12)
    assert known_advice.default.score == pytest.approx(0.1 * GOOD + 0.9 * 525, rel=0.1)
    assert known_advice.default.locked == 0
    assert known_advice.recommended.score >= curve[best]
    held_out = known_advice.held_out
    assert held_out is not None and known_advice.clear
    assert held_out.gain_interval[0] > 500
    said = " ".join(known_advice.sentences)
    assert known_advice.recommended.name in said and "That is clear." in said
    assert "the default never locks in" in said


def test_clear_means_an_interval_above_zero_and_another_rule(known_advice: Advice) -> None:
    recommended, default = known_advice.recommended, known_advice.default
    held_out = known_advice.held_out
    assert held_out is not None
    doubtful = replace(held_out, gain_interval=(-1.0, 549.0), better=0.97)
    assert is_clear(held_out, recommended, default)
    assert not is_clear(doubtful, recommended, default)
    assert not is_clear(held_out, default, default)
    assert not is_clear(None, recommended, default)


def test_equal_candidates_give_no_gain(tmp_path: Path) -> None:
    def alike(random: np.random.Generator) -> Player:
        return lambda random, count: (random.normal(1000, 200, count), np.full(count, 200))

    random = np.random.default_rng(2)
    levels = {f"Game:L{number}": recorded_journal(alike, random, 60_000) for number in range(4)}
    advice = advise([write_run(tmp_path / "run", levels)], budget_steps=20_000)
    assert all(rule.score == pytest.approx(1000, abs=40) for rule in advice.rules)
    assert abs(advice.recommended.gain) < 40
    gain = advice.rules[0].gain_interval
    assert (advice.recommended == advice.default) == (gain[0] <= 0)


def test_the_cost_at_another_scale_equals_that_on_scaled_returns(tmp_path: Path) -> None:
    """The default is recommended, and still compared with the best of all rules."""

    def usual(random: np.random.Generator) -> Player:
        mean = random.normal(700, 150)
        return lambda random, count: (random.normal(mean, 250, count), np.full(count, 200))

    random = np.random.default_rng(5)
    levels = {f"Game:L{number}": recorded_journal(usual, random, 8_000) for number in range(2)}
    recording = read_recording([write_run(tmp_path / "run", levels)])
    advice = advise_on(recording, 3_000)
    assert advice.recommended == advice.default != advice.rules[0]
    doubled = [replace(level, returns=2 * level.returns) for level in recording.levels]
    there = SimulatedBudgets(doubled, RECORDINGS, BUDGETS)
    rules = [DEFAULT_RULE, *(scaled(rule.settings, 2) for rule in advice.rules)]
    default, *others = (float(one.scores.mean()) for one in simulate_all(rules, there, 3_000))
    assert max(others) > default
    assert advice.cost_at_scale[2.0] == pytest.approx(max(others) - default, rel=0.01)


def test_a_single_lucky_return_is_not_taken_for_a_candidates_mean() -> None:
    """Without repeats, half of the variance counts as luck; here repeats show that all of it is."""
    random = np.random.default_rng(3)

    def level(repeats: int) -> Any:
        count = 300
        candidate = np.repeat(np.arange(count), repeats)
        returns = random.normal(1000, 300, count * repeats)
        return _level(candidate, returns)

    once, thrice = spread_of(level(1)), spread_of(level(3))
    assert once.skill == pytest.approx(once.luck, rel=0.01)
    assert thrice.skill < 100 and thrice.luck == pytest.approx(300, rel=0.1)
    assert luck_share([level(3)]) > 0.7
    rule = rule_from({"lock_in_rule": "best-of", "lock_in_candidates": 64})
    (outcome,) = simulate(rule, SimulatedBudgets([level(3)], 8, 4), 100_000)
    assert np.mean(outcome.scores) < 1150  # the best of 64 single returns is about 1,700


def _level(candidate: np.ndarray, returns: np.ndarray, timesteps: float = 300) -> RecordedLevel:
    steps = np.full(len(returns), float(timesteps))
    return RecordedLevel("Game:L", 0, candidate, returns, steps)


def test_timesteps_are_counted_as_the_contest_counts() -> None:
    """An episode counts if the reset after it fits in; the last one, which is cut off, does not."""
    level = _level(np.arange(5), np.full(5, 10.0), timesteps=100)
    rule = rule_from({"lock_in_rule": "first-above", "lock_in_score": 5.0})
    budgets = SimulatedBudgets([level], 1, 2)
    for budget, scored in ((100, False), (101, True), (1000, True)):
        (outcome,) = simulate(rule, budgets, budget)
        assert np.isfinite(outcome.scores).all() == scored
    assert outcome.locked_at.tolist() == [[[100.0, 100.0]]]


def test_rules_simulated_in_a_batch_score_as_if_simulated_alone(known: Path) -> None:
    budgets = SimulatedBudgets(read_recording([known]).levels, 2, 2)
    rules = [{**DEFAULT_RULE, "lock_in_score": score} for score in (900.0, 1400.0, 9000.0)]
    rules.append({"lock_in_rule": "best-of", "lock_in_candidates": 8})
    for rule, outcome in zip(rules, simulate_all(rules, budgets, 20_000), strict=True):
        (alone,) = simulate(rule_from(rule), budgets, 20_000)
        np.testing.assert_allclose(outcome.scores, alone.scores)
        np.testing.assert_array_equal(outcome.locked_at, alone.locked_at)


def test_the_same_recording_gives_the_same_advice(known: Path) -> None:
    assert advise([known], 5_000) == advise([known], 5_000)


def test_initial_candidates_play_first_in_every_budget(tmp_path: Path) -> None:
    entries = [
        entry(0, 3000.0, 99, origin="mean"),
        entry(1, 900.0, 99),
        entry(2, 200.0, 99),
        entry(0, 3000.0, 99, origin="mean"),
    ]
    run = write_run(tmp_path / "run", {"Game:L": entries})
    (level,) = read_recording([run]).levels
    assert level.n_initial == 1 and level.n_candidates == 3
    assert level.returns.tolist() == [3000.0, 900.0, 200.0, 3000.0]
    rule = rule_from({"lock_in_rule": "first-above", "lock_in_score": 2000.0})
    (outcome,) = simulate(rule, SimulatedBudgets([level], 4, 4), 5_000)
    assert (outcome.locked_at == 100).all() and outcome.scores == pytest.approx(3000, rel=0.05)


# Notes on a run's problems, one line each.

GOOD_JOURNAL = [entry(number, 100.0 * number, 99) for number in range(30)]


def notes(tmp_path: Path, journal: Any, **more: Any) -> str:
    levels = {"Game:A": GOOD_JOURNAL, "Game:B": journal}
    recording = read_recording([write_run(tmp_path / "run", levels, **more)])
    assert all("\n" not in note for note in recording.notes)
    return "\n".join(recording.notes)


def lines(entries: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in entries)


def test_an_unfinished_run_is_noted_and_used(tmp_path: Path) -> None:
    assert "1 of 2 levels are not finished" in notes(tmp_path, GOOD_JOURNAL, unfinished=1)


def test_an_incomplete_last_line_is_excluded(tmp_path: Path) -> None:
    text = lines(GOOD_JOURNAL[:3]) + '{"candidate": 3, "episode_ret'
    assert "Game:B: the last line is incomplete: excluded" in notes(tmp_path, text)


def test_lines_that_are_not_episodes_are_excluded(tmp_path: Path) -> None:
    text = "nonsense\n[]\n{}\n" + '{"candidate": 1, "length": 0, "episode_return": 1}\n'
    assert "4 lines are not episodes" in notes(tmp_path, text + lines(GOOD_JOURNAL))


def test_nan_returns_are_excluded(tmp_path: Path) -> None:
    journal = [*GOOD_JOURNAL, entry(9, float("nan"), 9), entry(9, float("inf"), 9)]
    assert "2 returns are NaN or infinite" in notes(tmp_path, journal)


def test_a_single_episode_is_noted(tmp_path: Path) -> None:
    assert "Game:B: only one episode" in notes(tmp_path, GOOD_JOURNAL[:1])


def test_missing_repeats_and_exploring_are_noted(tmp_path: Path) -> None:
    said = notes(tmp_path, GOOD_JOURNAL, agent={"explore": True, "repeats": 0})
    assert "no candidate played twice" in said and "the agent explored" in said


def test_a_recording_with_repeats_needs_no_caution(tmp_path: Path) -> None:
    twice = [*GOOD_JOURNAL, *GOOD_JOURNAL]
    assert "explored" not in notes(tmp_path, twice, agent={"explore": True, "repeats": 2})


def test_a_missing_journal_is_noted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"Game:A": GOOD_JOURNAL, "Game:B": []})
    (run / "levels/Game.B/out/journal.jsonl").unlink()
    assert any("Game:B: no journal" in note for note in read_recording([run]).notes)


def test_a_long_unfinished_episode_is_noted(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"Game:A": GOOD_JOURNAL})
    content = json.loads((run / "results.json").read_text())
    content["levels"][0]["timesteps"] = 5_000
    (run / "results.json").write_text(json.dumps(content))
    assert "the last 2,000 of 5,000 timesteps" in "".join(read_recording([run]).notes)


def test_different_agents_are_noted(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, {"Game:A": GOOD_JOURNAL}, agent={"manifest_sha256": name})
        for name in ("a", "b")
    ]
    recording = read_recording(runs)
    assert "different agents played" in recording.notes[0]
    assert recording.levels[0].n_candidates == 60


def test_one_level_is_tuned_without_a_held_out_gain(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"Game:A": GOOD_JOURNAL}, budget_steps=5_000)
    advice = advise([run])
    assert advice.held_out is None and not advice.clear
    assert "The gain on other levels can't be estimated" in " ".join(advice.sentences)


def test_levels_longer_than_the_budget_are_excluded(tmp_path: Path) -> None:
    long = [entry(number, 100.0, 5000) for number in range(3)]
    run = write_run(tmp_path / "run", {"Game:A": GOOD_JOURNAL, "Game:B": long})
    advice = advise([run], budget_steps=3000)
    assert advice.levels == ("Game:A",)
    assert "1 level has no episode as short as the budget" in advice.notes[-1]


def test_a_narrow_terminal_shows_every_digit(known_advice: Advice) -> None:
    printed = io.StringIO()
    show(Console(file=printed, width=80), known_advice)
    assert f"{known_advice.rules[0].locked_at:,.0f}\n" in re.sub(r" +\n", "\n", printed.getvalue())


def older(run: Path) -> None:
    for name in ("run.json", "results.json"):
        content = json.loads((run / name).read_text())
        (run / name).write_text(json.dumps({**content, "version": 0}))


@pytest.mark.parametrize(
    ("journal", "spoil", "problem"),
    [
        ("", None, "no episode was finished"),
        (lines(GOOD_JOURNAL[:1]), None, "only one episode"),
        (lines(GOOD_JOURNAL), older, "run.json is not a world-models-contest/run 1"),
        (
            lines(GOOD_JOURNAL),
            lambda run: (run / "results.json").unlink(),
            "run has no results.json: use another run folder",
        ),
        (lines(GOOD_JOURNAL), lambda run: (run / "run.json").unlink(), "run has no run.json"),
        ("[]\n{}\n", None, "Game:A: the journal contains no readable episode; use another run"),
        ("\x07garbage", None, "Game:A: the journal contains no readable episode; use another run"),
        (
            lines(GOOD_JOURNAL),
            lambda run: (run / "results.json").write_text('{"format'),
            "results.json can't be read .*: use another run folder",
        ),
    ],
)
def test_an_unusable_run_is_reported_in_one_line(
    journal: str, spoil: Any, problem: str, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "run", {"Game:A": journal})
    if spoil:
        spoil(run)
    with pytest.raises(UserError, match=problem) as raised:
        advise([run])
    assert "\n" not in str(raised.value)


def test_runs_of_different_games_are_refused(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / game, {f"{game}:A": GOOD_JOURNAL}) for game in ("One", "Two")]
    with pytest.raises(UserError, match=r"different games \(One, Two\)"):
        advise(runs)


def test_a_run_named_twice_is_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"Game:A": GOOD_JOURNAL})
    with pytest.raises(UserError, match="run is named twice"):
        read_recording([run, tmp_path / "." / "run"])


def test_a_copy_of_a_run_is_refused(tmp_path: Path) -> None:
    agent = {"manifest_sha256": "one model"}
    long = write_run(tmp_path / "long", {"Game:A": GOOD_JOURNAL, "Game:B": []}, agent=agent)
    short = write_run(tmp_path / "short", {"Game:A": GOOD_JOURNAL[:5]}, agent=agent)
    with pytest.raises(UserError, match="short has the same episodes as .*long: use one of the"):
        read_recording([long, short])
    other = write_run(tmp_path / "other", {"Game:A": GOOD_JOURNAL[1:]}, agent=agent)
    assert len(read_recording([long, other]).levels[0].returns) == 2 * len(GOOD_JOURNAL) - 1


def test_a_run_of_another_agent_is_refused_unless_it_wrote_a_journal(tmp_path: Path) -> None:
    agent = {"kind": "command", "command": ["./their-agent"]}
    run = write_run(tmp_path / "run", {"Game:A": GOOD_JOURNAL}, agent=agent)
    assert len(read_recording([run]).levels) == 1
    (run / "levels/Game.A/out/journal.jsonl").unlink()
    with pytest.raises(
        UserError, match="run was played by another agent, synthetic, which wrote no"
    ):
        read_recording([run])


def test_rules_that_did_the_same_are_one_row_without_a_minus_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = [entry(n // 3, 3500.0 if n % 9 < 3 else 500.0, 99) for n in range(90)]
    advice = advise([write_run(tmp_path / "run", {"Game:A": journal})], 2_000)
    rows = [vars(rule) | {"name": "", "settings": ""} for rule in advice.rules]
    assert any(rows.count(row) > 1 for row in rows)
    groups = merged(advice.rules)
    assert sum(map(len, groups)) == len(advice.rules)
    rows = [vars(group[0]) | {"name": "", "settings": ""} for group in groups]
    assert all(rows.count(row) == 1 for row in rows)
    output = io.StringIO()
    show(Console(file=output, width=140), advice)
    (default,) = [line for line in output.getvalue().splitlines() if "with the default)" in line]
    assert default.startswith("first above ") and " to " in default.partition(" (with")[0]
    page = tuning_page(advice).decode()
    assert page.count("<tr><th scope") + page.count('class="chosen"') >= len(groups)
    for text in (output.getvalue(), text_of(page), json.dumps(advice.to_json())):
        assert not re.search(r"[-−]0(\.0)?(?![.\d])", text)


def test_held_out_levels_are_marked(tmp_path: Path) -> None:
    level = "PangolinDash-Genesis:MeadowZone.Act3"
    train = "PangolinDash-Genesis:MeadowZone.Act1"
    run = write_run(tmp_path / "run", {level: GOOD_JOURNAL, train: GOOD_JOURNAL})
    recording = read_recording([run])
    assert recording.held_out == ("pangolin-validation",)
    assert "1 level is for evaluation only (pangolin-validation)" in recording.notes[0]
    assert read_recording([write_run(tmp_path / "b", {train: GOOD_JOURNAL})]).held_out == ()


# The command.


def test_held_out_levels_are_never_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    level = "PangolinDash-Genesis:MeadowZone.Act3"
    run = write_run(tmp_path / "run", {level: GOOD_JOURNAL}, budget_steps=2_000)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"evaluation only \(pangolin-validation\)"):
        command(monkeypatch, str(run), "--apply", "--pretrained", str(tmp_path))
    assert not (run / "tune").exists() and not (tmp_path / "play.json").exists()
    assert command(monkeypatch, str(run)) == 0
    assert "--apply" not in capsys.readouterr().out


def test_the_command_that_applies_is_printed_and_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "a run", {"Game:A": GOOD_JOURNAL})
    (tmp_path / "manifest.json").write_text("{}")
    arguments = [str(run), "--budget-steps", "2000", "--seed", "3", "--pretrained", str(tmp_path)]
    assert command(monkeypatch, *arguments) == 0
    (line,) = re.findall(r"^apply    (.*)$", capsys.readouterr().out, re.MULTILINE)
    printed = shlex.split(line)
    again = printed[printed.index("tune") + 1 :]
    assert set(arguments) | {"--apply"} == set(again)
    assert command(monkeypatch, *again) == 0
    assert read_play(tmp_path)["lock_in_rule"]


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["local_eval.py", "tune", *arguments])
    return local_eval.main()


def test_the_command_prints_writes_and_applies(
    known: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "manifest.json").write_text("{}")
    before = {"lock_in_rule": "best-of", "lock_in_candidates": 9, "explore": False}
    (model / "play.json").write_text(json.dumps(before))
    out = tmp_path / "out"
    monkeypatch.setenv("COLUMNS", "160")
    arguments = [str(known), "--budget-steps", "20000", "--rows", "40"]
    arguments += ["--out", str(out), "--apply", "--pretrained", str(model)]
    assert command(monkeypatch, *arguments) == 0
    printed = capsys.readouterr().out
    content = json.loads((out / "tune.json").read_text())
    assert content["clear"] and content["recommended"]["name"] in printed
    assert "(with the default)" in printed and "never" in printed
    assert "best of the first" in printed
    page = (out / "tune.html").read_text()
    assert "default threshold 2,000" in page and "recommended: " in page
    for rule in content["rules"]:
        assert f"{rule['score']:,.0f}</td>" in page
    assert not re.search(r"""<(script|link|img)[^>]*(src|href)=["'](?!data:)""", page)
    applied = read_play(model)
    assert applied == {**content["recommended"]["settings"], "explore": False}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "RUNS"),
        (["nowhere"], "there is no folder nowhere"),
        (["nowhere", "--rows", "0"], "--rows is 0"),
        (["nowhere", "--full", "--budget-steps", "5"], "exclude each other"),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=problem) as raised:
        command(monkeypatch, *arguments)
    assert "\n" not in str(raised.value)


def test_applying_needs_a_model(
    known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ["--budget-steps", "2000", "--out", str(tmp_path / "out"), "--apply"]
    with pytest.raises(UserError, match="use --pretrained"):
        command(monkeypatch, str(known), *out)
    with pytest.raises(UserError, match="contains no packed model"):
        command(monkeypatch, str(known), *out, "--pretrained", str(tmp_path))
