"""Says in words when a level's lock-in was, or why there was none."""

from __future__ import annotations

from arena.pages.report.records import LevelRecord


def lock_in_sentence(
    level: LevelRecord, threshold: float | None, before: float | None, after: float | None
) -> str:
    """Return a sentence for the caption of a level; "" if its agent wrote no journal.

    Args:
        level: the level.
        threshold: the agent's lock-in threshold; None if its rule has none.
        before: mean return of the episodes before the lock-in; None if there are none.
        after: mean return of the locked-in episodes; None if there are none.
    """
    locked_in_at = level.result.locked_in_at
    if locked_in_at is not None:
        means = ""
        if before is not None and after is not None:
            means = f": mean return {before:,.1f} before, {after:,.1f} after"
        return f"Locked in after {locked_in_at:,.0f} timesteps{means}."
    if level.locked is None:
        return ""
    sentence = "No candidate was locked in"
    if threshold is None or not len(level.returns):
        return f"{sentence}."
    above = level.returns > threshold
    if not above.any():
        return f"{sentence}: no return was above {threshold:,.0f}."
    if above[-1] and above.sum() == 1:
        return (
            f"{sentence}: the first return above {threshold:,.0f} was that of the last episode that"
            " finished."
        )
    return f"{sentence}."
