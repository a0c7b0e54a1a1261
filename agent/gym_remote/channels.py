"""The channels of gym_remote: the named values that client and server share.

OpenAI's client runs `eval` on what the server says of their shapes. Here a shape is one of two
written forms, read by regular expressions, and every value that arrives is checked by its type.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.gym_remote.messages import ProtocolError, shown

MAX_CHANNELS = 64
MAX_ARRAY_BYTES = 1 << 24
MAX_DIMENSIONS = 8
MAX_FOLDS = 64
SCALAR_TYPES = ("int", "float", "bool")

Value = int | float | bool


@dataclass(frozen=True)
class Channel:
    """One named value that both ends share.

    Attributes:
        name: `ac`, `ob`, `reward`, `done`, `reset`; for `np`, the file's name too.
        type: int, float, bool, int_fold or np.
        shape: of an `np` array; else None.
        dtype: of an `np` array; else None.
        folds: of an `int_fold`: how many values each digit takes (2 for a button); else ().
        annotations: texts about the gym space behind the channel: `type`, `n`, `shape`.
    """

    name: str
    type: str
    shape: tuple[int, ...] | None = None
    dtype: np.dtype[Any] | None = None
    folds: tuple[int, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Size of the memory-mapped file of an `np` channel."""
        assert self.shape is not None and self.dtype is not None
        return math.prod(self.shape) * self.dtype.itemsize


def parse_description(content: object) -> dict[str, Channel]:
    """Read the description of the channels, which is the server's first message.

    Args:
        content: {name: [type, shape, annotations]}; a shape is null or Python source of one of
            two forms, `[2, 2],` and `(224, 320, 3), dtype("|u1")`.

    Raises:
        ProtocolError: anything else; an unknown type, a shape that is other code, absurd sizes.
    """
    if not isinstance(content, dict):
        raise ProtocolError(f"the description is {shown(content)}, expected channels by name")
    if len(content) > MAX_CHANNELS:
        raise ProtocolError(f"the description has {len(content)} channels, at most {MAX_CHANNELS}")
    return {name: _parse_channel(name, entry) for name, entry in content.items()}


def describe(channels: Mapping[str, Channel]) -> dict[str, list[Any]]:
    """The content of the description of these channels, in the form that OpenAI's client reads."""
    return {
        name: [channel.type, _shape_source(channel), dict(channel.annotations)]
        for name, channel in channels.items()
    }


def parse_update(content: object, channels: Mapping[str, Channel]) -> dict[str, Value]:
    """Check the content of an `update`: known channels only, each with a value of its type.

    Returns:
        The values by channel: int or int_fold -> int, float -> finite float, bool -> bool,
        np -> True.

    Raises:
        ProtocolError: an unknown channel or a value of another type, NaN included.
    """
    if not isinstance(content, dict):
        raise ProtocolError(f"an update is {shown(content)}, expected values by channel")
    values: dict[str, Value] = {}
    for name, value in content.items():
        channel = channels.get(name)
        if channel is None:
            raise ProtocolError(f"an update names a channel that does not exist: {shown(name)}")
        values[name] = _CHECKS[channel.type](value, channel)
    return values


# The steps of a run are nearly all of these two forms, which OpenAI's ends write byte for byte. A
# regular expression reads them in a fraction of what JSON takes when the caches are cold, as they
# are after each wait. Whatever does not match goes the general way.
PLAIN_ACTION = re.compile(rb'{"type": "update", "content": {"ac": ([0-9]{1,18})}}\f')
PLAIN_ANSWER = re.compile(
    rb'{"type": "update", "content": {"ob": true, "reward": '
    rb"(-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?(?:e[-+]?[0-9]{1,2})?)"  # always finite
    rb', "done": (true|false)(?:, "reset": false)?}}\f'
)


def plain_answer(reward: float, done: bool) -> bytes:
    """The answer to a step or a reset, as `encode` would write it.

    Raises:
        ProtocolError: the reward is NaN or infinite.
    """
    if not math.isfinite(reward):
        raise ProtocolError(f"the reward is {reward}, expected a finite number")
    return (
        b'{"type": "update", "content": {"ob": true, "reward": %s, "done": %s, "reset": false}}\f'
        % (
            repr(float(reward)).encode(),
            b"true" if done else b"false",
        )
    )


def fold_buttons(buttons: NDArray[Any] | Sequence[int], folds: Sequence[int]) -> int:
    """Fold digits into one integer; button i becomes bit i where every fold is 2.

    Args:
        buttons: (n,) integers or booleans, digit i in [0, folds[i]).
        folds: n numbers of values.

    Raises:
        ValueError: another number of digits, or a digit out of its range.
    """
    digits = buttons.tolist() if isinstance(buttons, np.ndarray) else buttons
    folded, weight = 0, 1
    for digit, fold in zip(digits, folds, strict=True):
        if not 0 <= digit < fold:
            raise ValueError(f"buttons {digits}: {digit} is not in [0, {fold})")
        folded += int(digit) * weight
        weight *= fold
    return folded


