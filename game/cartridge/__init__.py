"""From levels and art to a ROM, its stable-retro integration, its states and its maps."""
