"""A module with the interface of OpenAI's `gym_remote` of 2018: `client` and `exceptions`.

OpenAI never released its own; the package of this name on PyPI belongs to a third party. This one
is written anew. It imports nothing of this project and runs with Python 3.6 or newer, because
agents of 2018 may need an old Python (TensorFlow 1 does).
"""
