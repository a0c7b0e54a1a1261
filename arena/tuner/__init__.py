"""Simulates lock-in rules on recorded runs and recommends one."""
