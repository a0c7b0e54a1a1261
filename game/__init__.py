"""Pangolin Dash: a free Mega Drive platformer with generated levels, for the contest's agents.

The engine is committed as a binary; levels, art and the integration are made by Python alone.
"""
