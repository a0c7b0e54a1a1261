"""Steps/s of programs that run in turn, round after round: kept, and compared within a round.

The machine's noise falls on all programs of a round alike: what is quoted are medians of ratios
within rounds, never a ratio of two medians. A pair is named `above / below`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Round = Mapping[str, float]  # program -> steps/s, or another figure


def medians(rounds: Sequence[Round]) -> dict[str, float]:
    """The median over the rounds of each program's figure."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def median_ratio(rounds: Sequence[Round], pair: str) -> float:
    """The median over the rounds of `above / below`, to three digits."""
    return round(statistics.median(ratios(rounds, pair)), 3)


def ratios(rounds: Sequence[Round], pair: str) -> list[float]:
    """`above / below` of each round."""
    above, below = pair.split(" / ")
    return [one[above] / one[below] for one in rounds]


def ratio_text(measured: Mapping[str, Any], pair: str) -> str:
    """A ratio as a table has it: `0.83 of bare (0.71 to 0.86)`, the median, lowest and highest.

    Args:
        measured: holds `steps_per_second`, the rounds, and `median_ratios` by pair.
        pair: which.
    """
    found = ratios(measured["steps_per_second"], pair)
    below = pair.split(" / ")[1]
    return (
        f"{measured['median_ratios'][pair]:.2f} of {below} ({min(found):.2f} to {max(found):.2f})"
    )
