"""Plays recorded episodes again, as videos, with the world model's decoded views."""