def unfold_buttons(folded: int, folds: Sequence[int]) -> NDArray[np.uint8]:
    """Take an integer apart again: (n,) uint8, the inverse of `fold_buttons`.

    Raises:
        ValueError: the integer is negative or has more digits than there are folds.
    """
    digits, rest = [], folded
    for fold in folds:
        rest, digit = divmod(rest, fold)
        digits.append(digit)
    if rest:
        raise ValueError(f"{folded} does not fit the folds {list(folds)}")
    return np.array(digits, np.uint8)


def _parse_channel(name: str, entry: object) -> Channel:
    # The name becomes a file's name: nothing that could leave the folder or hide in it.
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
        raise ProtocolError(f"a channel has the name {shown(name)}, expected letters and digits")
    if not isinstance(entry, list) or len(entry) != 3:
        raise ProtocolError(f"channel {name} is {shown(entry)}, expected [type, shape, notes]")
    type_name, source, notes = entry
    annotations = _parse_annotations(name, notes)
    if type_name in SCALAR_TYPES and source in (None, ""):
        return Channel(name, type_name, annotations=annotations)
    if type_name == "int_fold":
        return Channel(name, type_name, folds=_parse_folds(name, source), annotations=annotations)
    if type_name == "np":
        shape, dtype = _parse_array(name, source)
        return Channel(name, type_name, shape, dtype, annotations=annotations)
    if type_name in SCALAR_TYPES:
        raise ProtocolError(f"channel {name} of type {type_name} has a shape: {shown(source)}")
    raise ProtocolError(f"channel {name} has the unknown type {shown(type_name)}")


def _parse_annotations(name: str, notes: object) -> dict[str, str]:
    if notes is None:
        return {}
    if not isinstance(notes, dict) or not all(isinstance(x, str | int) for x in notes.values()):
        raise ProtocolError(f"channel {name} has annotations {shown(notes)}, expected texts")
    return {key: str(value) for key, value in notes.items()}


_FOLDS = re.compile(r"(?:\[([0-9, ]+)\]|\(([0-9, ]+)\)) ?,?", re.ASCII)
_ARRAY = re.compile(r"\(([0-9, ]*)\), ?dtype\(([\"'])([<>|=]?[biuf][0-9]{1,2})\2\),?", re.ASCII)
_NUMBERS = re.compile(r" ?(?:[0-9]{1,9}(?: ?, ?[0-9]{1,9})* ?,? ?)?", re.ASCII)


def _parse_folds(name: str, source: object) -> tuple[int, ...]:
    match = _FOLDS.fullmatch(source) if isinstance(source, str) else None
    folds = _parse_numbers(match[1] or match[2]) if match else None
    if not folds:
        raise ProtocolError(
            f"channel {name} has the shape {shown(source)}, expected one like '[2, 2],'"
        )
    if len(folds) > MAX_FOLDS or min(folds) < 1 or math.prod(folds) > 1 << 64:
        raise ProtocolError(f"channel {name} has absurd folds: {shown(source)}")
    return folds


def _parse_array(name: str, source: object) -> tuple[tuple[int, ...], np.dtype[Any]]:
    match = _ARRAY.fullmatch(source) if isinstance(source, str) else None
    shape = _parse_numbers(match[1]) if match else None
    if match is None or shape is None:
        raise ProtocolError(
            f"channel {name} has the shape {shown(source)}, expected one like"
            """ '(224, 320, 3), dtype("|u1")'"""
        )
    try:
        dtype = np.dtype(match[3])
    except TypeError:
        raise ProtocolError(f"channel {name} has the unknown dtype {match[3]!r}") from None
    size = math.prod(shape) * dtype.itemsize
    if len(shape) > MAX_DIMENSIONS or not 0 < size <= MAX_ARRAY_BYTES:
        raise ProtocolError(f"channel {name} has an absurd size: {shown(source)}")
    return shape, dtype


def _parse_numbers(text: str) -> tuple[int, ...] | None:
    if len(text) > 1000 or not _NUMBERS.fullmatch(text):
        return None
    return tuple(int(number) for number in re.findall("[0-9]+", text))


def _shape_source(channel: Channel) -> str | None:
    if channel.type == "int_fold":
        return f"{list(channel.folds)},"
    if channel.type == "np":
        assert channel.dtype is not None
        return f'{channel.shape}, dtype("{channel.dtype.str}")'
    return None


def _check_int(value: object, channel: Channel) -> Value:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ProtocolError(f"channel {channel.name} is {shown(value)}, expected an integer")
    if channel.folds and not 0 <= value < math.prod(channel.folds):
        most = math.prod(channel.folds) - 1
        raise ProtocolError(f"channel {channel.name} is {shown(value)}, expected 0 to {most}")
    return value


def _check_float(value: object, channel: Channel) -> Value:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise ProtocolError(f"channel {channel.name} is {shown(value)}, expected a finite number")


def _check_bool(value: object, channel: Channel) -> Value:
    if not isinstance(value, int) or value not in (0, 1):
        raise ProtocolError(f"channel {channel.name} is {shown(value)}, expected true or false")
    return bool(value)


def _check_array(value: object, channel: Channel) -> Value:
    if value is not True:
        raise ProtocolError(f"channel {channel.name} is {shown(value)}, expected true")
    return True


_CHECKS: dict[str, Callable[[object, Channel], Value]] = {
    "int": _check_int,
    "int_fold": _check_int,
    "float": _check_float,
    "bool": _check_bool,
    "np": _check_array,
}
