"""The installed package: a wheel in a new environment plays from any working folder."""

from __future__ import annotations

import json
import shutil
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEVEL = "PangolinDash-Genesis:GlacierZone.Act3"
MAX_MEGABYTES = 10  # without the weights of baselines
MAX_BASELINES_MEGABYTES = 64


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: setuptools packs what an earlier build left in build/."""
    place = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in tracked.stdout.decode().split("\0"):
        if (ROOT / name).is_file():
            (place / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / "source" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*command, "--wheel-dir", str(place), "."], cwd=place / "source", check=True, timeout=200
    )
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; the packages it needs are those of this environment."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--no-deps", wheel], check=True, timeout=200)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True)
    # Files of kind .pth in a folder that is added like this are not read: the editable
    # installation of this project stays unknown.
    lines = "\n".join(site.getsitepackages())
    Path(packages.stdout.strip(), "others.pth").write_text(lines)
    return place


def program(environment: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment / "bin" / "world-models-contest", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)},
    )


@pytest.mark.slow
def test_the_wheel_is_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.infolist()
    weights = [file for file in files if file.filename.startswith("baselines/pretrained/")]
    assert any(file.filename.endswith("README.md") for file in weights)
    others = sum(file.compress_size for file in files) - sum(f.compress_size for f in weights)
    assert others < MAX_MEGABYTES * 1e6
    assert sum(file.file_size for file in weights) <= MAX_BASELINES_MEGABYTES * 1e6


@pytest.mark.slow
def test_the_program_finds_game_and_model(environment: Path, tmp_path: Path) -> None:
    run = ["run", "--levels", LEVEL, "--budget-steps", "2000", "--seed", "1", "--out", "run"]
    done = program(environment, tmp_path, *run)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "run" / "report.html").exists()
    settings = json.loads((tmp_path / "run" / "run.json").read_text())
    assert str(environment) in settings["settings"]["agent"]["pretrained"]
    assert str(environment) in settings["settings"]["levels"][0]["integration"]
    assert settings["commit"] is None
    movie = next((tmp_path / "run").rglob("best.bk2"))
    done = program(environment, tmp_path, "movie", str(movie), "--out", "best.mp4")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "best.mp4").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["baseline", "2018"])
def test_other_agents_play(environment: Path, tmp_path: Path, agent: str) -> None:
    python = environment / "bin" / "python"
    command = f"{python} {ROOT / 'examples' / 'agent.py'}"
    which = ["--agent", "right"] if agent == "baseline" else ["--agent-command", command]
    arguments = ["--levels", LEVEL, "--budget-steps", "500", "--no-report", "--out", "run"]
    done = program(environment, tmp_path, "run", *which, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    (level,) = json.loads((tmp_path / "run" / "results.json").read_text())["levels"]
    assert (level["status"], level["timesteps"]) == ("finished", 500)


@pytest.mark.slow
def test_python_plays_in_any_folder(environment: Path, tmp_path: Path) -> None:
    code = f"from arena import evaluate; print(evaluate('right', {LEVEL!r}, budget_steps=500))"
    command = [environment / "bin" / "python", "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert "over 1 of 1 level" in done.stdout, done.stderr
    assert [folder.name for folder in tmp_path.iterdir()] == ["runs"]


# Completes the words of the arguments as bash does on Tab.
COMPLETE = """
eval "$(world-models-contest completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
function=$(complete -p "$1" | sed 's/.* -F \\([^ ]*\\).*/\\1/')
$function "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
echo "${COMPREPLY[@]}"
"""


@pytest.mark.slow
def test_a_shell_completes_the_installed_command(environment: Path, tmp_path: Path) -> None:
    words = ["world-models-contest", "run", "--agent", "rai"]
    done = subprocess.run(
        ["bash", "-c", COMPLETE, "bash", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": f"{environment / 'bin'}:/usr/bin:/bin"},
    )
    assert done.stdout.strip() == "rainbow rainbow_pretrained", done.stderr


@pytest.mark.slow
def test_movies_of_the_game_and_a_mistake(environment: Path, tmp_path: Path) -> None:
    python = environment / "bin" / "python"
    count = "from game.shipped import MOVIES; print(len(list(MOVIES.rglob('*.bk2'))))"
    done = subprocess.run([python, "-c", count], cwd=tmp_path, capture_output=True, text=True)
    assert int(done.stdout) == len(list((ROOT / "game" / "movies").rglob("*.bk2")))
    done = program(environment, tmp_path, "rnu")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: 'rnu' is not a command: did you mean run?")


def test_the_image_installs_packages_that_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["optional-dependencies"]["agent"]) <= set(project["dependencies"])
