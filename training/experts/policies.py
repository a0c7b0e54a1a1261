"""The policies that play while data is collected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, press

POLICIES = (
    "random",
    "held",
    "runner",
    "agent",
    "demonstration",
    "perturbed",
    "alternating",
    "expert",
    "dagger",
)
NEED_DEMONSTRATION = ("demonstration", "perturbed", "alternating")
NEED_AGENT = ("agent", "alternating", "dagger")
NEED_EXPERT = ("expert", "dagger")  # the planner or the search, by the level
START_ON_PATH = ("perturbed", "alternating")  # they start at a random step of the demonstration
POLICIES_HELP = (
    "policies, separated by commas, from which one is drawn for each episode; a repeated name is "
    "drawn more often. random: new random buttons each step; held: random buttons kept for about "
    "half a second; runner: right with jumps, and back when stuck; agent: the packed model; "
    "demonstration: the level's recording; perturbed: the expert, from a random step of the "
    "recording, with sticky actions and short runs of random buttons; alternating: the agent and "
    "the expert in turns, also from a random step. Episodes of perturbed and alternating have at "
    "most 400 steps. expert: the planner on levels of Pangolin Dash, and on others a search that "
    "begins with the recording; it plans again wherever a sticky action left its plan; dagger: the "
    "agent, with that expert's actions at its decisive states (before its death, stuck, strayed, "
    "and a few others)"
)

HELD_STEPS = 8  # mean: half a second, long enough for a jump
RIGHT_STEPS, LEFT_STEPS = 100, 70  # as in JERK
JUMP_PROBABILITY, JUMP_STEPS = 0.1, 4
PERTURBATION_RATES = (0.0, 1 / 60, 1 / 20)  # probability per step that random buttons begin
PERTURBATION_STEPS = 6  # mean length of a run of random buttons
AGENT_STEPS, EXPERT_STEPS = 60, 30  # mean lengths of a turn

Action = NDArray[np.uint8]  # (4,) of 0 and 1
AskExpert = Callable[[], Action | None]  # the expert's action on the frame; None if there is none


def no_expert() -> None:
    """Return None: there is no expert to ask."""


class Policy(Protocol):
    """Chooses the actions of one episode."""

    def __call__(self, frame: NDArray[np.uint8], reward: float, ask_expert: AskExpert) -> Action:
        """Return the action for a frame, uint8 (4,) of 0 and 1.

        Args:
            frame: uint8 (224, 320, 3) RGB.
            reward: reward of the step before.
            ask_expert: returns the expert's action on the frame; None if there is none.
        """
        ...


class HeldButtons:
    """Presses each button with probability 1/2, and keeps the choice for a random time."""

    def __init__(self, random: np.random.Generator, mean_steps: float = HELD_STEPS) -> None:
        """Create the policy.

        Args:
            random: source of the choices.
            mean_steps: mean number of steps for which a choice is kept (geometric distribution).
        """
        self._random = random
        self._mean_steps = mean_steps
        self._left = 0
        self._action = np.zeros(len(ACTION_BUTTONS), np.uint8)

    def __call__(self, frame: NDArray[np.uint8], reward: float, ask_expert: AskExpert) -> Action:
        """Return the action; all arguments are ignored."""
        if self._left == 0:
            self._action = self._random.integers(0, 2, len(ACTION_BUTTONS), np.uint8)
            self._left = int(self._random.geometric(1 / self._mean_steps))
        self._left -= 1
        return self._action.copy()


class RunnerPolicy:
    """Runs right with jumps, and left for a while if that gained no reward, as JERK does."""

    def __init__(self, random: np.random.Generator) -> None:
        """Draw the jumps from `random`."""
        self._random = random
        self._right, self._left, self._jump = RIGHT_STEPS, 0, 0
        self._gain = 0.0

    def __call__(self, frame: NDArray[np.uint8], reward: float, ask_expert: AskExpert) -> Action:
        """Return the action, which depends on the rewards only."""
        self._gain += reward
        if self._right == 0 and self._left == 0:
            self._left = LEFT_STEPS if self._gain <= 0 else 0
            self._right, self._gain = RIGHT_STEPS, 0.0
        if self._jump == 0 and self._random.random() < JUMP_PROBABILITY:
            self._jump = JUMP_STEPS
        jump = self._jump > 0
        self._jump -= jump
        if self._left:
            self._left -= 1
            direction = "LEFT"
        else:
            self._right -= 1
            direction = "RIGHT"
        return press(direction, "B") if jump else press(direction)


class PerturbedExpert:
    """Takes the expert's actions, interrupted by short runs of random buttons."""

    def __init__(self, random: np.random.Generator) -> None:
        """Draw the rate of the interruptions, and their buttons, from `random`."""
        self._random = random
        self._rate = float(random.choice(PERTURBATION_RATES))
        self._left = 0
        self._perturbation = HeldButtons(random, PERTURBATION_STEPS)

    def __call__(self, frame: NDArray[np.uint8], reward: float, ask_expert: AskExpert) -> Action:
        """Return the expert's action; random buttons if there is none, or in an interruption."""
        if self._left == 0 and self._random.random() >= self._rate:
            expert_action = ask_expert()
            if expert_action is not None:
                return expert_action
        if self._left == 0:
            self._left = int(self._random.geometric(1 / PERTURBATION_STEPS))
        self._left -= 1
        return self._perturbation(frame, reward, ask_expert)


class RecurrentAgent(Protocol):
    """An agent whose hidden state must be advanced with the action that was sent."""

    def choose(self, frame: NDArray[np.uint8]) -> Action:
        """Return its action for a frame."""
        ...

    def remember(self, action: Action) -> None:
        """Advance its hidden state with the action that was sent on this frame."""
        ...


class AgentPolicy:
    """Lets the agent play."""

    def __init__(self, agent: RecurrentAgent) -> None:
        """Store an agent that is at the start of an episode."""
        self._agent = agent

    def __call__(self, frame: NDArray[np.uint8], reward: float, ask_expert: AskExpert) -> Action:
        """Return the agent's action."""
        action = self._agent.choose(frame)
        self._agent.remember(action)
        return action


class Alternating:
    """Lets the agent and the expert play in turns.

    An agent that plays alone and gets stuck yields data of only one part of the level. The expert
    takes it past that part. This is DAgger (Ross et al. 2011, section 3), but whether the expert or
    the learner acts is drawn for runs of steps, not for each step.
    """

    def __init__(self, random: np.random.Generator, agent: RecurrentAgent) -> None:
        """Draw who begins, and the lengths of the turns, from `random`."""
        self._random, self._agent, self._expert = random, agent, PerturbedExpert(random)
        self._agents_turn = bool(random.integers(2))
        self._left = self._length()

    def __call__(self, frame: NDArray[np.uint8], reward: float, ask_expert: AskExpert) -> Action:
        """Return the action of the one whose turn it is; the agent remembers it in both cases."""
        if self._left == 0:
            self._agents_turn = not self._agents_turn
            self._left = self._length()
        self._left -= 1
        # The agent chooses in every step, so that its hidden state follows the whole episode.
        action = self._agent.choose(frame)
        if not self._agents_turn:
            action = self._expert(frame, reward, ask_expert)
        self._agent.remember(action)
        return action

    def _length(self) -> int:
        mean_steps = AGENT_STEPS if self._agents_turn else EXPERT_STEPS
        return int(self._random.geometric(1 / mean_steps))
