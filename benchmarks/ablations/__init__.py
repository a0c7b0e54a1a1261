"""Measures the effect of the world model's parts and sizes: C is evolved with each variant."""
