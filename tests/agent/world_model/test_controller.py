"""The controller, and the conversion between actions and gamepad buttons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.buttons import ACTION_BUTTONS, GENESIS_BUTTONS, from_genesis, to_genesis
from agent.errors import ModelError
from agent.world_model.controller import Controller, n_parameters


def test_the_gamepad_has_the_contests_buttons_in_its_order() -> None:
    assert " ".join(GENESIS_BUTTONS) == "B A MODE START UP DOWN LEFT RIGHT C Y X Z"
    assert ACTION_BUTTONS == ("B", "DOWN", "LEFT", "RIGHT")


def test_each_action_button_presses_its_own_gamepad_button() -> None:
    for place, button in enumerate(ACTION_BUTTONS):
        action = np.zeros(4, np.uint8)
        action[place] = 1
        pressed = to_genesis(action)
        assert [GENESIS_BUTTONS[i] for i in np.flatnonzero(pressed)] == [button]


@given(st.lists(st.integers(0, 1), min_size=4, max_size=4))
def test_actions_survive_conversion_to_the_gamepad_and_back(values: list[int]) -> None:
    action = np.array(values, np.uint8)
    back = from_genesis(to_genesis(action))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, action)


def test_buttons_outside_the_action_space_are_dropped() -> None:
    assert from_genesis(np.ones(12, np.uint8)).tolist() == [1, 1, 1, 1]
    others = np.ones(12, np.uint8)
    others[[0, 5, 6, 7]] = 0
    assert from_genesis(others).tolist() == [0, 0, 0, 0]


def test_the_original_2018_controller_has_8992_weights_and_four_biases() -> None:
    assert n_parameters(200 + 2 * 1024) == 8992 + 4


def test_a_button_is_pressed_iff_the_sigmoid_is_above_one_half() -> None:
    random = np.random.default_rng(1)
    features = random.standard_normal(7).astype(np.float32)
    parameters = random.standard_normal(n_parameters(7))
    weights, bias = parameters[:-4].reshape(4, 7), parameters[-4:]
    sigmoid = 1 / (1 + np.exp(-(weights @ features + bias)))
    action = Controller(parameters).act(features)
    assert action.dtype == np.uint8
    assert action.tolist() == (sigmoid > 0.5).astype(int).tolist()


def test_exactly_one_half_does_not_press_and_the_bias_alone_can() -> None:
    parameters = np.zeros(n_parameters(3))
    parameters[-4:] = [0.0, 1e-6, -1e-6, 1.0]
    assert Controller(parameters).act(np.zeros(3, np.float32)).tolist() == [0, 1, 0, 1]


def test_logits_too_large_for_a_sigmoid_still_press() -> None:
    parameters = np.full(n_parameters(2), 1e30)
    assert Controller(parameters).act(np.full(2, 1e6, np.float32)).tolist() == [1, 1, 1, 1]


def test_features_that_are_not_finite_are_an_error_of_one_line() -> None:
    features = np.zeros(3, np.float32)
    features[1] = np.nan
    with pytest.raises(ModelError, match="1 of 3 features are not finite") as error:
        Controller(np.ones(n_parameters(3))).act(features)
    assert "\n" not in str(error.value)


def test_parameters_that_are_not_finite_are_an_error() -> None:
    parameters = np.ones(n_parameters(3))
    parameters[5] = np.inf
    with pytest.raises(ModelError, match="not finite"):
        Controller(parameters)


def test_parameters_and_features_of_other_sizes_are_refused() -> None:
    with pytest.raises(AssertionError):
        Controller(np.ones(15))
    with pytest.raises(AssertionError):
        Controller(np.ones(n_parameters(3))).act(np.zeros(4, np.float32))
