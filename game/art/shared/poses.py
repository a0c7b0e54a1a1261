"""The poses of the pangolin: the positions of head, tail, hands and feet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from game.art.drawing import Point


@dataclass(frozen=True)
class Pose:
    """A pose of the pangolin facing right, in pixels of a 40x40 picture, body centre (20, 20).

    Attributes:
        body: centre of the trunk.
        lean: forward tilt of the trunk, in degrees.
        head: centre of the head.
        nod: angle by which the snout points down, in degrees.
        tail: points from the hip to the tip.
        feet, hands: the near one and the far one.
        knees: pixels by which the knees stand forward.
        scarf: tip of the scarf's loose end.
        eye: "open", "shut", "glad" or "wide".
        toes: angle by which the feet point up, in radians.
        arm_behind: whether the near arm is drawn behind the head.
    """

    body: Point = (18.0, 21.0)
    lean: float = 8.0
    head: Point = (21.5, 12.0)
    nod: float = 14.0
    tail: tuple[Point, ...] = ((14, 26), (9, 30), (4.5, 28.5), (2.5, 23))
    feet: tuple[Point, Point] = ((17.0, 33.0), (20.5, 33.0))
    hands: tuple[Point, Point] = ((24.0, 25.5), (27.0, 24.0))
    knees: float = 2.0
    scarf: Point = (8.0, 18.0)
    eye: str = "open"
    toes: float = 0.0
    arm_behind: bool = False


def walk(phase: float) -> Pose:
    """Return a pose of the walk at a phase 0-1."""
    angle = phase * 2 * np.pi

    def foot(a: float, x: float) -> Point:
        return x + 5.5 * np.cos(a), 33 - max(0.0, 4.0 * np.sin(a))

    bob = abs(np.sin(angle)) * 1.2
    swing = 3.5 * np.cos(angle)
    return Pose(
        body=(18.5, 20.7 - bob + 0.8),
        lean=12,
        head=(22.5, 12 - bob + 0.8),
        feet=(foot(-angle, 17), foot(-angle + np.pi, 18.5)),
        hands=((23 - swing, 24.5), (26 + swing, 23.5)),
        tail=((14, 25), (9, 28.5 - bob), (4.5, 26.5 - bob), (1.8, 21.5 + swing * 0.4)),
        scarf=(8.0, 17.0 + np.sin(angle) * 2),
        toes=0.0,
    )


def run(phase: float) -> Pose:
    """Return a pose of the run at a phase 0-1: low and long, with the tail behind."""
    angle = phase * 2 * np.pi

    def foot(a: float) -> Point:
        return 18.5 + 8.5 * np.cos(a), 33 - max(0.0, 6.5 * np.sin(a))

    sway = np.sin(angle)
    return Pose(
        body=(17.5, 22.0),
        lean=38,
        head=(25.0, 15.0 + 0.5 * sway),
        nod=2,
        feet=(foot(-angle), foot(-angle + np.pi)),
        hands=((16.5 - 2 * sway, 27.0), (19, 27)),
        tail=((13, 25), (8, 25 + sway), (4, 22 + sway), (1.2, 18.5 + 2 * sway)),
        scarf=(9.5, 13.0 + 2.2 * np.cos(angle)),
        knees=3,
        toes=0.25,
    )


STAND = Pose()
SPECIAL = {
    "skid": Pose(
        arm_behind=True,
        lean=-22, body=(17, 21), head=(16.5, 12), nod=4, feet=((23, 33), (28, 33)), toes=0.5,
        hands=((28, 21), (30, 24)), tail=((12, 26), (8, 30), (5, 32), (2, 32)),
        scarf=(25, 5), eye="wide", knees=1,
    ),
    "crouch": Pose(
        body=(18, 25.5), lean=30, head=(25, 20), nod=20, feet=((16, 33), (20, 33)), knees=4,
        hands=((26, 31), (28, 30)), tail=((12, 28), (7, 31), (4, 30), (2, 26)), scarf=(10, 20),
    ),
    "rise": Pose(
        arm_behind=True,
        lean=4, body=(19, 20), head=(21, 10.5), nod=-28, feet=((17, 32), (20, 33)), toes=-0.9,
        hands=((30, 4.5), (12, 6)), tail=((15, 26), (11, 30), (9, 33), (8, 37)), scarf=(13, 22),
        knees=1, eye="glad",
    ),
    "fall": Pose(
        arm_behind=True,
        lean=4, body=(18.5, 22), head=(21.5, 13.5), nod=26, feet=((15, 33), (22, 32)), toes=-0.3,
        hands=((27, 14), (29, 18)), tail=((14, 26), (9, 24), (6, 19), (6, 13)), scarf=(12, 6),
        knees=1, eye="wide",
    ),
    "hurt": Pose(
        arm_behind=True,
        lean=-34, body=(19, 22), head=(15, 13.5), nod=-26, feet=((27, 29), (29, 32)), toes=0.9,
        hands=((27, 17), (29, 20)), tail=((14, 27), (10, 31), (6, 32), (3, 35)), scarf=(25, 9),
        knees=0, eye="shut",
    ),
    "dead": Pose(
        arm_behind=True,
        lean=0, body=(19, 21), head=(20, 12), nod=-10, feet=((12, 31), (26, 31)), toes=0.8,
        hands=((9, 15), (31, 15)), tail=((17, 27), (15, 31), (13, 34), (14, 38)), scarf=(11, 7),
        knees=0, eye="shut",
    ),
}  # fmt: skip
