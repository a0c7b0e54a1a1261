"""Writes HTML pages: reports, comparisons and the tuning page; serves the live view."""
