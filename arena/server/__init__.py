"""Serves a level on the contest's socket: the protocol's server side, the limits, the monitor."""
