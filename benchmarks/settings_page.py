"""Writes docs/settings.md: the agent's settings, then the options of every command.

The page is generated from the dataclasses that the commands use, so it is always up to date:

    python -m benchmarks.settings_page
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import arena
import baselines
import benchmarks
import game
import training
from agent import command_line
from agent.files import write_atomically
from agent.settings import Settings

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "settings.md"
PACKAGES = (arena, training, game, baselines, benchmarks)
# Commands that are not started as `python -m MODULE` with the module that defines their options.
PROGRAMS = {
    "RunOptions": "python local_eval.py run",
    "TuneOptions": "python local_eval.py tune",
    "ReportOptions": "python local_eval.py report",
    "LeaderboardOptions": "python local_eval.py leaderboard",
    "MovieOptions": "python local_eval.py movie",
    "ServeOptions": "python -m arena serve",
    "RomsOptions": "python -m arena roms",
    "LevelsOptions": "python -m arena levels",
    "PlayOptions": "`, `".join(
        f"python -m baselines.{name}" for name in ("jerk", "jerk_mutating", "random", "right")
    ),
    "RainbowOptions": "python -m baselines.rainbow",
    "JointWorldModelOptions": "python -m baselines.joint_world_model",
    "HybridOptions": "python -m baselines.hybrid",
    "EsOptions": "python -m baselines.es",
    "EvolveOptions": "python -m baselines.evolve",
}
INTRODUCTION = """\
# Settings

This page answers: which settings does the agent have, and which options does each command take?

The page is generated from the commands themselves (`python -m benchmarks.settings_page`). Every
command prints the same with `--help`. A command that needs an extra (`train`,
`baselines` or `dev`) and does not find its packages says how to install them.

## The agent

A contest container gets no command-line options, so each setting of the agent is an environment
variable as well as an option of `python -m agent`. Options take precedence over variables,
variables over `play.json` in the folder of the packed model, and `play.json` over the defaults
below. `local_eval.py tune --apply` writes `play.json` (see [lock-in](lock-in.md)). As a variable, a
setting that is yes or no is written as 1 or 0.
"""


@dataclasses.dataclass(frozen=True)
class SettingsPageOptions:
    """Write docs/settings.md; this command has no options."""

    extra: ClassVar[str] = "train"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page."""
    command_line.parse(SettingsPageOptions, argv, prog="python -m benchmarks.settings_page")
    write_atomically(PAGE, page().encode())
    print(PAGE)
    return 0


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [INTRODUCTION, agent_table(), "\n## The commands\n"]
    parts += [command_section(program, options) for program, options in commands()]
    return "\n".join(parts)


def commands() -> list[tuple[str, type[Any]]]:
    """Return the commands with their options: `local_eval.py` first, then package by package."""
    found = dict(_programs(importlib.import_module("local_eval")))
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            found |= dict(_programs(importlib.import_module(module.name)))
    missing = set(PROGRAMS.values()) - found.keys()
    assert not missing, f"PROGRAMS names dataclasses that no module has: {missing}"
    return [*((program, found.pop(program)) for program in PROGRAMS.values()), *found.items()]


def agent_table() -> str:
    """Return the table of the agent's settings, with a row for each."""
    rows = [["variable", "option", "default", "meaning"]]
    for field in dataclasses.fields(Settings):
        name = f"`{field.metadata['env']}`" if field.metadata["env"] else ""
        rows.append([name, _flag(field), _default(field), _meaning(field)])
    return _table(rows)


def command_section(program: str, options: type[Any]) -> str:
    """Return the section of a command: its description, its options and its presets."""
    first_line = (options.__doc__ or "").strip().splitlines()[0]
    rows = [["option", "default", "meaning"]]
    for field in dataclasses.fields(options):
        rows.append([_flag(field), _default(field), _meaning(field)])
    extra = f" Needs the extra `{options.extra}`." if hasattr(options, "extra") else ""
    text = f"### `{program}`\n\n{first_line}{extra}\n\n{_table(rows)}"
    presets: command_line.Presets = getattr(options, "presets", {})
    for name, values in presets.items():
        changed = ", ".join(f"`--{key.replace('_', '-')} {value}`" for key, value in values.items())
        text += f"\n`--preset {name}` sets {changed}.\n"
    return text


def _programs(module: ModuleType) -> Iterator[tuple[str, type[Any]]]:
    for name, value in vars(module).items():
        is_options = (
            isinstance(value, type)
            and dataclasses.is_dataclass(value)
            and value.__module__ == module.__name__
            and any("help" in field.metadata for field in dataclasses.fields(value))
        )
        if not is_options:
            continue
        if name in PROGRAMS:
            yield PROGRAMS[name], value
        elif hasattr(module, "main"):
            yield f"python -m {module.__name__.removesuffix('.__main__')}", value


def _flag(field: dataclasses.Field[Any]) -> str:
    if field.metadata["positional"]:
        return f"`{field.name.upper()}`"
    flag = f"--{field.name.replace('_', '-')}"
    negatable = field.default is True or (field.default is False and field.metadata["env"])
    return f"`{flag}`, `--no-{flag[2:]}`" if negatable else f"`{flag}`"


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    if isinstance(field.default, Path) and field.default.is_relative_to(ROOT):
        return f"`{field.default.relative_to(ROOT)}`"
    shown = command_line.described(field, field.default)[1]
    words = field.default is None or field.default is True or not shown
    return shown if words else f"`{shown}`"


def _meaning(field: dataclasses.Field[Any]) -> str:
    choices = [choice for choice in field.metadata["choices"] or () if choice]
    meaning = command_line.described(field, field.default)[0].replace("\n", "<br>")
    return f"{meaning} ({', '.join(f'`{choice}`' for choice in choices)})" if choices else meaning


def _table(rows: list[list[str]]) -> str:
    rows = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    lines = (" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


if __name__ == "__main__":
    command_line.run(main)
