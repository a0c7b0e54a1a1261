"""The tuner's advice for the page: the one place of the report that knows the tuner."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import UserError
from arena.pages.report.records import RunRecord
from arena.tuner.recorded import caution_about

TUNER = "arena.tuner.advice"


@dataclass(frozen=True)
class Advice:
    """What the tuner recommends.

    Attributes:
        sentences: for people; without a threshold perhaps only why there is no advice.
        threshold: the return above which it would lock in; None where it names none.
    """

    sentences: Sequence[str]
    threshold: float | None = None


def advise(run: RunRecord) -> Advice:
    """Ask the tuner about a run; its reasons where it has no advice."""
    if not any(level.locked is not None for level in run.levels):
        return Advice(("no advice: the run has no journal to learn from.",))
    try:
        tuner = importlib.import_module(TUNER)
    except ImportError:
        return Advice(("no advice: this version has no tuner.",))
    try:
        found = tuner.advise([run.folder])
    except UserError as error:
        return Advice((f"no advice: {error}.",))
    sentences = list(found.sentences)
    if caution := caution_about(run.agent_settings):
        sentences.append(f"With a grain of salt: {caution}.")
    return Advice(tuple(sentences), found.recommended.threshold)
