"""The planner's simulator: a level of Pangolin Dash, whose route is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from arena.environment.contest_env import ContestEnv
from arena.environment.roms import ROM_FILE
from game.native.engine import NativeEngine, ram_of
from game.planning.console import PlayerState
from game.planning.planner import Search
from game.planning.route_progress import RouteProgress
from game.planning.search_node import stands
from game.ram import current_ram
from training.experts.simulator import ON_NATIVE_ENGINE, KnownPlan, Moment

SEARCH_FRAMES = 20_000  # frames of a search of effort 1
SEARCH_STEPS = 90  # length of a plan at which a search ends
VERSION = 3  # raise it when the planner's expert plays differently with the same seed


class RouteSimulator:
    """Implements `training.experts.simulator.Simulator` by the planner of Pangolin Dash."""

    foresight = ON_NATIVE_ENGINE

    def __init__(self, env: ContestEnv, route: RouteProgress) -> None:
        """Start the level on the native engine.

        Args:
            env: environment of the level, after a reset.
            route: the level's route.

        Raises:
            CompilerError: there is no C compiler.
        """
        level = env.level
        self._env = env.retro_env
        self._engine = NativeEngine.of(
            self._env, (level.integration or Path()) / level.game / ROM_FILE
        )
        self._route = route

    @property
    def length(self) -> float:
        """Length of the route in pixels."""
        return self._route.length

    def follow(self) -> None:
        """Continue from the state of the emulator that is being played."""
        self._engine.take(current_ram(self._env))

    def save(self) -> bytes:
        """Return the state of the native engine."""
        return self._engine.save()

    def load(self, state: bytes) -> None:
        """Load a state.

        Raises:
            NativeEngineError: it is not of this level.
        """
        if len(state) == self._engine.state_size:
            self._engine.load(state)
        else:
            self._engine.take(ram_of(state))

    def moment(self, stage: int | None) -> Moment:
        """Return where the player is; an unknown stage follows from the nearest part of all."""
        player = self._engine.player_state()
        return self._moment(player, self._route.nearest_stage(player) if stage is None else stage)

    def after(self, before: Moment) -> Moment:
        """Return where the player is after a step of the episode."""
        return self.moment(before.stage)

    def step(self, action: int, first: int | None, before: Moment) -> Moment:
        """Hold an action for four frames; in the first one, the action `first` if it is given."""
        return self._moment(self._engine.step(action, first), before.stage)

    def known_plans(self, here: Moment) -> Iterator[KnownPlan]:
        """Yield nothing: a search of the planner takes less time than judging an old plan."""
        return iter(())

    def search(
        self,
        here: Moment,
        previous: int,
        effort: int,
        late: Callable[[], bool] | None,
        random: np.random.Generator,
    ) -> KnownPlan | None:
        """Search with the planner along the route; see `Simulator.search`."""
        search = Search(self._engine, self._route, here.stage, previous, late)
        plan, reaches = search.run_ahead(SEARCH_FRAMES * effort, SEARCH_STEPS)
        return KnownPlan(plan, reaches) if plan else None

    def _moment(self, player: PlayerState, before: int) -> Moment:
        stage = self._route.advance(before, player)
        won = bool(player.won)
        return Moment(
            self._route.length if won else self._route.progress(stage, player),
            bool(player.dead),
            won,
            stands(player),
            bool(player.grounded or player.on_platform),
            player.rings,
            (player.x, player.y),
            stage,
        )
