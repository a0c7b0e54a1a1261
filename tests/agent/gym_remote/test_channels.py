"""Channels: OpenAI's descriptions, shapes that contain code, and values of wrong types."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.gym_remote.channels import (
    PLAIN_ACTION,
    PLAIN_ANSWER,
    Channel,
    describe,
    fold_buttons,
    parse_description,
    parse_update,
    plain_answer,
    unfold_buttons,
)
from agent.gym_remote.messages import MessageReader, ProtocolError, encode

# As OpenAI's server sends it for a Mega Drive level, without the surrounding JSON.
CONTEST = {
    "ac": ["int_fold", "[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2],", {"n": "12", "type": "MultiBinary"}],
    "ob": [
        "np",
        '(224, 320, 3), dtype("|u1")',
        {"type": "Box", "shape": "(224, 320, 3)"},
    ],
    "reward": ["float", None, {}],
    "done": ["bool", None, {}],
    "reset": ["bool", None, {}],
}
CHANNELS = parse_description(CONTEST)


def test_the_contests_description_is_parsed() -> None:
    assert list(CHANNELS) == ["ac", "ob", "reward", "done", "reset"]
    assert CHANNELS["ac"].folds == (2,) * 12
    assert CHANNELS["ac"].annotations == {"n": "12", "type": "MultiBinary"}
    assert CHANNELS["ob"].shape == (224, 320, 3)
    assert CHANNELS["ob"].dtype == np.uint8
    assert CHANNELS["ob"].nbytes == 215_040
    assert CHANNELS["reward"] == Channel("reward", "float")


def test_a_description_is_written_as_openais_server_writes_it() -> None:
    assert describe(CHANNELS) == CONTEST


@pytest.mark.parametrize(
    ("source", "shape", "dtype"),
    [
        ('(2, 2), dtype("<i8")', (2, 2), "<i8"),
        ("(70,), dtype('|u1')", (70,), "|u1"),
        ('(2, 2), dtype(">u2")', (2, 2), ">u2"),
        ('(), dtype("<f8")', (), "<f8"),
    ],
)
def test_array_shapes_are_parsed(source: str, shape: tuple[int, ...], dtype: str) -> None:
    channel = parse_description({"x": ["np", source, None]})["x"]
    assert (channel.shape, channel.dtype) == (shape, np.dtype(dtype))


@pytest.mark.parametrize("source", ["[2, 3],", "(2, 3),", "[2,3]", "(2, 3)"])
def test_fold_shapes_are_parsed(source: str) -> None:
    assert parse_description({"x": ["int_fold", source, {}]})["x"].folds == (2, 3)


CODE = "__import__('os').system('touch pwned')"


@pytest.mark.parametrize(
    "entry",
    [
        ["np", CODE, {}],
        ["np", f'({CODE}, 3), dtype("|u1")', {}],
        ["np", '(224, 320, 3), dtype("|u1"), ' + CODE, {}],
        ["np", '(224, 320, 3), dtype("O")', {}],  # an object is a pointer
        ["np", '(224, 320, 3), dtype("|V8")', {}],
        ["np", '(224, 320, 3), dtype("|u3")', {}],
        ["np", '(-1, 3), dtype("|u1")', {}],
        ["np", '(0, 3), dtype("|u1")', {}],
        ["np", '(999999999, 999999999), dtype("<f8")', {}],
        ["np", '(99999999999999999999,), dtype("|u1")', {}],
        ["np", "(" + "1, " * 9 + '), dtype("|u1")', {}],
        ["np", "(" + "1, " * 100_000 + '), dtype("|u1")', {}],
        ["np", '(２２４, 3), dtype("|u1")', {}],  # digits that are not ASCII
        ["np", None, {}],
        ["np", 5, {}],
        ["int_fold", "[2] * 12,", {}],
        ["int_fold", "[0, 2],", {}],
        ["int_fold", "[],", {}],
        ["int_fold", "[" + "2, " * 80 + "],", {}],
        ["int_fold", "[999999999, 999999999, 999999999],", {}],
        ["int_fold", "[2, 2)," + "", {}],
        ["int_fold", CODE, {}],
        ["float", "1", {}],
        ["bool", CODE, {}],
        ["object", None, {}],
        [["np"], None, {}],
        [None, None, {}],
        ["int", None, {"n": [1]}],
        ["int", None, "text"],
        ["int", None],
        ["int", None, {}, {}],
        "int",
        None,
    ],
)
def test_an_invalid_channel_is_refused(entry: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_description({"x": entry})
    assert "x" in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["../ob", "", "a/b", "a\0b", "x" * 65, "öb", "."])
def test_a_channel_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError, match="has the name"):
        parse_description({name: ["int", None, {}]})


@pytest.mark.parametrize(
    "content", [None, [], "x", 1, {f"c{i}": ["int", None, {}] for i in range(65)}]
)
def test_an_invalid_description_is_refused(content: object) -> None:
    with pytest.raises(ProtocolError, match="the description"):
        parse_description(content)


@given(
    st.sampled_from(["np", "int_fold"]),
    st.text("()[]0123456789, dtype\"'|<ub8f__o.x;:", max_size=40),
)
@settings(max_examples=1000)
def test_any_shape_is_a_channel_or_a_protocol_error(kind: str, source: str) -> None:
    try:
        channel = parse_description({"x": [kind, source, {}]})["x"]
    except ProtocolError as error:
        assert str(error).isprintable()
    else:
        assert channel.folds or channel.nbytes > 0


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = JSON | st.lists(JSON, max_size=2) | st.dictionaries(st.text(max_size=3), JSON, max_size=2)


@given(st.dictionaries(st.sampled_from([*CHANNELS, "info"]), VALUES) | VALUES)
@settings(max_examples=1000)
def test_any_update_is_valid_or_a_protocol_error(content: object) -> None:
    try:
        values = parse_update(content, CHANNELS)
    except ProtocolError as error:
        assert str(error).isprintable()
        return
    assert set(values) <= set(CHANNELS)
    assert type(values.get("ac", 0)) is int and 0 <= values.get("ac", 0) < 4096
    assert type(values.get("reward", 0.0)) is float and math.isfinite(values.get("reward", 0.0))
    assert all(type(values.get(name, True)) is bool for name in ("done", "reset", "ob"))
    assert values.get("ob", True) is True


@pytest.mark.parametrize(
    "content",
    [
        {"reward": float("nan")},
        {"reward": 10**400},
        {"reward": True},
        {"done": 2},
        {"done": "false"},
        {"ac": 4096},
        {"ac": -1},
        {"ac": True},
        {"ac": 1.0},
        {"ob": False},
        {"ob": [1]},
        {"extra": 1},
    ],
)
def test_values_of_other_types_are_refused(content: object) -> None:
    with pytest.raises(ProtocolError):
        parse_update(content, CHANNELS)


def test_an_integer_reward_is_accepted() -> None:
    values = parse_update({"ob": True, "reward": 0, "done": False, "reset": 0}, CHANNELS)
    assert values == {"ob": True, "reward": 0.0, "done": False, "reset": False}


def test_button_i_becomes_bit_i() -> None:
    right = np.zeros(12, np.uint8)
    right[7] = 1
    assert fold_buttons(right, (2,) * 12) == 128
    assert unfold_buttons(128, (2,) * 12).tolist() == right.tolist()
    assert unfold_buttons(4095, (2,) * 12).dtype == np.uint8


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=20))
def test_folding_and_unfolding_are_inverse(digits: list[tuple[int, int]]) -> None:
    folds = [fold for fold, _ in digits]
    values = [value % fold for fold, value in digits]
    folded = fold_buttons(np.array(values, np.uint8), folds)
    assert 0 <= folded < math.prod(folds)
    assert unfold_buttons(folded, folds).tolist() == values


@pytest.mark.parametrize("buttons", [[1] * 11, [1] * 13, [2] + [0] * 11, [-1] + [0] * 11])
def test_buttons_out_of_range_are_refused(buttons: list[int]) -> None:
    with pytest.raises(ValueError):
        fold_buttons(np.array(buttons), (2,) * 12)


@pytest.mark.parametrize("folded", [-1, 4096])
def test_integers_out_of_range_are_refused(folded: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        unfold_buttons(folded, (2,) * 12)


@given(st.floats(allow_nan=False, allow_infinity=False), st.booleans())
@example(5e-324, False)
@example(1.2345678901234567e-4, True)
@example(-0.0, False)
def test_the_plain_answer_equals_the_json_encoding(reward: float, done: bool) -> None:
    data = plain_answer(reward, done)
    content = {"ob": True, "reward": reward, "done": done, "reset": False}
    assert data == encode("update", content)
    plain = PLAIN_ANSWER.fullmatch(data)
    if plain:
        assert float(plain[1]) == reward and (plain[2] == b"true") == done
    else:  # exponents of three digits do not match the plain form
        assert not 1e-99 <= abs(reward) < 1e99
    assert MessageReader().feed(data)[0]["content"] == content


def test_openais_answer_matches_the_plain_form() -> None:
    for content in (
        {"ob": True, "reward": 0, "done": False},
        {"ob": True, "reward": -1.5, "done": 1},
    ):
        plain = PLAIN_ANSWER.fullmatch(encode("update", content))
        assert bool(plain) is (content["done"] is False)
    assert PLAIN_ACTION.fullmatch(encode("update", {"ac": 128}))[1] == b"128"  # type: ignore[index]


@pytest.mark.parametrize("reward", ["NaN", "1e999", "01", "+1", "1.", "0x1", "1_0", "", "1 "])
def test_only_finite_json_numbers_match_the_plain_form(reward: str) -> None:
    data = plain_answer(0.25, False).replace(b"0.25", reward.encode())
    assert not PLAIN_ANSWER.fullmatch(data)


@pytest.mark.parametrize("reward", [float("nan"), float("inf")])
def test_a_reward_that_is_not_finite_is_not_sent(reward: float) -> None:
    with pytest.raises(ProtocolError, match="the reward is"):
        plain_answer(reward, False)
