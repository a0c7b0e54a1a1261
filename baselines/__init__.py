"""Other agents of the contest, to compare ours with. They have no model of the game."""
