"""Says which extra of this project a command needs, if its packages are not installed.

An options dataclass names its extra in the class attribute `extra`, and its module imports the
packages of the extra only after `parse`. So --help works everywhere, and a missing package gives an
error of one line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from agent.command_line.terminal import shown_path
from agent.errors import UserError

PROJECT = "world-models-contest"
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def check_extra(extra: str) -> None:
    """Check that the packages of an extra of pyproject.toml are installed.

    Raises:
        UserError: a package is missing; the message names it and the command that installs it.
    """
    try:
        missing = [name for name in packages_of(extra) if not _is_installed(name)]
    except metadata.PackageNotFoundError:
        return  # the project is used without being installed: its packages are not known
    if missing:
        # In a checkout, a file names the versions that the project was tested with.
        versions = f"-c {shown_path(str(CONSTRAINTS))} " if CONSTRAINTS.is_file() else ""
        raise UserError(
            f"this command needs packages that this Python lacks ({', '.join(missing)}): run"
            f" {shown_path(sys.executable)} -m pip install {versions}'{PROJECT}[{extra}]'"
        )


def packages_of(extra: str) -> Iterator[str]:
    """Yield the names of the packages that an extra of the installed project adds.

    Raises:
        importlib.metadata.PackageNotFoundError: the project is not installed.
    """
    for requirement in metadata.requires(PROJECT) or ():
        name, _, marker = requirement.partition(";")
        if re.search(f"extra == ['\"]{extra}['\"]", marker):
            own = re.fullmatch(rf"{PROJECT}\[(.*)\]", name.strip())
            if own is None:
                yield re.match(r"[\w.-]+", name)[0]  # type: ignore[index]
            else:  # an extra that consists of others
                for other in own[1].split(","):
                    yield from packages_of(other)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
