"""Steps per second, seconds and memory of play, training, datasets, the game and the pages."""
