"""Which lock-in rule would have scored best on new levels, from what runs have recorded.

    advise([Path("runs/RUN"), ...]) -> Advice

plays every rule of a grid over simulated budgets (arena.tuner.simulate). A rule is judged on
levels that did not choose it: leave one level out, choose by the others, look at the one left
out. Intervals resample levels, then worlds within each, alike for all rules, so that
differences are those of the same levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arena.evaluation.score import Interval
from arena.tuner.grid import SEED_RULE, Choice, grid, name_of, play_all, stretched
from arena.tuner.recorded import Recording, RecordingError, read_recording
from arena.tuner.simulate import Outcome, Worlds

WORLDS = 16
BUDGETS = 4  # of each world
RESAMPLES = 2000
TAILS = (0.025, 0.975)
SURE = 0.95
UNLIKE = (0.5, 2.0)  # returns of a level that is unlike the recorded ones, times theirs
METHOD = (
    f"{WORLDS} worlds of resampled candidates a level, {BUDGETS} budgets each; intervals: 95%"
    f" percentile bootstrap, {RESAMPLES:,} resamples of levels, then worlds"
)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RuleScore:
    """One rule's simulated play.

    Attributes:
        name: in a few words.
        settings: of the agent, as play.json holds them.
        score: mean over the levels of the mean return of the finished episodes.
        interval: of the score.
        gain: score above the seed's rule on the same levels.
        gain_interval: of the gain.
        locked: share of the budgets in which a candidate was locked in; 0: the threshold was
            reached by none.
        locked_at: median timesteps used when it was; None: never.
        by_level: score on each level.
    """

    name: str
    settings: Choice
    score: float
    interval: Interval
    gain: float
    gain_interval: Interval
    locked: float
    locked_at: float | None
    by_level: tuple[float, ...]

    @property
    def threshold(self) -> float | None:
        """The return that locks in; None for a rule without one."""
        value = self.settings.get("lock_in_score")
        return None if value is None else float(value)


@dataclass(frozen=True)
class HeldOut:
    """What choosing a rule in this way is worth on a level that did not help to choose.

    Attributes:
        score, interval: of the rules chosen without the level that they are judged on.
        gain, gain_interval: above the seed's rule on the same levels.
        better: share of the resamples in which it is above the seed's rule.
    """

    score: float
    interval: Interval
    gain: float
    gain_interval: Interval
    better: float


@dataclass(frozen=True)
class Advice:
    """What the tuner recommends, and what for.

    Attributes:
        budget_steps: timesteps of the simulated budgets.
        levels: their names, in the order of `by_level`.
        recommended: the rule with the highest score if the interval of its gain is above 0, else
            the seed's.
        seed: first above 2000.
        rules: all that were compared, the best first.
        held_out: None with one level.
        curve_thresholds, curve_scores, curve_low, curve_high: score of "first above threshold",
            with its interval, for a picture; equally long, by rising threshold.
        unlike: on a level whose returns are so many times these -> what the recommended rule
            costs there, in points, against the rule that suits that level.
        sentences: the advice for people.
        notes: what was left out or is to be known, a line each.
        pretrained: folder of the packed model that played, where one did.
        method: how the numbers were made.
    """

    budget_steps: int
    levels: tuple[str, ...]
    recommended: RuleScore
    seed: RuleScore
    rules: tuple[RuleScore, ...]
    held_out: HeldOut | None
    curve_thresholds: tuple[float, ...]
    curve_scores: tuple[float, ...]
    curve_low: tuple[float, ...]
    curve_high: tuple[float, ...]
    unlike: dict[float, float]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    pretrained: Path | None
    method: str = METHOD

    @property
    def clear(self) -> bool:
        """Whether it is clearly better than the seed's rule on levels that did not choose it."""
        return self.held_out is not None and self.held_out.better >= SURE

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        values = asdict(self)
        values["pretrained"] = str(self.pretrained) if self.pretrained else None
        values["unlike"] = {str(factor): share for factor, share in self.unlike.items()}
        return {"clear": self.clear, **values}


