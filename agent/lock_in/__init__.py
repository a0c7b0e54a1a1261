"""The lock-in rules, one module each, which the agent and the tuner's simulator share."""
