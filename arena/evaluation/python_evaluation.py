"""Evaluates an agent from Python, in a script or a notebook: `from arena import evaluate`.

The levels are played as `local_eval.py run` plays them, so the scores are the same.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.errors import UserError
from agent.files import write_atomically
from arena.evaluation.agents import OURS, Agent, AgentOptions
from arena.evaluation.evaluate import EvaluationInterrupted
from arena.evaluation.evaluate import evaluate as evaluate_plan
from arena.evaluation.options import DEFAULT_BUDGET_STEPS, DEFAULT_LEVELS, RunOptions, make_plan
from arena.evaluation.progress import show_table
from arena.evaluation.python_agent import AgentRaisedError, PythonAgent
from arena.evaluation.results import RunResults, to_json
from arena.evaluation.run_folder import open_run
from arena.evaluation.score import Interval, read_monitor
from arena.server.monitor import MONITOR_FILE

COLUMNS = (
    *("level", "status", "score", "low", "high", "best_return", "episodes", "timesteps"),
    *("locked_in_at", "steps_per_second"),
)
TABLE_WIDTH = 110  # columns


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The results of an evaluation. It prints as the table that the command line prints.

    Attributes:
        folder: the run folder, with the files that docs/run-folder.md describes.
        results: the content of its results.json.
        returns: returns of the finished episodes, in the order played, by level.
    """

    folder: Path
    results: RunResults
    returns: Mapping[str, Sequence[float]]

    @property
    def score(self) -> float | None:
        """Mean score over the levels that have one; None if no level has one."""
        return self.results.mean

    @property
    def interval(self) -> Interval | None:
        """95% interval of the score; None if there are too few episodes."""
        return self.results.interval

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per level, with the names of `COLUMNS`; a number that is missing is None."""
        rows = []
        for level in self.results.levels:
            low, high = level.interval or (None, None)
            values = {**vars(level), "low": low, "high": high}
            rows.append({name: values[name] for name in COLUMNS})
        return rows

    def to_csv(self, path: Path | str | None = None) -> str:
        """Return the rows as CSV, and write them to a file if a path is given."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return _written(text.getvalue(), path)

    def to_json(self, path: Path | str | None = None) -> str:
        """Return the results as JSON, as in results.json, and write them if a path is given."""
        return _written(json.dumps(to_json(self.results), indent=2) + "\n", path)

    def to_pandas(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError:
            raise UserError("this Python has no package pandas: pip install pandas") from None
        return pandas.DataFrame(self.rows(), columns=list(COLUMNS))

    def __repr__(self) -> str:
        text = io.StringIO()
        # In a notebook, rich would show the table itself, or write escape sequences into the text.
        plain = Console(file=text, width=TABLE_WIDTH, force_jupyter=False, force_terminal=False)
        show_table(plain, self.results, budget_option="budget_steps")
        return text.getvalue().strip("\n")


def evaluate(
    agent: Any,
    levels: str | Sequence[str] = DEFAULT_LEVELS,
    *,
    budget_steps: int = DEFAULT_BUDGET_STEPS,
    seed: int | None = None,
    out: Path | str | None = None,
) -> Evaluation:
    """Evaluate an agent on levels as the contest did.

    Args:
        agent: one of
            - a function from a frame, uint8 (224, 320, 3) RGB, to the twelve buttons, 0 or 1 each;
            - an object with such a method `act(frame)`, and perhaps `reset()`, which is called
              before each episode;
            - an object with a method `play(env)`, which resets and steps the environment itself;
            - a class of such objects, from which each level gets a new one;
            - the name of an agent that comes with the project, such as "ours" or "jerk".
            A function or an object plays all levels, one after the other.
        levels: level set, level or folder, as for `local_eval.py run --levels`, or several.
        budget_steps: timesteps per level, resets included.
        seed: random seed of the sticky actions and of a named agent, 1 or more; None for the
            command line's default.
        out: a new run folder; None creates one in runs/.

    Raises:
        UserError: an argument is invalid, or the folder contains a run already.
        Exception: whatever a Python agent raised.
        KeyboardInterrupt: Ctrl-C; finished levels are in the run folder.
    """
    options = RunOptions(
        levels=levels if isinstance(levels, str) else ",".join(levels),
        budget_steps=budget_steps,
        seed=seed,
        out=None if out is None else Path(out),
        agent=agent if isinstance(agent, str) else OURS,
    )
    plan = make_plan(options)
    if not isinstance(agent, str):
        player: Agent = PythonAgent(agent, AgentOptions(budget_steps, seed, None))
        plan = replace(plan, agent=player, workers=1)
    plan.check()
    arguments = f"levels={options.levels}", f"budget_steps={budget_steps}", f"seed={seed}"
    folder = open_run(
        options.out,
        plan.settings(),
        name=f"{plan.agent.name}-{options.levels}",
        seeds={"stickiness": plan.seed, "agent": seed},
        argv=["evaluate", plan.agent.name, *arguments],
        resume=False,  # the code of a Python agent may have changed
    )
    try:
        results = evaluate_plan(plan, folder, Console(stderr=True))
    except EvaluationInterrupted:
        raise KeyboardInterrupt from None
    except AgentRaisedError as raised:
        assert raised.__cause__ is not None
        raise raised.__cause__ from None
    finally:
        folder.close()
    return Evaluation(folder.path, results, _returns(folder.path, results))


def _returns(folder: Path, results: RunResults) -> dict[str, list[float]]:
    return {
        level.level: [
            row.episode_return for row in read_monitor(folder / level.folder / MONITOR_FILE)
        ]
        for level in results.levels
    }


def _written(text: str, path: Path | str | None) -> str:
    if path is not None:
        write_atomically(Path(path), text.encode())
    return text