def advise(runs: Sequence[Path], budget_steps: int | None = None, seed: int = 1) -> Advice:
    """Read run folders and find out which lock-in rule would have scored best.

    Args:
        runs: folders that `local_eval.py run` wrote, of one game; the same level of several runs
            counts once, with the candidates of all.
        budget_steps: timesteps of the budgets to simulate; None: those of the runs.
        seed: of the simulation.

    Raises:
        UserError: by its one line, why nothing can be learned from these runs.
    """
    recording = read_recording(runs)
    return advise_on(recording, budget_steps or recording.budget_steps, seed)


def advise_on(recording: Recording, budget_steps: int, seed: int = 1) -> Advice:
    """The advice for budgets of so many timesteps, from a recording with one level or more.

    Raises:
        RecordingError: no recorded episode fits into the budget.
    """
    levels = [level for level in recording.levels if level.timesteps.min() < budget_steps]
    if not levels:
        raise RecordingError(
            f"no recorded episode fits into {budget_steps:,} timesteps: give more --budget-steps"
        )
    worlds = Worlds(levels, WORLDS, BUDGETS, seed)
    choices = grid(levels, worlds.spreads)
    table = Table(choices, play_all(choices, worlds, budget_steps), seed)
    rules = table.rules()
    seeds_rule = next(rule for rule in rules if rule.settings == SEED_RULE)
    # Of dozens of rules the highest is partly luck: the default goes for what is above it alone.
    best = rules[0] if rules[0].gain_interval[0] > 0 else seeds_rule
    # On a level with returns so many times as high, the best of all rules is the best one here with
    # its threshold so many times as high: it has rules[0]'s score, times the factor.
    misfits = play_all([stretched(best.settings, 1 / one) for one in UNLIKE], worlds, budget_steps)
    unlike = {
        factor: max(0.0, rules[0].score - table.score(outcome)) * factor
        for factor, outcome in zip(UNLIKE, misfits, strict=True)
    }
    curve = sorted(
        (rule.threshold or 0.0, rule.score, *rule.interval)
        for rule in rules
        if rule.settings["lock_in_rule"] == "first-above"
    )
    thresholds, scores, low, high = zip(*curve, strict=True)
    names = tuple(level.name for level in levels)
    left_out = len(recording.levels) - len(levels)
    notes = (f"{left_out} levels have no episode as short as the budget: left out",)
    held_out = table.held_out()
    return Advice(
        budget_steps=budget_steps,
        levels=names,
        recommended=best,
        seed=seeds_rule,
        rules=rules,
        held_out=held_out,
        curve_thresholds=thresholds,
        curve_scores=scores,
        curve_low=low,
        curve_high=high,
        unlike=unlike,
        sentences=_sentences(best, seeds_rule, held_out, unlike, rules, names, budget_steps),
        notes=recording.notes + notes * bool(left_out),
        pretrained=recording.pretrained,
    )


class Table:
    """Scores of all rules on all levels and worlds, and what resampling makes of them."""

    def __init__(self, choices: Sequence[Choice], outcomes: Sequence[Outcome], seed: int) -> None:
        """Take the outcome of each choice; the first is the seed's rule."""
        self._choices, self._outcomes = choices, outcomes
        self._scores = np.array(
            [_filled(outcome) for outcome in outcomes]
        )  # (rules, levels, worlds)
        _, levels, worlds = self._scores.shape
        random = np.random.default_rng(seed)
        self._levels = random.integers(levels, size=(RESAMPLES, levels))
        self._worlds = random.integers(worlds, size=(RESAMPLES, levels))

    def rules(self) -> tuple[RuleScore, ...]:
        """All rules, the best first; of equals the one that stands first, hence the seed's."""
        order = np.argsort(-self._scores.mean((1, 2)), kind="stable")
        return tuple(self._rule(int(place)) for place in order)

    def score(self, outcome: Outcome) -> float:
        """Mean over the levels of one more outcome."""
        return float(_filled(outcome).mean())

    def held_out(self) -> HeldOut | None:
        """Choose by all levels but one, judge on that one; None where there is one level."""
        by_level = self._scores.mean(2)
        count = by_level.shape[1]
        if count < 2:
            return None
        without = by_level.sum(1, keepdims=True) - by_level
        chosen = self._scores[without.argmax(0), np.arange(count)]  # (levels, worlds)
        gains = self._resampled(chosen - self._scores[0])
        return HeldOut(
            score=float(chosen.mean()),
            interval=_interval(self._resampled(chosen)),
            gain=float((chosen - self._scores[0]).mean()),
            gain_interval=_interval(gains),
            better=float((gains > 0).mean()),
        )

    def _rule(self, place: int) -> RuleScore:
        scores, choice = self._scores[place], self._choices[place]
        gains = scores - self._scores[0]
        locked_at = self._outcomes[place].locked_at
        locked = np.isfinite(locked_at)
        return RuleScore(
            name=name_of(choice),
            settings=choice,
            score=float(scores.mean()),
            interval=_interval(self._resampled(scores)),
            gain=float(gains.mean()),
            gain_interval=_interval(self._resampled(gains)),
            locked=float(locked.mean()),
            locked_at=float(np.median(locked_at[locked])) if locked.any() else None,
            by_level=tuple(scores.mean(1).tolist()),
        )

    def _resampled(self, values: Floats) -> Floats:
        """Means of (levels, worlds) over resampled levels and worlds, (RESAMPLES,)."""
        means: Floats = values[self._levels, self._worlds].mean(1)
        return means


