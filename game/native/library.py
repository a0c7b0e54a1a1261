"""Compiles the engine's rules for this machine, once for each version of their sources.

The engine is C without libraries, so the same files that run on the console also run here, much
faster than on the emulator. The result is kept in the user's cache folder.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from agent.errors import UserError

HOST = Path(__file__).parent / "host.c"
ENGINE = Path(__file__).parents[1] / "engine"
# As build.sh has them where they change the meaning of the program.
FLAGS = (
    *("-std=gnu11", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-fwrapv"),
    *("-fno-strict-aliasing", "-fno-delete-null-pointer-checks"),
)


class CompilerError(UserError):
    """There is no C compiler, or it failed."""


@cache
def library() -> ctypes.CDLL:
    """Load the compiled rules; compile them first if the cache has no such version.

    Raises:
        CompilerError: there is no C compiler, or it failed.
    """
    name = os.environ.get("CC", "cc")
    compiler = shutil.which(name)
    if compiler is None:
        raise CompilerError(
            f"the native engine of Pangolin Dash needs a C compiler, and {name!r} was not found:"
            " install one (apt install gcc), or name its program in CC"
        )
    version = hashlib.sha256(" ".join((platform.machine(), compiler, *FLAGS)).encode())
    for path in (HOST, *sorted(ENGINE.glob("*.[ch]"))):
        version.update(path.read_bytes())
    file = cache_folder() / f"pangolin-{version.hexdigest()[:16]}.so"
    if not file.exists():
        _compile([compiler, *FLAGS, str(HOST)], file)
    return ctypes.CDLL(str(file))


def cache_folder() -> Path:
    """Return the folder for compiled files, as the XDG base directory specification names it."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "world-models-contest"


def _compile(command: list[str], file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            made = Path(folder) / file.name
            done = subprocess.run(
                [*command, "-o", str(made)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                lines = done.stderr.strip().splitlines() or ["no message"]
                reason = next((line for line in lines if "error:" in line), lines[0])
                raise CompilerError(f"{command[0]} can't compile the native engine: {reason}")
            made.replace(file)  # atomic: another process may be compiling too
    except OSError as error:
        raise CompilerError(f"{file}: {error.strerror}; set XDG_CACHE_HOME") from None
