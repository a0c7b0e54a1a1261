"""Settings for the whole suite: one thread a process, Ctrl-C, and fuzzing that repeats itself.

`python -m pytest --hypothesis-profile fuzz` draws new examples each time; what it finds becomes an
`@example`. The suite itself draws the same ones on every machine, and leaves time to the timeouts.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings

from arena.workers.remote_errors import THREAD_VARIABLES

for variable in THREAD_VARIABLES:
    os.environ.setdefault(variable, "1")

# A shell that starts the tests in the background makes them ignore Ctrl-C, and they pass this on to
# every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("fuzz", deadline=None)
settings.load_profile("suite")
