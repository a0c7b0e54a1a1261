"""The pictures that all zones share: player, objects, font and their palette."""
