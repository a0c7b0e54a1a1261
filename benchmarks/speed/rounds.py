"""Computes medians and ratios of the speeds of programs that run in turn, round after round.

Other work on the machine slows all programs of a round. Therefore results are medians of ratios
within rounds, not ratios of medians. A pair is named `above / below`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Round = Mapping[str, float]  # program -> steps/s, or another number


def medians(rounds: Sequence[Round]) -> dict[str, float]:
    """Return the median over the rounds for each program."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def median_ratio(rounds: Sequence[Round], pair: str) -> float:
    """Return the median over the rounds of `above / below`, with three decimals."""
    return round(statistics.median(ratios(rounds, pair)), 3)


def ratios(rounds: Sequence[Round], pair: str) -> list[float]:
    """Return `above / below` of each round."""
    above, below = pair.split(" / ")
    return [one[above] / one[below] for one in rounds]


def ratio_text(measured: Mapping[str, Any], pair: str) -> str:
    """Return a ratio as text: `0.83 of bare (0.71 to 0.86)`, the median, lowest and highest.

    Args:
        measured: result with `steps_per_second`, the rounds, and `median_ratios` by pair.
        pair: name of the pair.
    """
    found = ratios(measured["steps_per_second"], pair)
    below = pair.split(" / ")[1]
    return (
        f"{measured['median_ratios'][pair]:.2f} of {below} ({min(found):.2f} to {max(found):.2f})"
    )
