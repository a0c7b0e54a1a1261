"""Evaluates an agent on levels: starts agents and servers, and writes a run folder with scores."""
