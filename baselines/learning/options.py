"""What all learning agents have in common on the command line: the weights to begin with.

Nothing here needs torch, so that --help works without it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent.command_line import option
from agent.errors import UserError
from arena.evaluation.shipped_weights import shipped_weights
from baselines.playing import PlayOptions

PRETRAINED = Path("pretrained")  # as `--weights`, it means the weights that are shipped


@dataclass(frozen=True)
class LearningOptions(PlayOptions):
    """Play an agent that learns while it plays.

    Attributes:
        agent: name of the agent: its module in `baselines`, and its shipped weights.
    """

    extra: ClassVar[str] = "baselines"
    agent: ClassVar[str]

    weights: Path | None = option(
        "weights to begin with (.safetensors), or `pretrained` for those of the project"
        " [random weights]",
        None,
    )

    def weights_file(self) -> Path | None:
        """Return the path of the weights; None means random weights.

        Raises:
            UserError: the shipped weights are chosen, and the agent has none.
        """
        if self.weights != PRETRAINED:
            return self.weights
        from baselines.pretrain import AGENTS  # which itself imports the agents

        if self.agent not in AGENTS:
            raise UserError(
                f"{self.agent} can't be pretrained, only {', '.join(AGENTS)}: give --weights a"
                " file, or omit it to begin with random weights"
            )
        return shipped_weights(self.agent)

    def hyperparameters(self) -> dict[str, Any]:
        """Return what defines the agent: all fields but those that say where and what to play."""
        others = {field.name for field in dataclasses.fields(LearningOptions)}
        return {name: v for name, v in dataclasses.asdict(self).items() if name not in others}
