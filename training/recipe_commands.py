"""The commands that the recipe runs, and what each costs.

The costs were measured while the shipped model was trained on two cores
(results/pangolin_training.json).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.environment.levels import Level, select
from arena.evaluation.results import RunResultsError, read_results
from training.runs.run_folder import RESULT

# Seconds: of play with one worker, of V and M on one core.
SEARCH_SECONDS = 120.0  # a level
SECONDS_PER_FRAME = 1 / 500  # `collect`, whose episodes begin within a demonstration
PLANNED_SECONDS_PER_FRAME = 1 / 70  # `collect` with labels of the planner
SEARCHED_SECONDS_PER_FRAME = 1 / 10  # `collect` with the search as expert
VISION_SECONDS, MEMORY_SECONDS = 0.17, 0.43  # a training step
GENERATION_SECONDS = 70.0  # a generation of 16 candidates
PLAY_SECONDS = 1 / 600  # a timestep of the evaluation
START_MINUTES = 0.15  # each command imports its packages and starts its workers
IMITATION_MINUTES, PACK_MINUTES = 0.5, 0.1
FRAME_BYTES, SEARCH_BYTES = 9_500, 20e6  # of a frame, of a level's search
VISION_BYTES, MEMORY_BYTES, EVOLUTION_BYTES = 60e6, 15e6, 5e6
PACK_BYTES, EVALUATION_BYTES = 15e6, 20e6

EVALUATED_STEPS = 100_000  # timesteps of the evaluation on each level
SEARCHED = "searched"  # purpose of the policies whose expert is the search
EPISODE_STEPS = 5_000  # the smallest budget in which an episode counts


@dataclass(frozen=True)
class Stage:
    """A command of the recipe.

    Attributes:
        name: as the plan shows it.
        command: arguments of Python.
        out: folder that it makes.
        minutes: estimated duration.
        size: estimated size of the folder in bytes.
    """

    name: str
    command: tuple[str, ...]
    out: Path
    minutes: float
    size: float

    def is_finished(self) -> bool:
        """Return whether the folder contains the stage's result."""
        if (self.out / RESULT).is_file():
            return True
        try:
            return read_results(self.out).complete  # of the evaluation
        except RunResultsError:
            return False


@dataclass(frozen=True)
class Sizes:
    """What all stages share: the folder, the share of all sizes, processes and device."""

    runs: Path
    share: float
    workers: int
    device: str

    def scaled(self, number: int, minimum: int) -> int:
        """Return the share of a number, but at least the minimum."""
        return max(int(number * self.share), minimum)


def written(level: Level) -> str:
    """Return a name by which every command finds the level."""
    return level.name if level.integration is None else f"{level.integration}:{level.name}"


def search_stage(sizes: Sizes, levels: Sequence[Level]) -> Stage:
    """Return the search for demonstrations of levels."""
    out = sizes.runs / "demonstrations"
    command = _command(
        "training.demonstrate",
        levels=",".join(map(written, levels)),
        out=out,
        steps=sizes.scaled(800_000, 2_000),
        workers=sizes.workers,
    )
    minutes = len(levels) * SEARCH_SECONDS * sizes.share / sizes.workers / 60
    return Stage("search for demonstrations", command, out, minutes, len(levels) * SEARCH_BYTES)


