"""Names in an option: they keep the given order, and unknown names are refused."""

from __future__ import annotations

import pytest

from agent.errors import UserError
from benchmarks.names import chosen


def test_names_come_in_the_given_order_and_none_means_all() -> None:
    assert chosen("agents", " c,a,c", ["a", "b", "c"]) == ["c", "a"]
    assert chosen("agents", "", {"a": 1, "b": 2}) == ["a", "b"]


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(UserError, match="^--agents has the unknown name 'd': choose from a, b$"):
        chosen("agents", "a,d", ["a", "b"])
