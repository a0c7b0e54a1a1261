"""Messages and errors of the protocol: exact bytes, strict parsing, and random byte streams."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gym_remote import messages
from agent.gym_remote.messages import MAX_MESSAGE_BYTES, MessageReader, ProtocolError, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def test_a_message_is_json_and_a_form_feed() -> None:
    assert encode("update", {"ac": 128}) == b'{"type": "update", "content": {"ac": 128}}\f'


def test_nan_and_infinity_are_not_sent() -> None:
    with pytest.raises(ProtocolError, match="can't be sent"):
        encode("update", {"reward": float("nan")})


def test_the_exception_ids_are_the_contests() -> None:
    classes = [type(messages.exception_from_id(id, None)).__name__ for id in range(6)]
    assert classes == [
        "GymRemoteError",
        "TimestepTimeoutError",
        "WallClockTimeoutError",
        "ClientDisconnectError",
        "ServerDisconnectError",
        "ResetError",
    ]
    error = messages.exception_from_id(5, "no reset now")
    assert (error.id, error.reason, str(error)) == (5, "no reset now", "no reset now")


def test_an_unknown_id_keeps_its_number() -> None:
    error = messages.exception_from_id(17, "new")
    assert type(error) is messages.GymRemoteError
    assert error.id == 17 and "17" in str(error) and "new" in str(error)


@pytest.mark.parametrize(("id", "reason"), [("1", None), (True, None), (1.0, None), (1, ["x"])])
def test_an_exception_with_wrong_types_is_refused(id: object, reason: object) -> None:
    with pytest.raises(ProtocolError, match="of an exception is"):
        messages.exception_from_id(id, reason)


def test_a_reason_contains_only_printable_characters() -> None:
    error = messages.exception_from_id(0, "red \x1b[31m\nline\ud800" + "x" * 1000)
    assert str(error).startswith("red ?[31m?line?xxx")
    assert len(str(error)) < 210


@given(st.lists(st.tuples(st.text(max_size=8), JSON), max_size=5), st.data())
@settings(max_examples=100)
def test_messages_are_read_from_chunks_of_any_size(
    sent: list[tuple[str, object]], data: st.DataObject
) -> None:
    stream = b"".join(encode(kind, content) for kind, content in sent)
    reader, read = MessageReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        read += reader.feed(stream[:size])
        stream = stream[size:]
    assert [(message["type"], message["content"]) for message in read] == sent
    assert reader.pending == 0


@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"\f", b'{"type": "', b'"content"'])))
@settings(max_examples=1000)
def test_any_bytes_are_messages_or_a_protocol_error(parts: list[bytes]) -> None:
    reader = MessageReader()
    try:
        for part in parts:
            for message in reader.feed(part):
                assert isinstance(message["type"], str) and "content" in message
    except ProtocolError as error:
        assert str(error).isprintable()  # one line without control characters


@given(JSON)
@settings(max_examples=300)
def test_json_of_another_form_is_refused(value: object) -> None:
    wellformed = isinstance(value, dict) and isinstance(value.get("type"), str)
    data = json.dumps(value).encode() + b"\f"
    if wellformed and "content" in value:
        assert MessageReader().feed(data) == [value]
    else:
        with pytest.raises(ProtocolError):
            MessageReader().feed(data)


@pytest.mark.parametrize(
    "message",
    [
        b"\xff\xfe{}",  # not UTF-8
        b'{"type": "update", "content": {"reward": NaN}}',
        b'{"type": "update", "content": {"reward": -Infinity}}',
        b'{"type": "update", "content": ' + b"9" * 5000 + b"}",  # Python refuses to convert it
        b"[" * 60_000,  # deeper than the stack
        b"{}" * 40_000,  # too long, although it is complete
    ],
)
def test_hostile_messages_are_refused(message: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        MessageReader().feed(message + b"\f")
    assert len(str(caught.value)) < 400


def test_an_endless_message_is_refused_early() -> None:
    reader, fed = MessageReader(), 0
    with pytest.raises(ProtocolError, match="longer than 65536 bytes"):
        for _ in range(100_000_000 // 4096):
            reader.feed(b"x" * 4096)
            fed += 4096
    assert fed <= MAX_MESSAGE_BYTES