@dataclass(frozen=True)
class StageMaker:
    """Makes the stages of one run of the recipe.

    Attributes:
        sizes: what all stages share.
        demonstrations: folders of the demonstrations, separated by commas.
        policies: policies of `collect` by their purpose.
        planned: whether the planner labels the frames.
    """

    sizes: Sizes
    demonstrations: str
    policies: dict[str, str]
    planned: bool

    def collect(
        self, number: int, levels: str, frames: int, steps: int, purpose: str, **more: object
    ) -> Stage:
        """Collect dataset `number`."""
        out, frames = self.sizes.runs / f"data-{number}", self.sizes.scaled(frames, 600)
        command = _command(
            "training.collect",
            out=out,
            levels=levels,
            demonstrations=self.demonstrations,
            frames=frames,
            max_steps=self.sizes.scaled(steps, 60),
            policies=self.policies[purpose],
            seed=number,
            workers=self.sizes.workers,
            **more,
        )
        seconds = PLANNED_SECONDS_PER_FRAME if self.planned else SECONDS_PER_FRAME
        if purpose == SEARCHED:
            seconds = SEARCHED_SECONDS_PER_FRAME
        minutes = frames * seconds / self.sizes.workers / 60
        return Stage(f"collect data-{number}", command, out, minutes, frames * FRAME_BYTES)

    def train_vision(self, number: int, steps: int, data: Sequence[int], **more: object) -> Stage:
        """Train V `number` on datasets."""
        out, steps = self.sizes.runs / f"vision-{number}", self.sizes.scaled(steps, 2)
        values: dict[str, object] = {
            "data": self._datasets(data),
            "out": out,
            "steps": steps,
            "batch": 32,
        }
        values |= {"threads": 1, "device": self.sizes.device, **more}
        command = _command("training.train_vision", **values)
        return Stage(
            f"train vision-{number}", command, out, steps * VISION_SECONDS / 60, VISION_BYTES
        )

    def train_memory(
        self, number: int, steps: int, vision: int, data: Sequence[int], **more: object
    ) -> Stage:
        """Train M `number` on the latents of V `vision`."""
        out, steps = self.sizes.runs / f"memory-{number}", self.sizes.scaled(steps, 2)
        values: dict[str, object] = {
            "data": self._datasets(data),
            "vision": self.sizes.runs / f"vision-{vision}",
        }
        values |= {"out": out, "steps": steps, "threads": 1, "device": self.sizes.device, **more}
        command = _command("training.train_memory", **values)
        return Stage(
            f"train memory-{number}", command, out, steps * MEMORY_SECONDS / 60, MEMORY_BYTES
        )

    def imitation(self, number: int, vision: int, level: str) -> list[Stage]:
        """Pack M's prediction of the expert's actions, after a search too short to change it."""
        steps = self.sizes.scaled(200, 20)
        options: dict[str, object] = {
            "generations": 1,
            "population": 4,
            "mean_every": 1,
            "sigma0": 0.03,
        }
        command, out = self._evolve(
            f"imitation-{number}", vision, number, level, max_steps=steps, **options
        )
        packed = self.sizes.runs / f"pack-{number}"
        return [
            Stage(out.name, command, out, IMITATION_MINUTES, EVOLUTION_BYTES),
            self._pack(number, vision, out, packed),
        ]

    def evolve(
        self, number: int, vision: int, memory: int, levels: str, packed: Path, **more: object
    ) -> list[Stage]:
        """Evolve C from M's prediction, and pack the result."""
        generations = self.sizes.scaled(int(str(more["generations"])), 1)
        command, out = self._evolve(
            f"evolution-{number}",
            vision,
            memory,
            levels,
            **more | {"generations": generations},
            population=16,
            levels_per_generation=4,
            early_stop_reward=0.01,
            mean_every=self.sizes.scaled(4, 1),
            max_steps=self.sizes.scaled(4500, 20),
        )
        minutes = generations * GENERATION_SECONDS / self.sizes.workers / 60
        if self.sizes.share < 1:
            minutes = min(minutes, IMITATION_MINUTES)  # its episodes are short
        return [
            Stage(out.name, command, out, minutes, EVOLUTION_BYTES),
            self._pack(memory, vision, out, packed),
        ]

    def _evolve(
        self, name: str, vision: int, memory: int, levels: str, **more: object
    ) -> tuple[tuple[str, ...], Path]:
        runs, out = self.sizes.runs, self.sizes.runs / name
        values: dict[str, object] = {
            "vision": runs / f"vision-{vision}",
            "memory": runs / f"memory-{memory}",
        }
        values |= {"out": out, "levels": levels, "imitate": True, "episodes": 1}
        values |= {"mean_episodes": 1, "workers": self.sizes.workers, **more}
        return _command("training.evolve", **values), out

    def _pack(self, memory: int, vision: int, evolution: Path, out: Path) -> Stage:
        runs = self.sizes.runs
        values: dict[str, object] = {
            "vision": runs / f"vision-{vision}",
            "memory": runs / f"memory-{memory}",
        }
        command = _command("training.pack", evolution=evolution, out=out, replace=True, **values)
        return Stage(f"pack {out.name}", command, out, PACK_MINUTES, PACK_BYTES)

    def _datasets(self, numbers: Sequence[int]) -> str:
        return ",".join(str(self.sizes.runs / f"data-{number}") for number in numbers)


def _command(module: str, *words: str, **options: object) -> tuple[str, ...]:
    """Return the arguments of Python that start a command; True stands for a flag without value."""
    given: list[str] = ["-m", module, *words]
    for name, value in options.items():
        given.append(f"--{name.replace('_', '-')}")
        given += [] if value is True else [str(value)]
    return tuple(given)


def evaluation_stage(sizes: Sizes, levels: str, pretrained: Path) -> Stage:
    """Return the evaluation of the packed model."""
    budget, out = sizes.scaled(EVALUATED_STEPS, EPISODE_STEPS), sizes.runs / "evaluation"
    values: dict[str, object] = {
        "levels": levels,
        "pretrained": pretrained,
        "budget_steps": budget,
        "out": out,
    }
    command = _command("local_eval", "run", workers=sizes.workers, **values)
    minutes = len(select(levels)) * budget * PLAY_SECONDS / sizes.workers / 60
    return Stage("evaluate", command, out, minutes, EVALUATION_BYTES)
