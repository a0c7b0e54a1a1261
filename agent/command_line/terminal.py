"""Makes texts safe to show, and says how to start this program again.

Names of files and messages of agents come from outside: they may contain escape sequences, which
would control the reader's terminal, or characters that the terminal's encoding lacks.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import shlex
import shutil
import sys

# Control characters without tab and line end, marks that reverse the direction of text, and
# bytes of a file name that are not UTF-8.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LOOKALIKES = {"✓": "+", "✗": "x", "–": "-", "−": "-", "…": "...", "β": "beta"}


def printable(text: str) -> str:
    r"""Write control characters of a text as escapes: ESC becomes the four characters \x1b.

    Tabs and line ends are kept.
    """
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def degrade_output() -> None:
    """Let stdout and stderr replace the characters that their encoding lacks.

    Without it, Python raises UnicodeEncodeError, which would end a run at the first check mark.
    """
    codecs.register_error("lookalike", _lookalike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lookalike")


def program() -> str:
    """Return the words that start this program again, for a shell in the current folder.

    Examples: `.venv/bin/python local_eval.py`; `python -m arena`; the name of an installed command.
    """
    module = sys.modules["__main__"].__spec__
    if module is not None:  # python -m MODULE
        words = [shown_path(sys.executable), "-m", module.name.removesuffix(".__main__")]
    elif sys.argv[0].endswith(".py"):
        words = [shown_path(sys.executable), sys.argv[0]]
    else:  # a command that pip installed
        words = [shown_path(sys.argv[0])]
    return shlex.join(words)


def shown_path(path: str) -> str:
    """Return the shortest text by which a shell in the current folder finds a program."""
    path = os.path.abspath(path)
    name = os.path.basename(path)
    found = shutil.which(name)
    if found is not None and os.path.abspath(found) == path:
        return name
    relative = os.path.relpath(path)
    if relative.startswith(".."):
        return path
    return relative if os.sep in relative else f"./{relative}"


def _lookalike(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    missing = error.object[error.start : error.end]
    return "".join(_LOOKALIKES.get(character, "?") for character in missing), error.end
