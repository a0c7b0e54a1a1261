"""Rainbow: the projection computed by hand, the noise, and learning to walk a chain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from baselines.learning.rainbow.learner import Rainbow
from baselines.learning.rainbow.network import NoisyLinear, project
from baselines.learning.rainbow.options import RainbowOptions
from baselines.learning.weights import DivergedError

ATOMS = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0])
SMALL = RainbowOptions(
    frame_size=36, learning_starts=64, update_steps=2, target_steps=32, value_limit=4.0,
    learning_rate=1e-3, budget_steps=2000, discount=0.9,
)  # fmt: skip


def projected(probabilities: list[float], reward: float, discount: float) -> list[float]:
    rows = project(
        torch.tensor([probabilities]), torch.tensor([reward]), torch.tensor([discount]), ATOMS
    )
    return [round(float(value), 5) for value in rows[0]]


@pytest.mark.parametrize(
    ("probabilities", "reward", "discount", "expected"),
    [
        # All of it at 1; 0.5 + 0.5 x 1 = 1 lies on an atom.
        ([0.0, 0.0, 0.0, 1.0, 0.0], 0.5, 0.5, [0.0, 0.0, 0.0, 1.0, 0.0]),
        # 0.25 + 0.5 x 1 = 0.75: a quarter to 0, three quarters to 1.
        ([0.0, 0.0, 0.0, 1.0, 0.0], 0.25, 0.5, [0.0, 0.0, 0.25, 0.75, 0.0]),
        # The end of an episode: all of it at the reward.
        ([0.2, 0.2, 0.2, 0.2, 0.2], 1.5, 0.0, [0.0, 0.0, 0.0, 0.5, 0.5]),
        # Beyond the atoms: at the last atom.
        ([0.0, 0.0, 0.0, 0.0, 1.0], 7.0, 0.5, [0.0, 0.0, 0.0, 0.0, 1.0]),
        ([0.5, 0.0, 0.0, 0.0, 0.5], -9.0, 0.5, [1.0, 0.0, 0.0, 0.0, 0.0]),
        # Half at -2 and half at 2, shrunk to -1 and 1.
        ([0.5, 0.0, 0.0, 0.0, 0.5], 0.0, 0.5, [0.0, 0.5, 0.0, 0.5, 0.0]),
    ],
)
def test_the_projection_agrees_with_cases_worked_by_hand(
    probabilities: list[float], reward: float, discount: float, expected: list[float]
) -> None:
    assert projected(probabilities, reward, discount) == expected


def test_the_projection_keeps_mass_and_mean_inside_the_atoms() -> None:
    torch.manual_seed(1)
    rows = torch.softmax(torch.randn(50, 5), 1)
    rewards, discounts = torch.rand(50) - 0.5, torch.rand(50) * 0.7
    result = project(rows, rewards, discounts, ATOMS)
    assert torch.allclose(result.sum(1), torch.ones(50), atol=1e-6)
    assert torch.allclose(result @ ATOMS, rewards + discounts * (rows @ ATOMS), atol=1e-5)


def test_noise_has_the_scale_of_the_paper_and_changes_when_renewed() -> None:
    torch.manual_seed(1)
    layer = NoisyLinear(64, 32, noise=0.5)
    assert torch.allclose(layer.weight_scale, torch.tensor(0.5 / 8))
    values = torch.ones(1, 64)
    first = layer(values)
    assert torch.equal(layer(values), first)
    layer.renew_noise()
    assert not torch.equal(layer(values), first)


def plain_forward(layer: NoisyLinear, values: torch.Tensor) -> torch.Tensor:
    """The paper's formula, word for word."""
    noise = layer._output_noise[:, None] * layer._input_noise[None, :]
    bias = layer.bias + layer.bias_scale * layer._output_noise
    return functional.linear(values, layer.weight + layer.weight_scale * noise, bias)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_noisy_layer_computes_the_papers_formula(rows: int) -> None:
    torch.manual_seed(1)
    layer, values = NoisyLinear(64, 32, noise=0.5), torch.randn(rows, 64)
    assert torch.allclose(layer(values), plain_forward(layer, values), atol=1e-5)


def test_the_fast_forms_of_layers_and_optimizer_give_the_same_losses_and_actions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def play() -> tuple[list[float], list[int]]:
        learner = Rainbow(replace(SMALL, learning_starts=10**6, learning_rate=1e-4), n_actions=2)
        walk(learner, 200)
        losses = [learner.update() for _ in range(20)]
        return losses, [learner.act(observe(place)) for place in (0, 1, 2, 3)]

    fast = play()
    monkeypatch.setattr(NoisyLinear, "forward", plain_forward)
    adam = torch.optim.Adam
    monkeypatch.setattr(
        torch.optim, "Adam", lambda weights, rate, eps, fused: adam(weights, rate, eps=eps)
    )
    plain = play()
    assert fast[0] == pytest.approx(plain[0], rel=1e-4)
    assert fast[1] == plain[1]


def observe(place: int) -> np.ndarray:
    """A chain of five places, seen as a bright column."""
    frames = np.zeros((4, 36, 36), np.uint8)
    frames[:, :, 7 * place : 7 * place + 7] = 255
    return frames


def walk(learner: Rainbow, steps: int) -> list[int]:
    """Walk along the chain: action 1 goes right, 0 left; the right end pays 1 and ends."""
    place, length, lengths = 0, 0, []
    for _ in range(steps):
        action = learner.act(observe(place))
        after = min(max(place + (1 if action else -1), 0), 4)
        length += 1
        won, cut = after == 4, length == 30
        learner.step(observe(place), action, float(won), observe(after), won, cut and not won)
        place = after
        if won or cut:
            lengths.append(length)
            place, length = 0, 0
    return lengths


@pytest.mark.slow
def test_it_learns_to_walk_a_chain() -> None:
    learner = Rainbow(SMALL, n_actions=2)
    lengths = walk(learner, 1500)
    assert np.mean(lengths[-20:]) < 5.0 < np.mean(lengths[:5])
    with torch.no_grad():
        values = [
            (learner.network(torch.from_numpy(observe(place))[None])[0].exp() @ learner.atoms)
            for place in (0, 3)
        ]
    assert float(values[1][1]) == pytest.approx(1.0, abs=0.15)  # one step from the end
    assert float(values[0][1]) == pytest.approx(0.9**3, abs=0.15)


def test_it_learns_only_after_its_start_and_every_few_steps() -> None:
    learner = Rainbow(SMALL, n_actions=2)
    walk(learner, 63)
    assert learner.updates == 0
    walk(learner, 37)
    assert learner.updates == 19  # at 64, 66, ..., 100


def test_a_loss_that_is_not_finite_stops_it() -> None:
    learner = Rainbow(SMALL, n_actions=2)
    walk(learner, 63)
    next(learner.network.parameters()).data.fill_(float("nan"))
    with pytest.raises(DivergedError, match="diverged"):
        learner.update()
