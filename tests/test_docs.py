"""The pages: their links, commands and options exist, and the README stays short."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from agent.settings import Settings
from benchmarks import settings_page

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [
    README,
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "game" / "README.md",
    ROOT / "pretrained" / "model_card.md",
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
README_LINES, FIRST_COMMAND_BEFORE_LINE = 200, 50
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<(?:img|source)[^>]*?src(?:set)?=\"([^\"]+)\"")
MODULE = re.compile(r"python3? -m ([\w.]+)")
# Programs whose options are not those of a dataclass of ours.
FOREIGN = {"pip", "pytest", "venv"}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_relative_links_lead_somewhere(page: Path) -> None:
    dead = []
    for found in LINK.finditer(without_blocks(page)):
        target = found[1] or found[2]
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            dead.append(f"{target}: no such file")
        elif anchor and anchor not in anchors(path):
            dead.append(f"{target}: no such heading")
    assert not dead, f"{page}: {dead}"


def test_every_page_of_docs_is_linked_from_the_readme() -> None:
    linked = {found[1] for found in LINK.finditer(without_blocks(README))}
    pages = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert pages <= linked, f"the README links none of {pages - linked}"


def test_the_readme_is_short_and_begins_with_a_command() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= README_LINES
    assert "```sh" in lines[:FIRST_COMMAND_BEFORE_LINE]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_name_modules_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = {name for name in MODULE.findall(text) if name.partition(".")[0] not in FOREIGN}
    missing = [name for name in sorted(named) if not module_exists(name)]
    assert not missing, f"{page} names modules that do not exist: {missing}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_options_in_commands_exist(page: Path) -> None:
    unknown = []
    for command in commands(page):
        known = options_of(command)
        if known is None:
            continue
        given = {word.partition("=")[0] for word in command if word.startswith("--")}
        unknown += [f"{' '.join(command)}: {flag}" for flag in sorted(given - known)]
    assert not unknown, f"{page} gives options that do not exist: {unknown}"


def test_the_settings_page_is_what_the_commands_say() -> None:
    shown = settings_page.PAGE.read_text(encoding="utf-8")
    assert shown == settings_page.page(), "run python -m benchmarks.settings_page"


def test_options_that_do_not_exist_are_found() -> None:
    known = options_of(shlex.split("python local_eval.py run --budget-stepz 5"))
    assert known is not None and "--budget-steps" in known and "--budget-stepz" not in known
    assert options_of(["sh", "script.sh"]) is None


def without_blocks(page: Path) -> str:
    """The text of a page without its fenced blocks and inline code."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return re.sub(r"`[^`\n]*`", "code", text)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}


def commands(page: Path) -> list[list[str]]:
    """The command lines of a page's `sh` blocks, in words."""
    found = []
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "sh":
            lines = block.replace("\\\n", " ").splitlines()
            found += [shlex.split(line.replace("...", ""), comments=True) for line in lines]
    return [command for command in found if command]


def options_of(command: list[str]) -> set[str] | None:
    """The options of a command of ours; None of any other program."""
    words = [word for word in command if not re.match(r"[A-Z_]+=", word)]
    if words[0].rpartition("/")[2] not in ("python", "python3"):
        return None
    program = " ".join(words[1:3])
    if words[1] == "local_eval.py" and (len(words) < 3 or words[2].startswith("-")):
        program = "local_eval.py run"
    if program == "-m arena":
        program = " ".join(words[1:4])
    options = programs().get(f"python {program}")
    if options is None:
        return None if program.startswith("-m pip") else {"--help"}
    flags = {f"--{field.name.replace('_', '-')}" for field in dataclasses.fields(options)}
    negated = {f"--no-{flag[2:]}" for flag in flags}
    return flags | negated | {"--help", "--preset"}


@cache
def programs() -> dict[str, type]:
    return {**dict(settings_page.commands()), "python -m agent": Settings}


def module_exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
