"""The real submission image is built, measured, played in isolation, pushed and pulled.

Needs docker or podman (CONTAINER_ENGINE, CONTAINER_*_FLAGS) and, for the push, a registry that
may be written to without a login: CONTAINER_TEST_REGISTRY=HOST:PORT, or OFFLINE_REGISTRY.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from agent.gym_remote.channels import Channel, describe
from agent.gym_remote.messages import MessageReader, TimestepTimeoutError, encode
from arena.evaluation.containers import FOLDER_LABEL
from tests.helpers.container import (
    BASE,
    ISOLATED,
    LIMIT_MEGABYTES,
    ROOT,
    Compo,
    Engine,
    MemoryWatch,
    flags,
)

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]

TAG = "world-models-contest:test"
PPO2, PPO2_TAG, WHEELS_TAG = str(ROOT / "examples" / "Dockerfile.ppo2"), "ppo2:test", "torch:test"
OTHER_TAG = "somebody-elses-agent:test"
ADDED_LIMIT_MB = 220
SECONDS_TO_FIRST_ACTION = 2.0
NOBODY = "65534:65534"
ACCEPTED = "application/vnd.oci.image.manifest.v1+json, " + (
    "application/vnd.docker.distribution.manifest.v2+json"
)


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.find()


def build(*arguments: str) -> dict[str, str]:
    """Run build.sh; return what it printed, by name."""
    done = subprocess.run(
        [ROOT / "build.sh", *arguments], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(": ", 1) for line in done.stdout.splitlines())


@pytest.fixture(scope="session")
def built(engine: Engine) -> dict[str, str]:
    return build("--tag", TAG)


@pytest.fixture(scope="session")
def image(built: dict[str, str]) -> str:
    return built["image"]


@pytest.fixture(scope="session")
def other_image(engine: Engine) -> str:
    """A contest image without this project's files, whose /root only root may enter."""
    engine.call("build", *flags("BUILD"), "--tag", OTHER_TAG, str(ROOT / "tests/container"))
    return OTHER_TAG


@pytest.fixture
def compo() -> Iterator[Compo]:
    with Compo.make() as folders:
        yield folders


def journal_of(compo: Compo) -> list[dict]:
    return [json.loads(line) for line in (compo.out / "journal.jsonl").read_text().splitlines()]


def monitor_rows(folder: Path) -> list[tuple[float, int]]:
    [path] = folder.rglob("monitor.csv")
    with path.open() as file:
        return [(float(row["r"]), int(row["l"])) for row in csv.DictReader(file)]


def test_what_is_added_to_the_base_stays_small(engine: Engine, built: dict[str, str]) -> None:
    sizes = [
        int(engine.call("image", "inspect", "--format={{.Size}}", name)) for name in (TAG, BASE)
    ]
    added = (sizes[0] - sizes[1]) / 1e6
    assert 0 < added < ADDED_LIMIT_MB
    assert built["added"] == f"{added:.1f} MB on top of {BASE}"


def test_the_image_contains_only_what_play_needs(engine: Engine, image: str) -> None:
    code = """
import importlib.util, os
absent = ["torch", "gymnasium", "retro", "stable_retro", "cv2", "arena", "training"]
print([name for name in absent if importlib.util.find_spec(name)])
print(sorted(os.listdir()))
print(sorted(os.listdir("pretrained")))
"""
    modules, folder, model = engine.python(image, code).splitlines()
    assert modules == "[]"
    assert folder == "['agent', 'out', 'pretrained', 'tmp']"
    playing = [
        "evolution.json",
        "evolution.npz",
        "hall_of_fame.npz",
        "manifest.json",
        "memory.onnx",
    ]
    assert model == str([*playing, "model_card.md", "vision.onnx"])


def test_the_labels_describe_the_image(engine: Engine, image: str) -> None:
    labels = json.loads(engine.call("image", "inspect", "--format={{json .Config.Labels}}", image))
    assert labels["org.opencontainers.image.licenses"] == "MIT"
    assert labels["org.opencontainers.image.base.name"] == BASE
    manifest = (ROOT / "pretrained/manifest.json").read_bytes()
    assert labels["world-models-contest.model"] == hashlib.sha256(manifest).hexdigest()


