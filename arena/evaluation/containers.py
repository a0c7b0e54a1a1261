"""Runs a contest image as the contest did, with more isolation: no network, no privileges, and
nothing writable except its output, its socket's folder and /tmp.

A contest image has its agent in /root/compo and runs as root, and many base images close /root to
other users (mode 0700). The user is chosen in this order:

1. An image with a user of its own (USER in its Dockerfile) keeps it.
2. With rootless podman, it runs as root, which outside the container is the unprivileged caller.
3. If other users may enter /root and /root/compo, the agent runs as the caller, or as nobody
   (65534) if the caller is root.
4. Otherwise it runs as root without any capability: it can't override a file's mode, mount, trace
   or open a raw socket, and can't gain privileges.

SELinux would keep the container from the server's socket, even in a folder that is relabelled for
it, because the server itself runs outside: `label=disable` turns off this check for the container.
`CONTAINER_RUN_FLAGS` comes last and can override all of this (`--user 0`, `--gpus all`).
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.evaluation.agent_process import (
    AgentError,
    AgentProcess,
    WorkingDirectory,
    is_abandoned,
)
from arena.evaluation.agents import AgentOptions
from arena.evaluation.output_files import MAX_OUTPUT_BYTES, regular_files

ENGINES = ("docker", "podman")
COMPO = "/root/compo"  # the contest's working directory
NOBODY = 65534
PROCESSES = 512
TMP_SIZE = "1g"
ENGINE_SECONDS = 30.0
FOLDER_LABEL = "world-models-contest.folder"  # a container's label: its working directory here


@dataclass(frozen=True)
class ContainerEngine:
    """A container engine that runs."""

    program: str
    is_podman: bool

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a short command of the engine; one that takes too long counts as an error."""
        command = [self.program, *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, timeout=ENGINE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            message = f"no answer in {ENGINE_SECONDS:.0f} s"
            return subprocess.CompletedProcess(command, 1, "", message)


def find_engines(environment: Mapping[str, str]) -> list[ContainerEngine]:
    """Return the engine that CONTAINER_ENGINE names, or those of docker and podman that run.

    Raises:
        AgentError: none is installed, or none runs (for example, the daemon is stopped).
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
        answer = ContainerEngine(program, is_podman=False).call("version")
        if answer.returncode == 0:
            engines.append(ContainerEngine(program, "podman" in answer.stdout.lower()))
        else:
            lines = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
            problems.append(f"{program}: {lines[-1]}")
    if not engines:
        raise AgentError(
            f"no container engine runs ({'; '.join(problems)}): start it, or set CONTAINER_ENGINE"
        )
    return engines


@dataclass(frozen=True)
class ImageAgent:
    """A contest image that an engine has.

    Attributes:
        engine: engine that has the image.
        image: name of the image.
        image_id: the engine's id of the image's content.
        user_flags: flags that choose the user.
        user: the chosen user in words.
        extra_flags: flags from CONTAINER_RUN_FLAGS.
        memory_gigabytes: memory limit of the container.
        options: options of the run.
    """

    engine: ContainerEngine
    image: str
    image_id: str
    user_flags: tuple[str, ...]
    user: str
    extra_flags: tuple[str, ...]
    memory_gigabytes: float
    options: AgentOptions

    @classmethod
    def find(
        cls,
        image: str,
        options: AgentOptions,
        memory_gigabytes: float,
        environment: Mapping[str, str],
    ) -> ImageAgent:
        """Look for the image with every engine, and choose the user it will run as.

        Raises:
            AgentError: no engine runs, none has the image, or CONTAINER_RUN_FLAGS can't be
                split.
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
                return cls(engine, image, image_id, flags, user, extra, memory_gigabytes, options)
        names = " and ".join(engine.program for engine in engines)
        raise AgentError(f"{names} has no image {image!r}: build it (./build.sh) or pull it first")

    @property
    def name(self) -> str:
        return self.image.rpartition("/")[2]

    def check(self) -> None:
        """Do nothing: `find` has checked the image."""

    def describe(self) -> dict[str, Any]:
        return {
            "kind": "image",
            "image": self.image,
            "image_id": self.image_id,
            "engine": Path(self.engine.program).name,
            "user": self.user,
            "memory_gigabytes": self.memory_gigabytes,
            **self.options.describe(),
        }

    def start(self, directory: WorkingDirectory) -> AgentProcess:
        out = directory.folder / "out"
        out.mkdir()
        # The container's user may be another user outside, or a root that can't override a file's
        # mode. So these are open to every user; only the caller may enter the folder around them.
        out.chmod(0o777)
        for folder in (directory.socket_dir.parent, directory.socket_dir):
            folder.chmod(0o755)
        for channel in directory.socket_dir.iterdir():
            channel.chmod(0o666)
        self._remove_abandoned_containers()
        return ContainerProcess(self, directory)

    def _remove_abandoned_containers(self) -> None:
        """Remove the containers of runs that were killed together with their supervisors."""
        found = self.engine.call("ps", "--all", "--quiet", f"--filter=label={FOLDER_LABEL}")
        for container in found.stdout.split():
            template = f'{{{{index .Config.Labels "{FOLDER_LABEL}"}}}}'
            label = self.engine.call("inspect", f"--format={template}", container)
            if label.returncode == 0 and is_abandoned(Path(label.stdout.strip())):
                self.engine.call("rm", "--force", container)

    def command(self, container: str, directory: WorkingDirectory) -> list[str]:
        """Return the engine's whole command line."""
        memory = f"{round(self.memory_gigabytes * 1024)}m"
        variables = [f"--env={key}={value}" for key, value in self.options.environment().items()]
        mounts = [
            f"--mount=type=bind,source={directory.socket_dir.parent},target={COMPO}/tmp",
            f"--mount=type=bind,source={directory.folder / 'out'},target={COMPO}/out",
        ]
        return [
            *(self.engine.program, "run", "--rm", f"--name={container}"),
            *("--network=none", "--read-only", "--cap-drop=ALL"),
            *("--security-opt=no-new-privileges", "--security-opt=label=disable"),
            f"--label={FOLDER_LABEL}={directory.folder}",
            *(f"--memory={memory}", f"--memory-swap={memory}", f"--pids-limit={PROCESSES}"),
            f"--tmpfs=/tmp:rw,nosuid,nodev,mode=1777,size={TMP_SIZE}",
            *mounts,
            *variables,
            *self.user_flags,
            *self.extra_flags,
            self.image,
        ]


class ContainerProcess(AgentProcess):
    """A running container; the process is the engine's client in the foreground."""

    def __init__(self, agent: ImageAgent, directory: WorkingDirectory) -> None:
        self._directory = directory
        container = directory.folder.name
        remove = [agent.engine.program, "rm", "--force", container]
        super().__init__(agent.command(container, directory), directory, at_end=remove)

    def stop(self) -> None:
        super().stop()
        collect(self._directory.folder / "out", self._directory.output_dir)


def collect(source: Path, target: Path, limit: int = MAX_OUTPUT_BYTES) -> None:
    """Copy those files of an agent that `regular_files` yields."""
    for name, file in regular_files(source, limit):
        with contextlib.suppress(OSError):  # the path may be too long here
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with (target / name).open("wb") as new:
                shutil.copyfileobj(file, new)


def _choose_user(engine: ContainerEngine, image: str, own_user: str) -> tuple[tuple[str, ...], str]:
    """Return the flags that choose the user (see the module's docstring), and the user in words."""
    if own_user.partition(":")[0] not in ("", "0", "root"):
        return (), f"{own_user} (the image's own)"
    if engine.is_podman and os.geteuid() != 0:
        return (), "root of a user namespace (rootless: the caller outside)"
    if _others_may_enter(engine, image, ["/root", COMPO]):
        uid, gid = (os.geteuid(), os.getegid()) if os.geteuid() else (NOBODY, NOBODY)
        # HOME as it would be without --user: start-up scripts look for their files there.
        return (f"--user={uid}:{gid}", "--env=HOME=/root"), f"{uid}:{gid}"
    return (), "root without capabilities (the image closes /root to others)"


def _others_may_enter(engine: ContainerEngine, image: str, folders: Sequence[str]) -> bool:
    """Return whether every user may enter folders of an image; the image is not run."""
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


def _mode(engine: ContainerEngine, container: str, folder: str) -> int | None:
    """Read a folder's mode from the first header of the tar stream that `cp` writes."""
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
