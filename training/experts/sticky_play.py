"""Plays episodes with an expert under the contest's sticky actions.

On levels of Pangolin Dash, it is the planner, which knows the route; on other levels, a search that
starts from a demonstration.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.buttons import ACTION_BUTTONS, from_genesis, to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import MAX_STEPS
from arena.environment.levels import Level
from game.levels.routes import ROUTES_FILE, Route, RouteFileError, read_routes
from game.planning.emulator import buttons
from game.planning.route_progress import RouteProgress
from training.data.dataset import FREE
from training.experts.agent_states import DEATH_STEPS, AgentStates
from training.experts.collected_step import CollectedStep, screen_position
from training.experts.demonstrations import Demonstration
from training.experts.rehearsal import RehearsalEnv
from training.experts.reward_simulator import RewardSimulator
from training.experts.route_simulator import RouteSimulator
from training.experts.simulator import QUICK, action_number
from training.experts.sticky_planner import StickyPlanner
from training.state_search.state_env import StateEnv

PLANNER, SEARCH, DEMONSTRATION = "planner", "search", "demonstration"
JUMP = ACTION_BUTTONS.index("B")
DOWN = ACTION_BUTTONS.index("DOWN")
SAME_RISK = 0.1  # difference between two probabilities of a death that is of no consequence
LATER_STEPS = 8  # half a second
# Of all plans for labels: alike states have alike labels, and a network learns their mean.
LABEL_SEED = 1
HARDER_TRIES = 2  # plans for a label, if the first does not lead on
GIVE_UP = 120  # plans without progress after which an episode ends


class ExpertStep(NamedTuple):
    """One step of an episode of the expert."""

    frame: NDArray[np.uint8]  # (224, 320, 3) RGB before the step
    action: NDArray[np.uint8]  # (4,) of 0 and 1, the expert's action in this state
    reward: float
    terminated: bool  # the player died or reached the end post
    variables: Mapping[str, Any]  # the game's, after the step


class Playable(Protocol):
    """What an expert plays on: `ContestEnv`, or a rehearsal of it."""

    @property
    def terminated(self) -> bool:
        """Whether the game ended the episode in the last step."""
        ...

    def reset(self, state: bytes | None = None) -> NDArray[np.uint8]:
        """Start an episode; see `ContestEnv.reset`."""
        ...

    def step(
        self, buttons: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint8], float, bool, Mapping[str, Any]]:
        """Play a step; see `ContestEnv.step`."""
        ...


def expert_of(level: Level) -> str:
    """Return the expert of a level: PLANNER if its game has routes, SEARCH otherwise."""
    folder = (level.integration or Path()) / level.game
    return PLANNER if (folder / ROUTES_FILE).is_file() else SEARCH


def route_of(level: Level) -> Route:
    """Return the route of a level of Pangolin Dash.

    Raises:
        RouteFileError: the level is of another game, or its game has no such route.
    """
    routes = read_routes((level.integration or Path()) / level.game)
    if level.state not in routes:
        raise RouteFileError(
            f"the routes of {level.game} contain no {level.state}: build the game again"
        )
    return routes[level.state]


def planner_for(env: ContestEnv) -> StickyPlanner:
    """Return the expert of an environment's level. It plans on the native engine.

    Args:
        env: an environment that was reset.

    Raises:
        RouteFileError: see `route_of`.
        CompilerError: there is no C compiler.
    """
    route = route_of(env.level)
    progress = RouteProgress(route.start, route.waypoints)
    return StickyPlanner(RouteSimulator(env, progress))


class _Here(NamedTuple):
    """A state of an episode, for `StickyPlanner.plan`."""

    step: int
    state: bytes
    stage: int
    previous: int | None


class PlannerLabeller:
    """The planner, which labels an episode. It implements `training.experts.labeller.Labeller`.

    A new plan costs some hundredths of a second, so not every frame is labelled. The states before
    a death decide most: they are kept, and labelled after the episode.
    """

    every = 4

    def __init__(self, env: ContestEnv) -> None:
        """Begin at an environment's current state.

        Args:
            env: environment of a level with a route, reset or in the middle of an episode.

        Raises:
            RouteFileError, CompilerError: see `planner_for`.
        """
        self._planner = planner_for(env)
        self._planner.start(LABEL_SEED)
        self._other = StickyPlanner(self._planner.simulator, QUICK)
        self._recent: deque[_Here] = deque(maxlen=DEATH_STEPS)
        self._here = self._remembered(0)

    def _remembered(self, step: int) -> _Here:
        self._is_labelled = False
        planner = self._planner
        return _Here(step, planner.state(), planner.stage, planner.previous)

    def ask(self) -> NDArray[np.uint8] | None:
        """Return the planner's action; None where it finds no way on, or sees only deaths."""
        if self._planner.ended or self._planner.stalled >= GIVE_UP:
            return None
        action = self._planner.choose()
        for _ in range(HARDER_TRIES):
            if not self._planner.leads_on:
                action = self._planner.choose_again()
        if self._planner.hopeless or not self._planner.leads_on:
            return None
        return from_genesis(buttons(action))

    def judge(self, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Mark the jump button if a jump now or later does as well; see `Labeller.judge`."""
        self._is_labelled = True
        return self._judged(self._here, action)

    def observe(self, action: NDArray[np.uint8], variables: Mapping[str, Any]) -> None:
        """Follow a step; the variables are ignored."""
        if not self._is_labelled:
            self._recent.append(self._here)
        self._planner.observe(action_number(action))
        self._here = self._remembered(self._here.step + 1)

    def labels_before_death(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (step, label, uint8 (4,)) for the unlabelled ones among the steps before a death.

        Call it after the episode; the planner can't follow it any more. A state in which the
        planner finds no plan that may survive has no label.
        """
        if not self._planner.ended or self._planner.won:
            return
        for here in self._recent:
            if here.step >= self._here.step - DEATH_STEPS:
                plan = self._planner.plan(here.state, LABEL_SEED, here.stage, here.previous)
                if len(plan):
                    yield here.step, self._judged(here, from_genesis(plan[0].astype(np.uint8)))

    def _judged(self, here: _Here, action: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Compare a jump now with none in the next half second.

        Compared with a jump in the next step, a jump hardly ever decides: only at the last moment.
        """
        jump, none = action.copy(), action.copy()
        jump[JUMP], none[JUMP] = 1, 0
        steps = 1 if action[DOWN] else LATER_STEPS  # while it charges a dash, each step counts
        better = self._prospect(here, jump, 1).better(self._prospect(here, none, steps))
        if better:
            return jump if better > 0 else none
        judged = action.copy()
        judged[JUMP] += FREE
        return judged

    def _prospect(self, here: _Here, action: NDArray[np.uint8], steps: int) -> _Prospect:
        """Return what the best plan after some steps of an action leads to."""
        simulator, number = self._planner.simulator, action_number(action)
        simulator.load(here.state)
        moment = simulator.moment(here.stage)
        for _ in range(steps):
            moment = simulator.step(number, None, moment)
            if moment.dead:
                return _Prospect(1.0, False)
            if moment.won:
                return _Prospect(0.0, True)
        self._other.plan(simulator.save(), LABEL_SEED, moment.stage, number)
        return _Prospect(self._other.outlook.dead, self._other.leads_on)


class _Prospect(NamedTuple):
    """What a plan leads to: the probability of a death, and whether it gains progress."""

    risk: float
    leads_on: bool

    def better(self, other: _Prospect) -> int:
        """Return 1 if this is clearly better than another one, -1 if it is worse, otherwise 0."""
        safer = other.risk - self.risk
        if abs(safer) > SAME_RISK:
            return 1 if safer > 0 else -1
        return int(self.leads_on) - int(other.leads_on)


def play(
    env: Playable,
    expert: StickyPlanner,
    seed: int,
    state: bytes | None = None,
) -> Iterator[ExpertStep]:
    """Play an episode; it ends early where the expert makes no progress.

    The environment draws the sticky actions. The expert doesn't know these draws: it plans with
    draws of its own.

    Args:
        env: environment of the expert's level.
        expert: the expert; `start` is called.
        seed: random seed of its plans.
        state: a saved state of the emulator to start from; by default the level's start.
    """
    frame = env.reset() if state is None else env.reset(state)
    expert.start(seed)
    done = expert.ended
    while not done and expert.stalled < GIVE_UP:
        chosen = expert.choose()
        shown = frame
        action = from_genesis(buttons(chosen))
        frame, reward, done, variables = env.step(to_genesis(action))
        expert.observe(chosen)
        yield ExpertStep(shown, action, reward, env.terminated, variables)


def rehearse(
    level: Level, demonstration: Demonstration, seed: int, max_steps: int = MAX_STEPS
) -> list[NDArray[np.uint8]]:
    """Play an episode with the search's expert, on an emulator of its own.

    Args:
        level: level to play; the process must have no emulator.
        demonstration: recorded play of the level.
        seed: random seed of the sticky actions and of the expert's plans.
        max_steps: maximum number of steps.

    Returns:
        The actions, uint8 (4,) each. A `ContestEnv` with the same seed plays the same episode.
    """
    env = StateEnv(level)
    try:
        expert = StickyPlanner(RewardSimulator(env, demonstration))
        steps = play(RehearsalEnv(env, seed), expert, seed)
        return [step.action for step in itertools.islice(steps, max_steps)]
    finally:
        env.close()


def rehearsed_labels(
    level: Level,
    demonstration: Demonstration,
    seed: int,
    actions: Iterable[NDArray[np.uint8]],
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Play an agent's episode again, and yield what `AgentStates.labels` yields for it.

    Args:
        level: level of the episode; the process must have no emulator.
        demonstration: recorded play of the level.
        seed: random seed of the episode's sticky actions, and of the labels.
        actions: the agent's actions, uint8 (4,) each.
    """
    env = StateEnv(level)
    try:
        rehearsal = RehearsalEnv(env, seed)
        expert = StickyPlanner(RewardSimulator(env, demonstration))
        rehearsal.reset()
        states = AgentStates(expert, seed)
        for action in actions:
            rehearsal.step(to_genesis(action))
            states.observe(action)
        yield from states.labels()
    finally:
        env.close()


def play_rehearsed(
    env: ContestEnv, actions: Iterable[NDArray[np.uint8]]
) -> Iterator[CollectedStep]:
    """Play the actions of `rehearse`, as `training.collect` stores the episode.

    Args:
        env: environment of the level, with the same random seed.
        actions: what `rehearse` returned.
    """
    frame = env.reset()
    player: tuple[int, int] | None = None
    for action in actions:
        shown = frame
        frame, reward, done, variables = env.step(to_genesis(action))
        yield CollectedStep(shown, action, reward, env.terminated, action, player)
        if done:
            return
        player = screen_position(variables)


def play_planner(env: ContestEnv, seed: int, max_steps: int) -> Iterator[CollectedStep]:
    """Play an episode of the planner's expert, as `training.collect` stores it."""
    env.reset()
    player: tuple[int, int] | None = None
    for step in itertools.islice(play(env, planner_for(env), seed), max_steps):
        yield CollectedStep(
            step.frame, step.action, step.reward, step.terminated, step.action, player
        )
        player = screen_position(step.variables)