@pytest.mark.parametrize("user", ["0:0", NOBODY])
def test_plays_isolated_to_the_end_of_the_budget(
    engine: Engine, image: str, compo: Compo, user: str
) -> None:
    with (
        compo.server(timesteps=3000),
        engine.container(image, *ISOLATED, *compo.mounts(), f"--user={user}") as agent,
    ):
        memory = MemoryWatch(agent.pid())
        assert agent.wait() == 0, agent.output
    assert agent.output.splitlines()[-1] == "event=end limit=timesteps", agent.output
    assert all(line.startswith("event=") for line in agent.output.splitlines()), agent.output
    rows = monitor_rows(compo.results)
    entries = journal_of(compo)
    assert len(rows) >= 1
    # The last episode may be finished but have no row, because no reset followed.
    assert [(entry["episode_return"], entry["length"]) for entry in entries][: len(rows)] == rows
    assert len(entries) - len(rows) in (0, 1)
    assert max(memory.megabytes) < LIMIT_MEGABYTES
    half = len(memory.megabytes) // 2
    assert max(memory.megabytes) - max(memory.megabytes[:half]) < 10, "memory grows"


def test_waits_for_a_server_that_starts_later(engine: Engine, image: str, compo: Compo) -> None:
    with engine.container(image, *ISOLATED, *compo.mounts()) as agent:
        agent.wait_for("event=ready")
        time.sleep(1)
        with compo.server(timesteps=100):
            assert agent.wait() == 0, agent.output
    assert "event=connected" in agent.output


@pytest.mark.parametrize("mounted", [False, True], ids=["read-only", "somebody else's"])
def test_plays_without_permission_to_write(
    engine: Engine, image: str, compo: Compo, mounted: bool
) -> None:
    compo.out.chmod(0o755)
    options = [*ISOLATED, *compo.mounts(out=mounted), f"--user={NOBODY}"]
    with compo.server(timesteps=100), engine.container(image, *options) as agent:
        assert agent.wait() == 0, agent.output
    assert "event=no_journal" in agent.output
    assert not list(compo.out.iterdir())


def test_plays_as_the_contest_ran_it(engine: Engine, image: str, compo: Compo) -> None:
    """As root with a writable file system, and a socket that only root may use."""
    compo.tmp.chmod(0o700)
    with compo.server(timesteps=100), engine.container(image, *compo.mounts()) as agent:
        assert agent.wait() == 0, agent.output
    assert (compo.out / "journal.jsonl").exists()


