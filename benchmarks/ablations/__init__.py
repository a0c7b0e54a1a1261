"""What parts of the world model and other model sizes are worth: C is evolved with each variant."""
