"""Runs tasks on worker processes of this machine or on a Ray cluster, with one interface."""
