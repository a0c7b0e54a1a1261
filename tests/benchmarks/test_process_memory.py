"""Peak memory: of a process's descendants together, with peaks that have passed."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from arena.evaluation.supervisor import descendants
from benchmarks import process_memory
from benchmarks.process_memory import PeakMemory

MIB = 2**20
# A process that takes 200 MiB and frees them, and has a child that takes 100 MiB.
CHILD = f"memory = bytearray({100 * MIB}); print('child', flush=True); input()"
PARENT = f"""
import subprocess, sys
memory = bytearray({200 * MIB})
del memory
subprocess.run([sys.executable, "-c", {CHILD!r}])
"""
STARTER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PARENT!r}])"


def test_the_peaks_of_all_descendants_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_memory, "SECONDS", 0.02)
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", STARTER], stdin=pipe, stdout=pipe) as started:
        assert started.stdout is not None and started.stdout.readline() == b"child\n"
        memory = PeakMemory(lambda: descendants(started.pid))
        time.sleep(0.2)
        started.communicate(b"\n", timeout=30)
        time.sleep(0.1)
        memory.stop()
    # Each interpreter takes some 10 MiB more; the first process is not counted.
    assert 300 < memory.mib < 350
