"""Says which games of a run the agent's model was never trained on.

Such a model plays, but nothing that it learned is about the game; a score then measures the
explorer and chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from arena.environment.levels import Level


def unseen_games(agent: Mapping[str, Any], levels: Iterable[str]) -> str | None:
    """Return a sentence about the games that the model has never seen; None if there is none.

    Args:
        agent: description of the agent, as in run.json. Other agents than this project's, and runs
            of older versions, name no `games`.
        levels: names of the levels, GAME:STATE.
    """
    seen = agent.get("games")
    if not isinstance(seen, list):
        return None
    played = dict.fromkeys(Level.parse(level).game for level in levels)
    unseen = [game for game in played if game not in seen]
    if not unseen:
        return None
    return (
        f"The model has never seen {' and '.join(unseen)}: it was trained on"
        f" {', '.join(map(str, seen))} (docs/own-roms.md explains how to train on a game)."
    )
