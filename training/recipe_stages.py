"""The recipe's plan: the rounds of the shipped model, with its sizes and seeds.

Each round packs an agent from M's prediction of the expert's actions, collects episodes with it,
and trains on the states that it reached. This is DAgger (Ross et al. 2011). The
expert is the planner on levels of Pangolin Dash, and follows demonstrations on others. If none of
the levels has a planner, a further round asks the search.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.recipe_commands import SEARCHED, Sizes, Stage, StageMaker, evaluation_stage

TO_EXPERT: dict[str, object] = {"expert_action_weight": 30}
LATER_VISION: dict[str, object] = {"learning_rate": 0.0007, "expert_action_weight": 100}
# Policies of `collect` by their purpose; without a position there is no expert but the recording.
WITH_POSITIONS = {
    "start": "demonstration,perturbed,perturbed,perturbed,perturbed,perturbed,runner,held",
    "mostly agent": "agent,agent,agent,perturbed",
    "expert": "demonstration,perturbed,perturbed",
    "turns": "alternating,alternating,perturbed,demonstration",
    "turns and agent": "alternating,alternating,agent",
    SEARCHED: "expert,dagger",
}
WITHOUT_POSITIONS = {
    "start": "demonstration,demonstration,runner,held",
    "mostly agent": "agent,agent,agent,demonstration",
    "expert": "demonstration",
    "turns": "agent,demonstration",
    "turns and agent": "agent",
    SEARCHED: "expert,dagger",
}


def training_stages(
    sizes: Sizes,
    levels: tuple[str, str, str],
    first_level: str,
    folders: Sequence[Path],
    *,
    has_positions: bool,
    searched: bool,
    pretrained: Path,
    evaluated: str | None,
) -> list[Stage]:
    """Return the stages from the first dataset to the score.

    Args:
        sizes: what all stages share.
        levels: levels of the rounds 1 to 3, of 4 and 5, and of 11 and 12.
        first_level: one of the first levels.
        folders: folders of the demonstrations.
        has_positions: whether the games' variables have the player's position, which the expert
            that follows demonstrations needs.
        searched: whether the search is the expert of the levels, as no planner knows them.
        pretrained: folder of the packed model.
        evaluated: levels to score the model on; None for no score.
    """
    policies = WITH_POSITIONS if has_positions else WITHOUT_POSITIONS
    make = StageMaker(sizes, ",".join(map(str, folders)), policies, planned=not searched)
    first, second, third = levels
    stages = _rounds_of_the_agent(make, first, second, first_level)
    stages += _rounds_in_turns(make, first, third, pretrained, searched)
    return (
        stages if evaluated is None else [*stages, evaluation_stage(sizes, evaluated, pretrained)]
    )


def _rounds_of_the_agent(
    make: StageMaker, first: str, second: str, first_level: str
) -> list[Stage]:
    """Return rounds 1 to 6, in which the agent plays the levels from the start."""
    runs, three, five = make.sizes.runs, (1, 2, 3), (1, 2, 3, 4, 5)
    after = {number: runs / f"memory-{number}" for number in range(1, 6)}
    return [
        make.collect(1, first, 130_000, 1500, "start"),
        make.train_vision(1, 8576, (1,)),
        make.train_memory(1, 1300, 1, (1,)),
        *make.imitation(1, 1, first_level),
        make.collect(2, first, 60_000, 600, "mostly agent", pretrained=runs / "pack-1"),
        make.train_memory(2, 900, 1, (1, 2), start=after[1]),
        *make.imitation(2, 1, first_level),
        make.collect(3, first, 80_000, 900, "mostly agent", pretrained=runs / "pack-2"),
        make.train_memory(3, 2400, 1, three, start=after[2]),
        *make.imitation(3, 1, first_level),
        make.collect(4, second, 130_000, 1500, "expert"),
        make.train_memory(4, 1200, 1, (*three, 4), start=after[3], **TO_EXPERT),
        make.collect(
            5, f"{second},{first}", 120_000, 900, "mostly agent", pretrained=runs / "pack-3"
        ),
        make.train_memory(5, 2200, 1, five, start=after[4], **TO_EXPERT),
        make.train_vision(2, 8000, five, start=runs / "vision-1", **LATER_VISION),
        make.train_memory(6, 1043, 2, five, start=after[5], **TO_EXPERT),
        *make.evolve(1, 2, 6, first, runs / "pack-6", generations=16, sigma0=0.05),
    ]


def _rounds_in_turns(
    make: StageMaker, first: str, third: str, pretrained: Path, searched: bool
) -> list[Stage]:
    """Return the last rounds: the agent and the expert play in turns, in every part of a level."""
    runs, pack, levels = make.sizes.runs, make.sizes.runs / "pack-6", f"{third},{first}"
    decay = {"decay_steps": make.sizes.scaled(4000, 1)}
    last: dict[str, object] = {"start": runs / "memory-6", "weight_decay": 0.1, "threads": 2}
    last |= {"decay_steps": make.sizes.scaled(2500, 1), **TO_EXPERT}
    asked = [make.collect(13, first, 20_000, 900, SEARCHED, pretrained=pack)] if searched else []
    return [
        make.collect(11, levels, 340_000, 900, "turns", pretrained=pack),
        make.collect(12, levels, 207_000, 900, "turns and agent", pretrained=pack),
        *asked,
        make.train_vision(3, 8000, (11,), start=runs / "vision-2", **decay, **LATER_VISION),
        # The shipped M first ran with 4,500 steps, so its learning rate fell only from step 1,489.
        make.train_memory(7, 2500, 3, (11, 12, 13) if searched else (11, 12), **last),
        *make.evolve(2, 3, 7, first, pretrained, generations=8, sigma0=0.5),
    ]
