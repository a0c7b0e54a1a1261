"""Compiling the native engine, and what happens without a compiler."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from game.engine.addresses import header
from game.native import library
from game.native.library import CompilerError

# Two lines of a linker's map are one section if the name is long; discarded ones are at 0.
LINKER_MAP = """
 .bss           0x00000000        0x0 /tmp/x/air.o
 .block         0x00ff0000       0x48 /tmp/x/main.o
 .bss.shots     0x00ff0746       0x3c /tmp/x/enemies.o
 .bss.low.0     0x00ff0782        0x2 /tmp/x/hud.o
 .bss.pad_pressed
                0x00ff0794        0x2 /tmp/x/input.o
 .bss.first     0x00ff103a        0x2 /tmp/x/rings.o
"""


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    library.library.cache_clear()
    yield
    library.library.cache_clear()


def compiled(folder: Path) -> list[str]:
    return [path.name for path in sorted((folder / "cache").rglob("*")) if path.is_file()]


def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library.library().host_state_size is not None
    files = compiled(tmp_path)
    assert len(files) == 1 and files[0].endswith(".so")
    made = (library.cache_folder() / files[0]).stat().st_mtime_ns
    library.library.cache_clear()
    library.library()
    assert (library.cache_folder() / files[0]).stat().st_mtime_ns == made
    monkeypatch.setattr(library, "FLAGS", (*library.FLAGS, "-g"))  # another version
    library.library.cache_clear()
    library.library()
    assert len(compiled(tmp_path)) == 2


def test_without_a_compiler_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CompilerError, match="needs a C compiler") as error:
        library.library()
    assert "\n" not in str(error.value)


def test_a_compiler_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(CompilerError, match="can't compile"):
        library.library()
    assert compiled(tmp_path) == []


def test_a_cache_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CompilerError, match="set XDG_CACHE_HOME"):
        library.library()


def test_the_header_of_addresses_lists_each_variable_of_the_map() -> None:
    assert header(LINKER_MAP).splitlines()[1:] == [
        "#define AT_MAIN_BLOCK 0x0000",
        "#define AT_ENEMIES_SHOTS 0x0746",
        "#define AT_INPUT_PAD_PRESSED 0x0794",
        "#define AT_RINGS_FIRST 0x103A",
    ]
