"""The planner that proves levels solvable: emulator, search, movies of the solutions."""
