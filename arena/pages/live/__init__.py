"""Serves a page that shows the levels of a run while they are played."""