def test_refuses_weights_that_were_altered(engine: Engine, image: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pretrained", tmp_path / "model")
    weights = tmp_path / "model" / "memory.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    mount = f"--volume={tmp_path / 'model'}:/root/compo/pretrained:ro"
    with engine.container(image, *ISOLATED, mount) as agent:
        assert agent.wait() == 2, agent.output
    assert agent.output.startswith("error: /root/compo/pretrained/memory.onnx was altered"), (
        agent.output
    )
    assert agent.output.count("\n") == 1


def test_from_start_to_first_action(engine: Engine, image: str, compo: Compo) -> None:
    """Seconds from the engine's `run` to the first action, with a server that answers at once."""
    base = compo.tmp / "sock"
    base.mkdir()
    channels = {
        "ac": Channel("ac", "int_fold", folds=(2,) * 12, annotations={"type": "MultiBinary"}),
        "ob": Channel("ob", "np", (224, 320, 3), np.dtype("u1"), annotations={"type": "Box"}),
        "reward": Channel("reward", "float"),
        "done": Channel("done", "bool"),
        "reset": Channel("reset", "bool"),
    }
    (base / "ob").write_bytes(bytes(channels["ob"].nbytes))
    started = time.perf_counter()
    with (
        socket.create_server(str(base / "sock"), family=socket.AF_UNIX) as listener,
        engine.container(image, *ISOLATED, *compo.mounts()) as agent,
    ):
        listener.settimeout(30)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(30)
            connection.sendall(encode("description", describe(channels)))
            reader = MessageReader()
            content: dict = {}
            while "ac" not in content:
                for message in reader.feed(connection.recv(65536)):
                    content = message["content"]
                if content.get("reset"):
                    answer = {"ob": True, "reward": 0.0, "done": False, "reset": False}
                    connection.sendall(encode("update", answer))
                    content = {}
            seconds = time.perf_counter() - started
            end = {"exception": TimestepTimeoutError.ID, "reason": None}
            connection.sendall(encode("close", end))
            assert agent.wait() == 0, agent.output
    assert seconds < SECONDS_TO_FIRST_ACTION


def test_stops_at_once_on_a_signal(engine: Engine, image: str) -> None:
    with engine.container(image, *ISOLATED) as agent:
        agent.wait_for("event=ready")  # from now on it looks for the socket
        started = time.perf_counter()
        engine.call("stop", "--time=20", agent.name)
        assert agent.wait() == 130, agent.output
    assert time.perf_counter() - started < 10
    assert agent.output.splitlines()[-1] == "interrupted"


def test_any_contest_image_plays(engine: Engine, other_image: str, compo: Compo) -> None:
    with (
        compo.server(timesteps=1500),
        engine.container(other_image, *ISOLATED, *compo.mounts()) as agent,
    ):
        assert agent.wait() == 0, agent.output
    assert "closed:" in agent.output
    assert len(monitor_rows(compo.results)) >= 1


def test_an_image_built_on_ours_plays_an_agent_of_2018(
    engine: Engine, image: str, compo: Compo
) -> None:
    example = "example-agent:test"
    engine.call(
        *("build", *flags("BUILD"), f"--build-arg=BASE={image}", "--tag", example),
        str(ROOT / "examples"),
    )
    with (
        compo.server(timesteps=4600),
        engine.container(example, *ISOLATED, *compo.mounts()) as agent,
    ):
        assert agent.wait() == 0, agent.output
    assert "the end: TimestepTimeoutError" in agent.output
    assert len(monitor_rows(compo.results)) >= 1
    wraps = "import gym, gym_remote.client as grc; print(issubclass(grc.RemoteEnv, gym.Env))"
    assert engine.python(example, wraps).strip() == "True"


def test_the_image_of_an_agent_that_needs_torch_is_evaluated(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    # In a base with the wheel of torch that this environment got, no other index is needed.
    torch = f"torch=={metadata.version('torch')}"
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", torch]
    subprocess.run([*download, "--dest", tmp_path / "wheels"], check=True, timeout=300)
    lines = ["ARG BASE", "FROM ${BASE}", "COPY wheels /wheels", "ENV PIP_FIND_LINKS=/wheels"]
    (tmp_path / "Dockerfile").write_text("\n".join(lines) + "\n")
    for base, tag, arguments in (
        (image, WHEELS_TAG, [str(tmp_path)]),
        (WHEELS_TAG, PPO2_TAG, ["--build-arg=TORCH_INDEX=", "--file", PPO2, str(ROOT)]),
    ):
        names = (f"--build-arg=BASE={base}", f"--tag={tag}")
        engine.call("build", *flags("BUILD"), *names, *arguments, seconds=800)
    folders = "['agent', 'arena', 'baselines', 'out', 'pretrained', 'tmp']"
    assert engine.python(PPO2_TAG, "import os; print(sorted(os.listdir()))").strip() == folders
    command = [sys.executable, "local_eval.py", "run", "--image", PPO2_TAG, "--seed", "1"]
    command += ["--levels", "PangolinDash-Genesis:MeadowZone.Act3", "--budget-steps", "300"]
    done = subprocess.run(
        [*command, "--no-report", "--out", str(tmp_path / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [level] = json.loads((tmp_path / "run" / "results.json").read_text())["levels"]
    assert level["status"] == "finished" and level["timesteps"] == 300


@pytest.mark.parametrize("whose", ["ours", "somebody else's"])
def test_the_local_evaluation_scores_images(
    image: str, other_image: str, whose: str, tmp_path: Path
) -> None:
    name = image if whose == "ours" else other_image
    command = [sys.executable, "local_eval.py", "run", "--image", name, "--budget-steps", "1500"]
    command += ["--levels", "Airstriker-Genesis-v0:Level1", "--seed", "1"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [level] = json.loads((tmp_path / "run" / "results.json").read_text())["levels"]
    returns = [episode_return for episode_return, _ in monitor_rows(tmp_path / "run")]
    assert level["status"] == "finished" and level["timesteps"] == 1500
    assert level["score"] == pytest.approx(sum(returns) / len(returns))


def test_a_container_does_not_outlive_its_evaluation(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    """Neither if the evaluation is killed, nor, after the next run, if its supervisor is too."""
    command = [sys.executable, "local_eval.py", "run", "--image", image, "--seed", "1"]
    command += ["--levels", "Airstriker-Genesis-v0:Level1", "--no-report", "--out"]

    def containers() -> list[str]:
        return engine.call("ps", "--all", "--quiet", f"--filter=label={FOLDER_LABEL}").split()

    def start_and_kill(name: str, *, supervisor: bool) -> None:
        words = [*command, str(tmp_path / name), "--budget-steps", "1000000"]
        evaluation = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
        journal = tmp_path / name / "levels" / "Airstriker-Genesis-v0.Level1" / "agent-stderr.txt"
        wait_until(lambda: journal.exists() and b"event=connected" in journal.read_bytes())
        assert containers()
        if supervisor:
            os.kill(supervisor_of(evaluation.pid), signal.SIGKILL)
        evaluation.kill()
        evaluation.wait()

    start_and_kill("first", supervisor=False)
    wait_until(lambda: not containers())
    start_and_kill("second", supervisor=True)
    words = [*command, str(tmp_path / "third"), "--budget-steps", "100"]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, timeout=300).returncode == 0
    assert not containers()


def supervisor_of(parent: int) -> int:
    """Process id of the supervisor that an evaluation has started."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if b"supervisor.py" in (entry / "cmdline").read_bytes():
                if f"PPid:\t{parent}\n" in (entry / "status").read_text():
                    return int(entry.name)
    raise AssertionError("the evaluation has no supervisor")


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_the_pulled_image_equals_the_pushed_one(engine: Engine, image: str) -> None:
    registry = os.environ.get("CONTAINER_TEST_REGISTRY") or os.environ.get("OFFLINE_REGISTRY")
    if not registry:
        pytest.fail(
            "no test registry: start one (docker run -d -p 5000:5000 registry:2) and set"
            " CONTAINER_TEST_REGISTRY=127.0.0.1:5000; podman needs CONTAINER_PUSH_FLAGS="
            "--tls-verify=false for it"
        )
    name = f"{registry}/world-models-contest:test"
    printed = build("--tag", TAG, "--push", name)
    assert printed["pushed"] == name
    request = urllib.request.Request(
        f"http://{registry}/v2/world-models-contest/manifests/test", headers={"Accept": ACCEPTED}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is on this machine
    with opener.open(request, timeout=30) as answer:
        manifest = answer.read()
    assert printed["digest"] == f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    engine.call("rmi", "--force", name, TAG)
    by_digest = f"{name.rpartition(':')[0]}@{printed['digest']}"
    engine.call("pull", *flags("PUSH"), by_digest)
    engine.call("tag", by_digest, TAG)
    found = engine.call("image", "inspect", "--format={{.Id}}", by_digest)
    assert found.removeprefix("sha256:") == printed["id"].removeprefix("sha256:")
    engine.python(by_digest, "import agent.__main__")
    engine.call("rmi", by_digest)  # the name; the image stays as TAG
    engine.call("image", "inspect", TAG)
