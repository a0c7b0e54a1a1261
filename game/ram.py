"""The block of RAM in which the engine reports the state of play (FORMAT.md, 8).

The layout is frozen: the integrations, the planner and recorded movies depend on it.
"""

from __future__ import annotations

from typing import Any

RAM_MAGIC = 0x50474431  # "PGD1"
RAM_BASE = 0xFF0000

# Variable -> (offset from RAM_BASE in bytes, stable-retro type).
RAM: dict[str, tuple[int, str]] = {
    "magic": (0, ">u4"),
    "frame": (4, ">u4"),
    "x": (8, ">u2"),
    "y": (10, ">i2"),
    "x_speed": (12, ">i2"),
    "y_speed": (14, ">i2"),
    "ground_speed": (16, ">i2"),
    "level_end_x": (18, ">u2"),
    "lives": (20, "|u1"),
    "zone": (21, "|u1"),
    "act": (22, "|u1"),
    "level": (23, "|u1"),
    "rings": (24, ">u2"),
    "score": (26, ">u4"),
    "ready": (30, "|u1"),
    "dead": (31, "|u1"),
    "won": (32, "|u1"),
    "exception": (33, "|u1"),
    "request": (34, ">u2"),
    "lag": (36, ">u2"),
    "grounded": (38, "|u1"),
    "rolling": (39, "|u1"),
    "angle": (40, "|u1"),
    "charge": (41, "|u1"),
    "in_loop": (42, "|u1"),
    "on_platform": (43, "|u1"),
    "underwater": (44, "|u1"),
    "invincible": (45, "|u1"),
    "air": (46, ">u2"),
    "camera_x": (48, ">u2"),
    "camera_y": (50, ">i2"),
    "level_width": (52, ">u2"),
    "level_height": (54, ">u2"),
    "lock": (56, ">u2"),
    "time": (58, ">u2"),
    "load": (60, ">u2"),
    "mode": (62, ">u2"),
    "exception_pc": (64, ">u4"),
    "build_id": (68, ">u4"),
}


def current_ram(env: Any) -> bytes:
    """Return the console's RAM, 64 KB, as the core of a stable-retro environment has it.

    The memory's blocks are always current. `update_ram` is not called: it would also run the
    scenario's script, which counts the frames of the episode.
    """
    ram: bytes = env.data.memory.blocks[RAM_BASE]
    return ram
