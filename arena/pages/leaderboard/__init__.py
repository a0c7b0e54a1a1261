"""The `leaderboard` command: all runs of a folder in one table, as a page and as CSV."""
