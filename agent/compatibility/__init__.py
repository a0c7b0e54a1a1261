"""Modules under the names that agents of 2018 import; this folder is put on PYTHONPATH."""
