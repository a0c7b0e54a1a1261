"""Runs a contest image as the contest did, and tighter: no network, nothing to write to but its
output, no privileges.

Which user. An image of the contest keeps its agent in /root/compo and runs as root, and many a
base image closes /root to everyone else (mode 0700). So, in this order:

1. An image with a user of its own (USER in its Dockerfile) keeps it.
2. Rootless podman: root in the container *is* the unprivileged user outside; it stays.
3. If others may enter /root and /root/compo, the agent runs as the caller, or as nobody (65534)
   where the caller is root.
4. Otherwise it runs as root without a single capability, which cannot override a file's mode,
   mount, trace or open a raw socket, and may not gain privileges.

`CONTAINER_RUN_FLAGS` comes last and so can overrule all of it (`--user 0`, `--gpus all`).
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.evaluation.agents import AgentError, AgentProcess, Run, Workplace

ENGINES = ("docker", "podman")
COMPO = "/root/compo"  # the contest's working directory
NOBODY = 65534
PROCESSES = 512
TMP_SIZE = "1g"
SECONDS_TO_ANSWER = 30.0
MAX_OUTPUT_BYTES = 256 * 2**20  # of what an agent leaves in `out`


@dataclass(frozen=True)
class Engine:
    """A container engine that answers."""

    program: str
    is_podman: bool

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the engine's short commands; a hang counts as an error."""
        command = [self.program, *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=False
            )
        except subprocess.TimeoutExpired:
            message = f"no answer in {SECONDS_TO_ANSWER:.0f} s"
            return subprocess.CompletedProcess(command, 1, "", message)


def find_engines(environment: Mapping[str, str]) -> list[Engine]:
    """The engine that CONTAINER_ENGINE names, or all of docker and podman that answer.

    Raises:
        AgentError: none is there, or none answers (the daemon is not running, say).
    """
    chosen = environment.get("CONTAINER_ENGINE")
    programs = [name for name in ([chosen] if chosen else ENGINES) if shutil.which(name)]
    if not programs:
        raise AgentError(
            f"CONTAINER_ENGINE={chosen!r} was not found: give a program on the PATH"
            if chosen
            else "there is no container engine: install docker or podman, or set CONTAINER_ENGINE"
        )
    engines, problems = [], []
    for program in programs:
        answer = Engine(program, is_podman=False).call("version")
        if answer.returncode == 0:
            engines.append(Engine(program, "podman" in answer.stdout.lower()))
        else:
            lines = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
            problems.append(f"{program}: {lines[-1]}")
    if not engines:
        raise AgentError(
            f"no container engine answers ({'; '.join(problems)}): start it, or set"
            " CONTAINER_ENGINE"
        )
    return engines


@dataclass(frozen=True)
class ImageAgent:
    """A contest image, found and looked into.

    Attributes:
        image: the name given.
        image_id: the engine's id of the image's content.
        user_flags: what chooses the user, and `user` says it in words.
        extra_flags: of CONTAINER_RUN_FLAGS.
    """

    engine: Engine
    image: str
    image_id: str
    user_flags: tuple[str, ...]
    user: str
    extra_flags: tuple[str, ...]
    memory_gigabytes: float
    run: Run

    @classmethod
    def find(
        cls, image: str, run: Run, memory_gigabytes: float, environment: Mapping[str, str]
    ) -> ImageAgent:
        """Look for the image with every engine, and choose the user it will run as.

        Raises:
            AgentError: no engine, no such image, CONTAINER_RUN_FLAGS that can't be split.
        """
        try:
            extra = tuple(shlex.split(environment.get("CONTAINER_RUN_FLAGS", "")))
        except ValueError as error:
            raise AgentError(f"CONTAINER_RUN_FLAGS can't be split: {error}") from error
        engines = find_engines(environment)
        for engine in engines:
            inspected = engine.call(
                "image", "inspect", "--format", "{{.Id}} {{.Config.User}}", image
            )
            if inspected.returncode == 0:
                image_id, _, own_user = inspected.stdout.strip().partition(" ")
                flags, user = _choose_user(engine, image, own_user.strip())
                return cls(engine, image, image_id, flags, user, extra, memory_gigabytes, run)
        names = " and ".join(engine.program for engine in engines)
        raise AgentError(f"{names} has no image {image!r}: build it (./build.sh) or pull it first")

    @property
    def name(self) -> str:
        return self.image.rpartition("/")[2]

    def check(self) -> None:
        """Nothing is left to check: `find` has."""

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "image",
            "image": self.image,
            "image_id": self.image_id,
            "engine": Path(self.engine.program).name,
            "user": self.user,
            "memory_gigabytes": self.memory_gigabytes,
            **self.run.describe(),
        }

    def start(self, workplace: Workplace) -> AgentProcess:
        out = workplace.folder / "out"
        out.mkdir()
        # The container's user is another one outside, or root without the right to pass over a
        # file's mode. These may be open to all: the folder around them is ours alone.
        out.chmod(0o777)
        for folder in (workplace.socket_dir.parent, workplace.socket_dir):
            folder.chmod(0o755)
        for channel in workplace.socket_dir.iterdir():
            channel.chmod(0o666)
        return ContainerProcess(self, f"contest-{secrets.token_hex(6)}", workplace)

    def command(self, container: str, workplace: Workplace) -> list[str]:
        """The engine's whole command line."""
        memory = f"{round(self.memory_gigabytes * 1024)}m"
        variables = [f"--env={key}={value}" for key, value in self.run.environment().items()]
        mounts = [
            f"--mount=type=bind,source={workplace.socket_dir.parent},target={COMPO}/tmp",
            f"--mount=type=bind,source={workplace.folder / 'out'},target={COMPO}/out",
        ]
        return [
            *(self.engine.program, "run", "--rm", f"--name={container}"),
            *("--network=none", "--read-only", "--cap-drop=ALL"),
            "--security-opt=no-new-privileges",
            *(f"--memory={memory}", f"--memory-swap={memory}", f"--pids-limit={PROCESSES}"),
            f"--tmpfs=/tmp:rw,nosuid,nodev,mode=1777,size={TMP_SIZE}",
            *mounts,
            *variables,
            *self.user_flags,
            *self.extra_flags,
            self.image,
        ]


