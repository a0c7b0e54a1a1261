"""Measures the speed and memory of play, training, datasets, the game and the pages."""
