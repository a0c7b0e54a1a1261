"""The channels of gym_remote: the named values that client and server share.

OpenAI's client runs `eval` on the shapes that the server sends. Here a shape must have one of two
written forms, which regular expressions parse, and the type of every received value is checked.
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
    """One named value that client and server share.

    Attributes:
        name: `ac`, `ob`, `reward`, `done` or `reset`; an `np` channel's file has this name too.
        type: int, float, bool, int_fold or np.
        shape: shape of an `np` array; None for other types.
        dtype: dtype of an `np` array; None for other types.
        folds: number of values of each digit of an `int_fold` (2 for a button); () for others.
        annotations: texts about the gym space of the channel: `type`, `n`, `shape`.
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
    """Parse the description of the channels, which is the server's first message.

    Args:
        content: {name: [type, shape, annotations]}; a shape is null or Python source of one of
            two forms, `[2, 2],` and `(224, 320, 3), dtype("|u1")`.

    Raises:
        ProtocolError: another form, an unknown type, a shape in neither form, or a size out of
            range.
    """
    if not isinstance(content, dict):
        raise ProtocolError(f"the description is {shown(content)}, expected channels by name")
    if len(content) > MAX_CHANNELS:
        raise ProtocolError(
            f"the description has {len(content)} channels; at most {MAX_CHANNELS} are allowed"
        )
    return {name: _parse_channel(name, entry) for name, entry in content.items()}


def describe(channels: Mapping[str, Channel]) -> dict[str, list[Any]]:
    """Return the description of these channels, in the form that OpenAI's client reads."""
    return {
        name: [channel.type, _shape_source(channel), dict(channel.annotations)]
        for name, channel in channels.items()
    }


def parse_update(content: object, channels: Mapping[str, Channel]) -> dict[str, Value]:
    """Check the content of an `update`: only known channels, each with a value of its type.

    Returns:
        Channel -> value: an int for int and int_fold, a finite float for float, a bool for bool,
        True for np.

    Raises:
        ProtocolError: an unknown channel, or a value of another type or NaN.
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


# Nearly all messages of a run have one of these two forms, byte for byte as OpenAI's client and
# server write them. After each wait the processor's caches are cold. Then a regular expression
# takes a fraction of the time of a JSON parser. Other messages are parsed as JSON.
PLAIN_ACTION = re.compile(rb'{"type": "update", "content": {"ac": ([0-9]{1,18})}}\f')
PLAIN_ANSWER = re.compile(
    rb'{"type": "update", "content": {"ob": true, "reward": '
    rb"(-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,20})?(?:e[-+]?[0-9]{1,2})?)"  # always finite
    rb', "done": (true|false)(?:, "reset": false)?}}\f'
)


def plain_answer(reward: float, done: bool) -> bytes:
    """Return the answer to a step or a reset, as `encode` would write it.

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
    """Fold digits into one integer; if every fold is 2, button i becomes bit i.

    Args:
        buttons: (n,) integers or booleans, digit i in [0, folds[i]).
        folds: n, the number of values of each digit.

    Raises:
        ValueError: the numbers of digits and folds differ, or a digit is out of its range.
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
    """Unfold an integer to uint8 (n,): the inverse of `fold_buttons`.

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
    # The name becomes a file name, so it must not leave the folder or be hidden in it.
    if not re.fullmatch(r"[A-Za-z0-9_]{1,64}", name):
        raise ProtocolError(f"a channel has the name {shown(name)}, expected letters and digits")
    if not isinstance(entry, list) or len(entry) != 3:
        raise ProtocolError(
            f"channel {name} is {shown(entry)}, expected [type, shape, annotations]"
        )
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
        raise ProtocolError(f"channel {name} has folds out of range: {shown(source)}")
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
        raise ProtocolError(f"channel {name} has a size out of range: {shown(source)}")
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
