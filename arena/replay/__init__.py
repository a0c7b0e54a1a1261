"""Plays recorded episodes again: movies, videos, and what V and M made of the frames."""
