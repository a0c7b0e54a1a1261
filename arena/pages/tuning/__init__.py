"""The `tune` command and its page."""
