"""JERK, "just enough retained knowledge": the contest's simplest baseline, reimplemented.

It runs right for 100 steps at a time with random jumps. After 100 steps without reward it runs 70
steps left. It keeps the button sequences of its episodes and repeats the one with the best mean
return more and more often (Nichol et al. 2018, "Gotta Learn Fast", section 3.4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from agent import command_line
from baselines.playing import PlayOptions, play_level
from baselines.simple_agents import LEFT, RIGHT, BaselineEnv, Buttons, press, run_and_jump

RIGHT_STEPS = 100
LEFT_STEPS = 70
EXPLOIT = 0.25  # initial probability of repeating; it grows by t / EXPLOIT_GROWTH
EXPLOIT_GROWTH = 1_000_000


@dataclass
class Solution:
    """A sequence of actions and the returns of its episodes."""

    actions: list[Buttons]
    returns: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.returns))


class Jerk:
    """The agent and the episodes that it has played.

    Attributes:
        returns: returns of the finished episodes, in order.
        steps: timesteps used so far; a reset is one timestep, as in the contest.
    """

    def __init__(self, environment: BaselineEnv, budget_steps: int, seed: int) -> None:
        """Prepare to play.

        Args:
            environment: environment of the level.
            budget_steps: timesteps, resets included.
            seed: random seed of the jumps and of the choice to repeat.
        """
        self._environment = environment
        self._random = np.random.default_rng(seed)
        self._budget = budget_steps
        self._solutions: list[Solution] = []
        self._actions: list[Buttons] = []
        self._rewards: list[float] = []
        self.returns: list[float] = []
        self.steps = 0

    def run(self) -> None:
        """Play until the budget is used."""
        while self.steps < self._budget:
            if self._solutions and self._random.random() < self._exploit_probability():
                self._exploit()
            else:
                self._explore()

    def _exploit_probability(self) -> float:
        return EXPLOIT + self.steps / EXPLOIT_GROWTH

    def _explore(self) -> None:
        self._reset()
        self._keep(self._run_on())

    def _exploit(self) -> None:
        solution = self._best()
        self._reset()
        done = self._press(solution.actions)
        while not done and self.steps < self._budget:
            done = self._step(press())[1]
        if done:
            solution.returns.append(sum(self._rewards))

    def _best(self) -> Solution:
        return max(self._solutions, key=lambda known: known.mean)

    def _press(self, actions: Sequence[Buttons]) -> bool:
        """Press a sequence, and return whether the episode is done."""
        for action in actions:
            if self._step(action)[1]:
                return True
            if self.steps >= self._budget:
                break
        return False

    def _run_on(self) -> bool:
        """Run right, and left where that gains nothing, to the end of the episode or budget."""
        done = False
        while not done and self.steps < self._budget:
            gain, done = self._move(RIGHT, RIGHT_STEPS)
            if not done and gain <= 0:
                _, done = self._move(LEFT, LEFT_STEPS)
        return done

    def _keep(self, done: bool) -> None:
        """Keep the sequence of a finished episode up to its highest return."""
        if done:
            totals = np.cumsum(self._rewards)
            best = int(np.argmax(totals))
            self._solutions.append(Solution(self._actions[: best + 1], [float(totals[best])]))

    def _move(self, direction: int, steps: int) -> tuple[float, bool]:
        gain, done = 0.0, False
        for action in islice(self._run(direction), steps):
            reward, done = self._step(action)
            gain += reward
            if done or self.steps >= self._budget:
                break
        return gain, done

    def _run(self, direction: int) -> Iterator[Buttons]:
        """Return the actions of a run in one direction, an endless iterator."""
        return run_and_jump(self._random, direction)

    def _reset(self) -> None:
        self._environment.reset()
        self.steps += 1
        self._actions, self._rewards = [], []

    def _step(self, action: Buttons) -> tuple[float, bool]:
        _, reward, done, _ = self._environment.step(action)
        self.steps += 1
        self._actions.append(action)
        self._rewards.append(reward)
        if done:
            self.returns.append(sum(self._rewards))
        return reward, done


def main() -> None:
    """Play until the server ends the run."""
    options = command_line.parse(PlayOptions, prog="python -m baselines.jerk")
    play_level(options, lambda env: Jerk(env, options.budget_steps, options.seed).run())


if __name__ == "__main__":
    command_line.run(main)
