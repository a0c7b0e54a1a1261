"""The tuner's lock-in advice as the report shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import UserError
from arena.environment.held_out import held_out_sets
from arena.pages.report.records import RunRecord
from arena.tuner import advice as tuner
from arena.tuner.cautions import caution_about, held_out_caution


@dataclass(frozen=True)
class AdviceSummary:
    """What the tuner recommends for a run.

    Attributes:
        sentences: the advice; or one sentence that says why there is none.
        threshold: the recommended lock-in threshold; None if the recommended rule has none.
    """

    sentences: Sequence[str]
    threshold: float | None = None


def summarize_advice(run: RunRecord) -> AdviceSummary:
    """Run the tuner on a run; its error message takes the place of the advice if it fails."""
    if not any(level.locked is not None for level in run.levels):
        return AdviceSummary(("no advice: the run has no journal.",))
    try:
        found = tuner.advise([run.folder])
    except UserError as error:
        return AdviceSummary((f"no advice: {error}.",))
    sentences = list(found.sentences)
    if held_out := held_out_sets(found.levels):
        sentences.append(f"Caution: {held_out_caution(held_out)}.")
    if caution := caution_about(run.agent_settings):
        sentences.append(f"Caution: {caution}.")
    return AdviceSummary(tuple(sentences), found.recommended.threshold)
