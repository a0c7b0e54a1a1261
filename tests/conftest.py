"""Settings for the whole suite: one thread a process, as at play; fuzzing that repeats itself.

`python -m pytest --hypothesis-profile fuzz` draws new examples each time; what it finds becomes an
`@example`. The suite itself draws the same ones on every machine, and leaves time to the timeouts.
"""

from __future__ import annotations

import os

from hypothesis import settings

from arena.workers.remote_errors import THREAD_VARIABLES

for variable in THREAD_VARIABLES:
    os.environ.setdefault(variable, "1")

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None)
settings.load_profile("suite")
