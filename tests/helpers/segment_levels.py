"""Short levels from a few segments, for the tests of the generator and of the planner."""

from __future__ import annotations

import random

from game.levels.finish import GeneratedLevel, finish
from game.segments import SEGMENTS
from game.segments.canvas import Canvas

END_BACK = 12  # columns from the end post to the right border


def segment_level(name: str, *segments: str, seed: str, difficulty: float = 0.5) -> GeneratedLevel:
    """Generate a level from segments between two flat parts."""
    canvas = Canvas(random.Random(seed), difficulty)
    canvas.flat(14)
    for segment in segments:
        canvas.begin_segment(segment)
        SEGMENTS[segment].draw(canvas)
        canvas.route_past()
    canvas.begin_segment("end")
    canvas.flat(22)
    return finished(canvas, name)


def finished(canvas: Canvas, name: str) -> GeneratedLevel:
    """Finish a level whose last column is drawn."""
    return finish(
        canvas,
        zone=0,
        act=1,
        name=name,
        end_column=canvas.column - END_BACK,
        roof=False,
        water_row=None,
    )
