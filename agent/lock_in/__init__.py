"""The lock-in rules, a module each: pure, and shared by the agent and by the tuner's simulator."""
