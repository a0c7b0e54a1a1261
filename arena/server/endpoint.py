"""The server's files: the socket and the observation. They exist only while a server runs.

The folder's permissions decide who may connect. The two files themselves are open to every user,
because an agent in a container runs as another user, often without any privilege.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import UserError

SOCKET = "sock"
NEW_SOCKET = "new~"  # same length as SOCKET: if one path is short enough, so is the other
LONGEST_SOCKET_PATH = 107  # bytes: the kernel's field has 108, one of them the final zero
FOLDER_MODE = 0o755
FILE_MODE = 0o666


class EndpointError(UserError):
    """The socket or the observation's file can't be made or written."""


class Endpoint:
    """A listening socket `<base>/sock` and the array file `<base>/ob`; `close` removes both."""

    def __init__(self, base: Path, array_bytes: int) -> None:
        """Create the folder, the file and the socket, in this order.

        The socket gets its name when everything is ready: an agent that finds it can connect.

        Args:
            base: folder of the two files; created if it does not exist.
            array_bytes: size of an observation, in bytes.

        Raises:
            EndpointError: the path is too long, another server uses it, or it is not writable.
        """
        self._socket_path = base / SOCKET
        self._new_path = base / NEW_SOCKET
        self._array_path = base / "ob"
        self._array = -1
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        _check_length(self._socket_path)
        try:
            _make_folder(base)
            for path in (self._socket_path, self._new_path):
                _refuse_if_served(path)
            self._array = _make_array(self._array_path, array_bytes)
            self._listen()
        except OSError as error:
            self.close()
            raise EndpointError(f"can't serve in {base}: {error}") from None
        except BaseException:
            if self._array >= 0:
                self.close()
            self.listener.close()
            raise

    def write(self, array: NDArray[np.uint8]) -> None:
        """Write a new observation into the file.

        The file is not memory-mapped: OpenAI's client truncates it when it connects, and access to
        a map would then kill the process. A write restores the full size.

        Raises:
            EndpointError: the disk is full.
        """
        try:
            written = os.pwrite(self._array, array.data, 0)
        except OSError as error:
            raise EndpointError(f"{self._array_path}: {error.strerror}") from None
        if written != array.nbytes:
            raise EndpointError(f"{self._array_path}: only {written} of {array.nbytes} bytes fit")

    def close(self) -> None:
        """Remove the files. A second call does nothing.

        If a client has replaced a file, the replacement stays, and this is no error.
        """
        if self._array >= 0:
            os.close(self._array)
            self._array = -1
            for path in (self._socket_path, self._new_path, self._array_path):
                with contextlib.suppress(OSError):
                    path.unlink()
        self.listener.close()

    def _listen(self) -> None:
        self._new_path.unlink(missing_ok=True)
        self.listener.bind(os.fspath(self._new_path))
        os.chmod(self._new_path, FILE_MODE)
        self.listener.listen(1)
        os.rename(self._new_path, self._socket_path)  # replaces the one that a killed run left


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > LONGEST_SOCKET_PATH:
        raise EndpointError(
            f"the path of the socket has {length} bytes, but at most"
            f" {LONGEST_SOCKET_PATH} are allowed: give a shorter folder"
            f" than {path.parent}, or one relative to the working directory"
        )


def _make_folder(base: Path) -> None:
    if not base.is_dir():
        base.mkdir(parents=True, exist_ok=True)
        base.chmod(FOLDER_MODE)  # independent of the umask: an agent's container mounts it


def _refuse_if_served(path: Path) -> None:
    """Raise EndpointError if a process listens on a socket, without becoming its client.

    A datagram socket can't connect to a stream socket, but the kernel's error says whether a
    server listens there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                return  # there is no file, or a killed run left it
            if error.errno not in (errno.EPROTOTYPE, errno.EACCES):
                raise
    raise EndpointError(f"another server listens at {path}: stop it, or give another folder")


def _make_array(path: Path, size: int) -> int:
    path.unlink(missing_ok=True)  # what a killed run left may belong to a client, or be a link
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, FILE_MODE)
    try:
        os.fchmod(
            descriptor, FILE_MODE
        )  # independent of the umask: OpenAI's client opens it for writing
        os.truncate(descriptor, size)
    except BaseException:
        os.close(descriptor)
        path.unlink()
        raise
    return descriptor
