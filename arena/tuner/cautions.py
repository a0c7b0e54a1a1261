"""Says why a recorded run is unsuitable for the tuner; the command and the report print it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def caution_about(agent: Mapping[str, Any]) -> str | None:
    """Return why a run with these settings is unsuitable for the tuner; None if it is suitable."""
    if agent.get("repeats") or not agent.get("explore"):
        return None
    return (
        "the agent explored, so its returns depend on earlier episodes, but the tuner treats"
        " them as independent draws (record with --repeats 3)"
    )


def held_out_caution(held_out: Mapping[str, str]) -> str:
    """Say that a rule must not be chosen on these levels, given as level -> its set."""
    sets = " and ".join(dict.fromkeys(held_out.values()))
    levels = "1 level is" if len(held_out) == 1 else f"{len(held_out)} levels are"
    return (
        f"{levels} for evaluation only ({sets}): do not choose a rule by this advice; record"
        " training levels"
    )
