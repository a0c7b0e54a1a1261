"""The parts that the zones' pictures are made from: ground, special cells, background, sprites."""
