"""Measures scores under the contest's rules, to compare agents, levels and play settings."""
