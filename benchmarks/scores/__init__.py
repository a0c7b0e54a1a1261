"""Returns under the contest's rules: agents, levels and settings of play are compared."""
