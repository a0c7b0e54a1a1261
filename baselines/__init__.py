"""Agents without a model, to compare ours with. They play in the process of the benchmark."""
