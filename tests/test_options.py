"""Every number that any command takes has a range, and a value outside it is one clear error."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.command_line import parse
from agent.errors import UserError
from agent.settings import Settings
from benchmarks.settings_page import commands

OPTIONS = {"python -m agent": Settings, **dict(commands())}


def numbers() -> Iterator[Any]:
    """Yield each option of type int or float: its command, its dataclass and its field."""
    for program, options in OPTIONS.items():
        hints = typing.get_type_hints(options)
        for field in dataclasses.fields(options):
            kinds = {hints[field.name], *typing.get_args(hints[field.name])} & {int, float}
            if kinds:
                name = f"{program} --{field.name.replace('_', '-')}"
                yield pytest.param(options, field, kinds.pop(), id=name)


def arguments(options: type[Any]) -> list[str]:
    """Return a value for each required option."""
    given = []
    for field in dataclasses.fields(options):
        if field.default is dataclasses.MISSING:
            flag = [] if field.metadata["positional"] else [f"--{field.name.replace('_', '-')}"]
            given += [*flag, (field.metadata["choices"] or ["x"])[0]]
    return given


@pytest.mark.parametrize(("options", "field", "kind"), list(numbers()))
def test_a_number_outside_its_range_is_refused(
    options: type[Any], field: dataclasses.Field[Any], kind: type[float]
) -> None:
    low, high = field.metadata["within"]
    texts = ["nan", "x"]
    if math.isfinite(low):
        texts += [repr(kind(low - 1)), "-1e999", "-inf", str(-(10**30))]
    if math.isfinite(high):
        texts += [repr(kind(high * 2 + 1)), "1e999", "inf", str(10**30)]
    flag = f"--{field.name.replace('_', '-')}"
    for text in texts:
        with pytest.raises(UserError, match=flag) as error:
            parse(options, [*arguments(options), f"{flag}={text}"], environment={})
        assert "\n" not in str(error.value)
        if variable := field.metadata["env"]:
            with pytest.raises(UserError, match=variable):
                parse(options, arguments(options), environment={variable: text})


@pytest.mark.parametrize("options", list(OPTIONS.values()), ids=list(OPTIONS))
def test_the_defaults_and_the_presets_are_within_their_ranges(options: type[Any]) -> None:
    parse(options, arguments(options), environment={})
    for preset in getattr(options, "presets", {}):
        parse(options, [*arguments(options), "--preset", preset], environment={})


def test_numbers_in_play_json_have_the_same_ranges(tmp_path: Path) -> None:
    from agent.settings import read_settings

    (tmp_path / "play.json").write_text('{"lock_in_candidates": 0}')
    with pytest.raises(UserError, match="--lock-in-candidates .*is 0: use 1 to"):
        read_settings([], environment={}, pretrained=tmp_path)
