"""Levels from segments: grammars, the finished level, its limits, preview and route file."""
