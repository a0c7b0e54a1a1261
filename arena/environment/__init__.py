"""The contest's environment: levels, level sets, ROMs, and a level on the emulator."""
