"""Every module with a command line, in an environment with only what playing needs.

It is the environment of `make eval`: the packages of the extras are not installed there.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import subprocess
import tomllib
import venv
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ROOMS = ("agent", "arena", "training", "baselines", "game", "benchmarks")
# Imported only on demand, where another message names their extra.
ON_DEMAND = {"ray", "pandas"}
STARTED_BY_OTHERS = ("arena.evaluation.supervisor", "arena.replay.render_episode",
                     "arena.server.process", "game.engine.scan")  # fmt: skip


def commands() -> dict[str, str | None]:
    """Return all modules with a command line, and the extra that each names."""
    found = {}
    for path in [
        ROOT / "local_eval.py",
        *(p for room in ROOMS for p in (ROOT / room).rglob("*.py")),
    ]:
        source = path.read_text(encoding="utf-8")
        if 'if __name__ == "__main__":' in source:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            values = vars(importlib.import_module(name)).values()
            options = [value for value in values if dataclasses.is_dataclass(value)]
            found[name] = next(filter(None, (getattr(o, "extra", None) for o in options)), None)
    return found


COMMANDS = commands()
NEED_EXTRA = {name: extra for name, extra in COMMANDS.items() if extra}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with the base dependencies alone, as links to ours."""
    folder = tmp_path_factory.mktemp("base") / ".venv"
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/*/site-packages")
    for name in needed(PROJECT["dependencies"]):
        package = metadata.distribution(name)
        for top in {file.parts[0] for file in package.files or ()} - {".."}:
            if not (site / top).exists():
                (site / top).symlink_to(str(package.locate_file(top)))
    about = site / f"world_models_contest-{PROJECT['version']}.dist-info"
    about.mkdir()
    lines = [f"Name: {PROJECT['name']}", f"Version: {PROJECT['version']}"]
    lines += [f"Requires-Dist: {name}" for name in PROJECT["dependencies"]]
    for extra, names in PROJECT["optional-dependencies"].items():
        lines += [f'Requires-Dist: {name}; extra == "{extra}"' for name in names]
    (about / "METADATA").write_text("\n".join(lines) + "\n")
    return folder / "bin" / "python"


def needed(requirements: list[str]) -> set[str]:
    """Return the names of packages and of everything that they need."""
    found: set[str] = set()
    left = [Requirement(text) for text in requirements]
    while left:
        requirement = left.pop()
        if requirement.name.lower() in found:
            continue
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        found.add(requirement.name.lower())
        left += [Requirement(text) for text in metadata.requires(requirement.name) or ()]
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty working folder, which is the home folder and the one of temporary files too."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def helps(python: Path, place: Path) -> dict[str, subprocess.CompletedProcess[str]]:
    """The result of `--help` of every module."""
    with ThreadPoolExecutor(2) as pool:
        done = pool.map(lambda name: run(python, place, name, "--help"), COMMANDS)
        return dict(zip(COMMANDS, done, strict=True))


def run(python: Path, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-m", *arguments],
        cwd=place,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "HOME": str(place),
            "TMPDIR": str(place),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_extra(name: str, helps: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = helps[name]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_help_writes_nothing(
    helps: dict[str, subprocess.CompletedProcess[str]], place: Path
) -> None:
    assert helps and list(place.iterdir()) == []


@pytest.mark.parametrize(("name", "extra"), NEED_EXTRA.items())
def test_a_missing_package_is_one_line_that_names_the_extra(
    name: str, extra: str, python: Path, place: Path
) -> None:
    done = run(python, place, name)
    assert (done.returncode, done.stdout) == (2, "")
    problem = r"error: this command needs packages that this Python lacks \(.*\)"
    advice = rf"run \S*python -m pip install -c \S*constraints\.txt '{PROJECT['name']}\[{extra}\]'"
    assert re.fullmatch(f"{problem}: {advice}\n", done.stderr), done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", STARTED_BY_OTHERS)
def test_a_process_that_others_start_says_what_it_misses(
    name: str, python: Path, place: Path
) -> None:
    done = run(python, place, name)
    assert done.returncode == 2
    assert "the following arguments are required" in done.stderr.splitlines()[-1]


def test_a_command_that_imports_packages_of_an_extra_names_it() -> None:
    base = needed(PROJECT["dependencies"])
    modules = {
        module
        for module, packages in metadata.packages_distributions().items()
        if not {package.lower() for package in packages} & base
    }
    graph = grimp.build_graph(*ROOMS, include_external_packages=True, cache_dir=None)
    for name, extra in COMMANDS.items():
        if name in graph.modules and extra is None:
            foreign = graph.find_upstream_modules(name) & modules - {*ROOMS, *ON_DEMAND}
            assert not foreign, f"{name} imports {foreign}: name an extra in its options"
