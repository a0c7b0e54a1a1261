"""JERK with mutation, by gardenermike (2018): `python -m baselines.jerk_mutating`.

After its first random run it no longer starts anew: it plays its best sequence with mutations, and
runs on at the end of the sequence. It repeats its best sequence unchanged with a probability that
grows with the sequence's return, and near the end of the contest's budget.
"""

from __future__ import annotations

import numpy as np

from agent import command_line
from agent.settings import CONTEST_STEPS
from baselines.jerk import Jerk, Solution
from baselines.playing import PlayOptions, play_level
from baselines.simple_agents import DOWN, LEFT, RIGHT, B, Buttons, press

FULL_RETURN = 10_000.0  # return of an episode that finishes its level at once
EXCISED = 0.2  # largest share of the sequence that is cut out
# Range of the probability that the last action is replaced, in a sequence without any return.
MUTATION = (0.2, 0.3)
MUTATION_STEPS = 100.0  # distance from the end at which the probability is 1/e of this
TRIMMED = 20  # largest number of actions that are trimmed from the end
# Buttons of an action that replaces another: JERK's four, and two that JERK does not press.
MUTATED = ((RIGHT,), (RIGHT, B), (LEFT,), (LEFT, B), (DOWN,), (RIGHT, DOWN))


class JerkMutating(Jerk):
    """The agent and the episodes that it has played; see `Jerk`."""

    def _exploit_probability(self) -> float:
        """Return the mean of best / 10,000 and (t / 1,000,000)^3."""
        quality = min(max(self._best().mean / FULL_RETURN, 0.0), 1.0)
        return (quality + min(self.steps / CONTEST_STEPS, 1.0) ** 3) / 2

    def _exploit(self) -> None:
        solution = self._best()
        self._reset()
        done = self._press(solution.actions) or self._run_on()
        if done:
            solution.returns.append(sum(self._rewards))

    def _explore(self) -> None:
        actions = mutate(self._best(), self._random) if self._solutions else []
        self._reset()
        self._keep(self._press(actions) or self._run_on())


def mutate(solution: Solution, random: np.random.Generator) -> list[Buttons]:
    """Return a mutated copy of a sequence.

    Args:
        solution: sequence of actions with its returns.
        random: random generator.

    Returns:
        Actions without a part of up to a fifth and without the last ones; each remaining action
        is replaced with a probability that grows towards the end, and falls with the return.
    """
    actions = list(solution.actions)
    cut = int(random.integers(int(len(actions) * EXCISED) + 1))
    start = int(random.integers(len(actions) - cut + 1))
    del actions[start : start + cut]
    kept = max(len(actions) - int(random.integers(TRIMMED + 1)), 0)
    del actions[kept:]
    distance = np.arange(len(actions), 0, -1)
    missing = 1.0 - min(max(solution.mean / FULL_RETURN, 0.0), 1.0)
    chance = np.exp(-distance / MUTATION_STEPS) * missing * random.uniform(*MUTATION)
    for index in np.flatnonzero(random.random(len(actions)) < chance):
        actions[index] = press(*MUTATED[int(random.integers(len(MUTATED)))])
    return actions


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(PlayOptions, prog="python -m baselines.jerk_mutating")
    play_level(options, lambda env: JerkMutating(env, options.budget_steps, options.seed).run())


if __name__ == "__main__":
    command_line.run(main)