def _filled(outcome: Outcome) -> Floats:
    """Scores of each level's worlds, (levels, worlds).

    A budget without a finished episode has no score; a world without any counts as its level.
    """
    known = np.isfinite(outcome.scores)
    total = np.where(known, outcome.scores, 0.0)
    counts = known.sum(2)
    level = total.sum((1, 2)) / np.maximum(counts.sum(1), 1)
    filled: Floats = np.where(counts > 0, total.sum(2) / np.maximum(counts, 1), level[:, None])
    return filled


def _interval(resampled: Floats) -> Interval:
    low, high = np.quantile(resampled, TAILS)
    return float(low), float(high)


def _sentences(
    best: RuleScore,
    seeds: RuleScore,
    held_out: HeldOut | None,
    unlike: dict[float, float],
    rules: Sequence[RuleScore],
    levels: Sequence[str],
    budget_steps: int,
) -> tuple[str, ...]:
    highest = rules[0]
    if best != seeds:
        other = f"; the default, {seeds.name}, {_with_interval(seeds.score, seeds.interval)}"
    elif highest != seeds:
        most = _with_interval(highest.score, highest.interval)
        other = f"; {highest.name} scores most, {most}, but that may be luck"
    else:
        other = ", and no rule more"
    said = [
        f"Recommended: {best.name}{' (the default)' if best == seeds else ''}. In simulated budgets"
        f" of {budget_steps:,} timesteps it scores {_with_interval(best.score, best.interval)}"
        f"{other}."
    ]
    if not seeds.locked:
        said.append("A return above 2,000 came in none of them: the default never locks in.")
    said.append(_how_sure(held_out))
    losses = [
        max(rule.by_level[place] for rule in rules) - best.by_level[place]
        for place in range(len(levels))
    ]
    worst = int(np.argmax(losses))
    said.append(
        "What it costs on a level unlike these, against the best rule for that level: about"
        f" {unlike[0.5]:,.0f} where returns are half as high, {unlike[2.0]:,.0f} where they are"
        f" twice as high. Of the recorded levels {levels[worst].partition(':')[2] or levels[worst]}"
        f" suits it least: {losses[worst]:,.0f}."
    )
    return tuple(said)


def _how_sure(held_out: HeldOut | None) -> str:
    if held_out is None:
        return "One level tells nothing of others: record more to know how sure this is."
    if held_out.gain_interval == (0.0, 0.0):
        return (
            "On levels that did not help to choose, a rule chosen like this scores what the default"
            " does: record more levels and repeats before you leave the default."
        )
    sure = (
        "That is clear."
        if held_out.better >= SURE
        else "That is not clear: record more levels and repeats before you leave the default."
    )
    return (
        "On levels that did not help to choose, a rule chosen like this gains"
        f" {_with_interval(held_out.gain, held_out.gain_interval)} over the default, and is better"
        f" in {held_out.better:.0%} of the resamples. {sure}"
    )


def _with_interval(value: float, interval: Interval) -> str:
    return f"{value:,.0f} ({interval[0]:,.0f} to {interval[1]:,.0f})"
