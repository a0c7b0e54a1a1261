"""Which states of an agent's episode are labelled, and with what."""

from __future__ import annotations

import numpy as np

from training.experts.agent_states import DEATH_STEPS, LABELS, STUCK_STEPS, decisive_steps


def test_each_kind_of_state_is_labelled() -> None:
    running = list(np.arange(0.0, 1000.0, 10.0))  # steps 0-99
    standing = [990.0] * 100  # stuck from step 99 + STUCK_STEPS on
    back = [900.0] * 20  # strayed, and still without progress
    on = list(np.arange(1000.0, 1400.0, 10.0))  # steps 220-259; the last 30 lead to the death
    progress = [*running, *standing, *back, *on]
    chosen = decisive_steps(progress, True, np.random.default_rng(1))
    assert chosen == sorted(set(chosen))
    death = len(progress) - DEATH_STEPS
    stuck = [step for step in chosen if 99 + STUCK_STEPS <= step < 220]
    others = [step for step in chosen if step < 99 + STUCK_STEPS or 220 <= step < death]
    assert len(stuck) == len(others) == LABELS
    assert len([step for step in chosen if step >= death]) == LABELS
    assert len(chosen) == 3 * LABELS  # none has strayed without being stuck
    alive = decisive_steps(progress, False, np.random.default_rng(1))
    assert len(alive) == 2 * LABELS


def test_a_state_behind_the_furthest_has_strayed() -> None:
    progress = [float(step) * 10 for step in range(50)] + [300.0] * 10
    chosen = decisive_steps(progress, False, np.random.default_rng(1))
    assert set(range(50, 60)) <= set(chosen) and len(chosen) == LABELS + 10


def test_a_short_episode_is_labelled_completely() -> None:
    assert decisive_steps([0.0, 1.0, 2.0], False, np.random.default_rng(1)) == [0, 1, 2]
    assert decisive_steps([], True, np.random.default_rng(1)) == []