class ContainerProcess(AgentProcess):
    """A running container, seen through the engine's foreground client."""

    def __init__(self, agent: ImageAgent, container: str, workplace: Workplace) -> None:
        self._engine = agent.engine
        self._container = container
        self._workplace = workplace
        super().__init__(agent.command(container, workplace), workplace)

    def stop(self) -> None:
        self._engine.call("rm", "--force", self._container)
        super().stop()
        collect(self._workplace.folder / "out", self._workplace.output_dir)


def collect(source: Path, target: Path, limit: int = MAX_OUTPUT_BYTES) -> None:
    """Copy the regular files an agent has left, as files of ours, up to a total size.

    Links and special files stay behind: an image that can't be trusted must not choose what is
    read here. Files that can't be read (closed by the container's user) stay behind too.
    """
    for folder, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                continue
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
                    continue
                limit -= status.st_size
                copy = target / path.relative_to(source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                with copy.open("wb") as new:
                    shutil.copyfileobj(file, new)


def _choose_user(engine: Engine, image: str, own_user: str) -> tuple[tuple[str, ...], str]:
    """The flags that choose the user (see the top of this file), and the choice in words."""
    if own_user.partition(":")[0] not in ("", "0", "root"):
        return (), f"{own_user} (the image's own)"
    if engine.is_podman and os.geteuid() != 0:
        return (), "root of a user namespace (rootless: the caller outside)"
    if _others_may_enter(engine, image, ["/root", COMPO]):
        uid, gid = (os.geteuid(), os.getegid()) if os.geteuid() else (NOBODY, NOBODY)
        # HOME as it would be without --user: start-up scripts look for their files there.
        return (f"--user={uid}:{gid}", "--env=HOME=/root"), f"{uid}:{gid}"
    return (), "root without capabilities (the image closes /root to others)"


def _others_may_enter(engine: Engine, image: str, folders: Sequence[str]) -> bool:
    """Whether folders of an image are open to every user; read without running the image."""
    # An image without a command needs one to be created; it is never started.
    created = engine.call("create", "--pull=never", "--network=none", image, "true")
    if created.returncode != 0:
        return False
    container = created.stdout.strip().splitlines()[-1]
    try:
        modes = [_mode(engine, container, folder) for folder in folders]
    finally:
        engine.call("rm", "--force", container)
    return all(mode is not None and mode & 0o005 == 0o005 for mode in modes)


def _mode(engine: Engine, container: str, folder: str) -> int | None:
    """A folder's mode: the first header of the tar stream that `cp` makes of it."""
    command = [engine.program, "cp", f"{container}:{folder}", "-"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as copy:
        assert copy.stdout is not None
        try:
            with tarfile.open(fileobj=copy.stdout, mode="r|") as archive:
                first = archive.next()
                return first.mode if first and first.isdir() else None
        except tarfile.TarError:
            return None
        finally:
            copy.kill()
