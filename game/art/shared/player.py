"""Draws the pangolin in a pose, with shaded shapes and scales."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from game.art.drawing import Field, Mask, PixelCanvas, Point
from game.art.shared.palette import (
    COPPER,
    GOLD,
    INK,
    ORANGE,
    RUST,
    SKIN,
    SKIN_DARK,
    TEAL,
    TEAL_DARK,
    WHITE,
)
from game.art.shared.poses import SPECIAL, STAND, Pose, run, walk
from game.format import Picture

PLATES = (RUST, COPPER, COPPER, ORANGE, ORANGE, GOLD)
FAR_PLATES = (RUST, RUST, COPPER)
FLESH = (SKIN_DARK, SKIN_DARK, SKIN, SKIN)
FAR_FLESH = (COPPER, SKIN_DARK)


def _scales(
    canvas: PixelCanvas, mask: Mask, along: Field, across: Field, size: float = 4.0
) -> None:
    """Draw overlapping scales whose dark round tips point along the shape."""
    column = across / (size * 1.25)
    row = np.floor(along / size)
    column = column + 0.5 * (row % 2)
    offset = (column - np.floor(column) - 0.5) * size * 1.25
    tip = size - 0.22 * offset**2
    rest = along - row * size
    canvas.pixels[mask & (rest > tip - 1.0)] = RUST


def _tail(canvas: PixelCanvas, pose: Pose) -> None:
    widths = (5.6, 4.6, 3.4, 1.3)
    mask, along, across = canvas.limb(pose.tail, widths, PLATES)
    _scales(canvas, mask, along, across, 3.6)
    canvas.edge(mask, RUST)


def _leg(canvas: PixelCanvas, pose: Pose, near: bool) -> None:
    foot = pose.feet[0 if near else 1]
    hip = (pose.body[0] + (0.0 if near else 2.5), pose.body[1] + 5.5)
    middle = ((hip[0] + foot[0]) / 2 + pose.knees, (hip[1] + foot[1]) / 2)
    mask, _, _ = canvas.limb(
        (hip, middle, (foot[0], foot[1] - 1)),
        (4.3, 3.4, 2.2),
        PLATES if near else FAR_PLATES,
    )
    if near:
        canvas.edge(mask, RUST)
    lift = pose.toes
    toe = (foot[0] + 4.5 * np.cos(lift), foot[1] - 4.5 * np.sin(lift))
    canvas.limb(((foot[0] - 0.5, foot[1]), toe), (2.3, 1.9), FLESH if near else FAR_FLESH)
    canvas.spot(toe[0] + 1.3, toe[1] + 0.6, 0.8, WHITE if near else SKIN)


def _trunk(canvas: PixelCanvas, pose: Pose) -> None:
    x, y = pose.body
    canvas_mask = canvas.ball(x, y, 7.2, 9.2, PLATES, -pose.lean)
    lean = np.deg2rad(pose.lean)
    dx, dy = canvas.x - x, canvas.y - y
    along = dy * np.cos(lean) - dx * np.sin(lean) + 12
    across = dx * np.cos(lean) + dy * np.sin(lean)
    _scales(canvas, canvas_mask, along, across)
    canvas.edge(canvas_mask, RUST)
    fx, fy = x + 3.6 * np.cos(lean), y + 3.6 * np.sin(lean)
    belly = canvas.ellipse(fx, fy + 0.8, 4.2, 7.2, -pose.lean) & canvas_mask
    canvas.paint(belly, FLESH, canvas.light((canvas.x - fx) / 5, (canvas.y - fy) / 9))


def _arm(canvas: PixelCanvas, pose: Pose, near: bool) -> None:
    hand = pose.hands[0 if near else 1]
    lean = np.deg2rad(pose.lean)
    shoulder = (
        pose.body[0] + 1.5 + 4 * np.sin(lean) + (0 if near else 3),
        pose.body[1] - 4 * np.cos(lean),
    )
    mask, _, _ = canvas.limb((shoulder, hand), (3.0, 2.3), FLESH if near else FAR_FLESH)
    if near:
        canvas.edge(mask, COPPER)
    canvas.spot(hand[0] + 0.8, hand[1] + 0.8, 1.1, WHITE if near else SKIN)


def _neck(pose: Pose) -> Point:
    (hx, hy), (bx, by) = pose.head, pose.body
    return (hx * 2 + bx) / 3 - 0.5, (hy * 2 + by) / 3 + 2.0


def _scarf_end(canvas: PixelCanvas, pose: Pose) -> None:
    """Draw the loose end of the scarf, behind everything else."""
    neck, tip = _neck(pose), pose.scarf
    middle = ((neck[0] + tip[0]) / 2, min(neck[1], tip[1]) - 0.5)
    mask, _, _ = canvas.limb((neck, middle, tip), (1.8, 2.2, 2.9), (TEAL_DARK, TEAL))
    canvas.edge(mask & (canvas.y > middle[1]), TEAL_DARK)


def _scarf_band(canvas: PixelCanvas, pose: Pose) -> None:
    """Draw the scarf around the neck, at right angles to the line from the trunk to the head."""
    x, y = _neck(pose)
    dx, dy = pose.head[0] - pose.body[0], pose.head[1] - pose.body[1]
    length = float(np.hypot(dx, dy))
    ux, uy = -dy / length * 4.6, dx / length * 4.6
    canvas.limb(((x - ux, y - uy), (x + ux, y + uy)), (2.2, 2.2), (TEAL_DARK, TEAL, TEAL))


def _head(canvas: PixelCanvas, pose: Pose) -> None:
    x, y = pose.head
    nod = np.deg2rad(pose.nod)
    cos, sin = np.cos(nod), np.sin(nod)

    def at(forward: float, down: float) -> Point:
        return x + forward * cos - down * sin, y + forward * sin + down * cos

    skull = canvas.ball(x, y, 6.4, 5.8, PLATES, -pose.nod)
    dx, dy = canvas.x - x, canvas.y - y
    along = -(dx * cos + dy * sin) + 9
    _scales(canvas, skull, along, -dx * sin + dy * cos + 1.5, 4.0)
    canvas.edge(skull, RUST)
    canvas.limb((at(1.5, 2.0), at(6.0, 2.6), at(11.0, 2.4)), (4.3, 3.1, 1.5), FLESH)
    nose = at(11.6, 1.8)
    canvas.spot(nose[0], nose[1], 1.25, INK)
    canvas.spot(*at(-2.6, 2.4), 1.9, SKIN_DARK)
    _eye(canvas, at, pose.eye)


def _eye(canvas: PixelCanvas, at: Callable[[float, float], Point], eye: str) -> None:
    if eye in ("open", "wide"):
        radius = 2.3 if eye == "open" else 2.8
        canvas.spot(*at(3.2, -0.6), radius, WHITE)
        canvas.spot(*at(4.1, -0.4), 1.3, INK)
    else:
        bend = 0.6 if eye == "shut" else -0.8
        canvas.limb((at(1.6, -0.4), at(3.3, -0.4 + bend), at(5.0, -0.4)), (0.7, 0.7, 0.7), (INK,))


def draw(pose: Pose, turn: float = 0.0) -> Picture:
    """Draw a pose, (40, 40), turned counter-clockwise about (20, 20) by `turn` degrees."""
    canvas = PixelCanvas(40, 40, turn)
    _scarf_end(canvas, pose)
    _arm(canvas, pose, near=False)
    _leg(canvas, pose, near=False)
    _tail(canvas, pose)
    _trunk(canvas, pose)
    _leg(canvas, pose, near=True)
    _scarf_band(canvas, pose)
    if pose.arm_behind:
        _arm(canvas, pose, near=True)
    _head(canvas, pose)
    if not pose.arm_behind:
        _arm(canvas, pose, near=True)
    return canvas.outline(INK)


def ball(turn: float, squash: float = 0.0) -> Picture:
    """Draw the ball, (40, 40), turned clockwise by degrees and flattened by `squash` pixels."""
    canvas = PixelCanvas(40, 40)
    rx, ry = 11.4 + squash, 11.4 - squash
    cy = 20 + squash
    mask = canvas.ball(20, cy, rx, ry, (RUST, COPPER, COPPER, ORANGE, ORANGE, GOLD))
    dx, dy = (canvas.x - 20) / rx, (canvas.y - cy) / ry
    radius = np.hypot(dx, dy)
    angle = (np.arctan2(dy, dx) - np.deg2rad(turn)) / (2 * np.pi)
    # The scales form a spiral, with the tail outside and the head inside.
    winding = radius * 3.0 - angle % 1.0
    turn_number = np.floor(winding)
    fraction = winding - turn_number
    plates = (angle * (7 - 2 * (turn_number < 1)) + winding * 0.5) % 1.0
    seams = mask & (radius > 0.3)
    canvas.pixels[seams & (fraction < 0.2)] = RUST
    canvas.pixels[seams & (plates < 0.14) & (radius > 0.36)] = RUST
    turned = np.deg2rad(turn)
    cx, cyy = 20 + 4.2 * np.cos(turned), cy + 4.2 * np.sin(turned)
    canvas.ball(cx, cyy, 3.2, 3.2, FLESH)
    ex, ey = 20 + 5.2 * np.cos(turned + 0.25), cy + 5.2 * np.sin(turned + 0.25)
    canvas.spot(ex, ey, 1.0, INK)
    for back in (2.2, 2.6, 3.0, 3.4):  # the scarf, around the ball
        sx, sy = 20 + 7.2 * np.cos(turned + back), cy + 7.2 * np.sin(turned + back)
        canvas.spot(sx, sy, 1.9, TEAL if back < 3.2 else TEAL_DARK)
    canvas.pixels[~mask] = 0
    canvas.edge(mask, INK)
    return canvas.pixels


def player() -> dict[str, tuple[Picture, ...]]:
    """Draw all frames: animation -> (40, 40) pictures, as FORMAT.md, 9 lists them."""
    runs = [run(i / 4 + 0.1) for i in range(4)]
    frames: dict[str, tuple[Picture, ...]] = {
        "stand": (draw(STAND), draw(replace(STAND, eye="shut"))),
        "walk": tuple(draw(walk(i / 6)) for i in range(6)),
        "run": tuple(draw(pose) for pose in runs),
    }
    for turn in (45, 90, 135):
        frames[f"run{turn}"] = tuple(draw(pose, turn) for pose in runs)
    frames["roll"] = tuple(ball(90.0 * i) for i in range(4))
    frames["dash"] = (ball(20, 1.4), ball(200, 1.0))
    frames |= {name: (draw(pose),) for name, pose in SPECIAL.items()}
    cheer = replace(
        STAND,
        hands=((31.0, 7.0), (12.0, 24.0)),
        arm_behind=True,
        eye="glad",
        nod=-4.0,
        scarf=(9.0, 21.0),
    )
    jump = replace(
        cheer, body=(18.0, 19.5), head=(21.5, 10.5), feet=((15.0, 32.0), (22.0, 31.0)), toes=-0.4
    )
    frames["win"] = (draw(cheer), draw(jump))
    return frames


def face() -> Picture:
    """Draw the head, (16, 16), for the number of lives."""
    canvas = PixelCanvas(16, 16, about=(8.0, 8.0))
    skull = canvas.ball(6.8, 7.5, 5.8, 5.6, PLATES)
    _scales(canvas, skull, 12 - canvas.x, canvas.y, 3.6)
    canvas.limb(((7.5, 9.6), (10.5, 10.2), (13.6, 9.8)), (3.4, 2.4, 1.2), FLESH)
    canvas.spot(14.2, 9.4, 0.9, INK)
    canvas.spot(9.2, 6.8, 1.9, WHITE)
    canvas.spot(10.0, 7.0, 1.0, INK)
    canvas.pixels[14:15, 3:9] = TEAL
    canvas.pixels[13:14, 2:5] = TEAL
    return canvas.outline(INK)
