"""Pangolin Dash: a free Mega Drive platformer with generated levels.

The engine is committed as a binary; Python alone makes the levels, the art and the ROM.
"""
