"""Measures steps/s and peak memory of every agent in the arena, on one core.

    python -m benchmarks.speed.agent_speed          measures; the same command continues
    python -m benchmarks.speed.agent_speed --show   prints the table and updates the documents

Speed is timesteps per second of CPU time of server, emulator and agent together: what one core
reaches that nothing else uses. The agents play in turn, round after round, and the ratio to an
agent that does nothing is the median of the ratios within the rounds. The timesteps of an agent
that learns from rollouts are whole rollouts, so they contain as many updates as in a long run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from arena.environment.levels import Level, select_one
from arena.evaluation.agents import OURS, AgentOptions
from arena.evaluation.baseline_agents import BASELINES, BaselineAgent
from arena.server.signals import signals_as_interrupt
from benchmarks.baseline_options import hyperparameters, module_and_arguments
from benchmarks.measured import read_measured, show_measured, write_measured
from benchmarks.names import chosen
from benchmarks.speed.agent_runs import measure_agent
from benchmarks.speed.rounds import median_ratio, medians
from benchmarks.store import check_same
from benchmarks.tables import markdown_table

TABLE = "agent speed"  # its name in the documents
NULL = "null"
NAMES = (NULL, *BASELINES, OURS)
TARGETS = {"ppo2": 150, "aborghi": 80, "rainbow": 50, "hybrid": 100}  # steps/s
RATIO_TARGETS = {"jerk": 0.9}  # of the null agent's steps/s
MEMORY_TARGET_MIB = 3 * 1024
WARM_UP_STEPS = 1000  # the speed is measured from the first row of log.csv
SLACK_STEPS = 400  # after the last row that is read, so that the agent still runs then
LEARNING_STARTS = 1000  # timesteps before the first update of an agent with this option


@dataclass(frozen=True)
class Options:
    """Measure steps/s and peak memory of every agent in the arena.

    The same command continues an interrupted measurement. An agent whose weights or packages are
    missing is left out.
    """

    extra: ClassVar[str] = "train"

    agents: str = option("agents to measure, separated by commas", ",".join(NAMES))
    level: str = option("level that all agents play", "PangolinDash-Genesis:MeadowZone.Act1")
    steps: int = option(
        "timesteps of each agent in a round, after 1,000 of warm-up; an agent that learns may play"
        " more",
        3000,
        within=COUNT,
    )
    rounds: int = option("number of rounds; each runs every agent once", 3, within=COUNT)
    out: Path = option("file of the results", Path("results/agent_speed.json"))
    show: bool = option(
        "measure nothing: print the results in --out and update the documents", False
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    options = command_line.parse(Options, argv, prog="python -m benchmarks.speed.agent_speed")
    if options.show:
        show_measured(options.out, TABLE, table)
        return 0
    names = [name for name in chosen("agents", options.agents, NAMES) if can_start(name)]
    if NULL not in names:
        raise UserError(f"--agents has no {NULL}: it is needed, because all ratios are to it")
    level = select_one(options.level)
    settings = {
        "level": level.name,
        "timesteps": {name: budget(name, options.steps) for name in names},
    }
    result = read_measured(options.out) or {**settings, "rounds": []}
    check_same(options.out, {name: result.get(name) for name in settings}, settings)
    try:
        with signals_as_interrupt():
            for number in range(1, options.rounds + 1):
                play_round(result, level, number, options.out)
    except KeyboardInterrupt:
        print("interrupted: finished runs are kept; the same command continues", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE
    print(table(result))
    return 0


def can_start(name: str) -> bool:
    """Return whether an agent can be started; if not, say why."""
    if name in BASELINES:
        try:
            BaselineAgent(name, AgentOptions(1, None, None)).check()
        except UserError as error:
            print(f"note: {name} is left out: {error}", file=sys.stderr)
            return False
    return True


def budget(name: str, steps: int) -> int:
    """Return the timesteps of an agent in a round; those that count are whole rollouts."""
    options = hyperparameters(name).get("hyperparameters", {}) if name in BASELINES else {}
    rollout = int(options.get("rollout_steps", 1))
    return WARM_UP_STEPS + -(-steps // rollout) * rollout + SLACK_STEPS


def play_round(result: dict[str, Any], level: Level, number: int, out: Path) -> None:
    """Run every agent that has no result in a round, in an order that rotates by round.

    Args:
        result: the result, to which each run is added when it ends.
        level: level that all agents play.
        number: number of the round, from 1, which is also the random seed.
        out: file of the result.
    """
    if len(result["rounds"]) < number:
        result["rounds"].append({})
    names = list(result["timesteps"])
    first = number % len(names)
    for name in names[first:] + names[:first]:
        if name in result["rounds"][number - 1]:
            continue
        steps = result["timesteps"][name]
        variables = {"BUDGET_STEPS": str(steps), "SEED": str(number)}
        run = measure_agent(command(name), variables, level, steps, number)
        result["rounds"][number - 1][name] = asdict(run)
        write_measured(out, result)
        print(
            f"round {number}, {name}: {run.steps_per_cpu_second:.0f} steps/s on one core,"
            f" {run.peak_mib:,.0f} MiB",
            file=sys.stderr,
        )


def command(name: str) -> list[str]:
    """Return the command of an agent; one that begins to learn late begins early."""
    if name == NULL:
        return [sys.executable, "-m", "benchmarks.speed.play_speed_agents", NULL]
    if name == OURS:
        return [sys.executable, "-m", "agent"]
    module, *arguments = module_and_arguments(name)
    if "learning_starts" in hyperparameters(name).get("hyperparameters", {}):
        arguments += ["--learning-starts", str(LEARNING_STARTS)]
    return [sys.executable, "-m", f"baselines.{module}", *arguments]


def table(result: Mapping[str, Any]) -> str:
    """Return the result as Markdown, one row for each agent; only complete rounds count."""
    rounds = [one for one in result["rounds"] if one.keys() == result["timesteps"].keys()]
    if not rounds:
        return "No round is complete yet."
    speeds = [{name: run["steps_per_cpu_second"] for name, run in one.items()} for one in rounds]
    middle = medians(speeds)
    rows = []
    for name, steps in result["timesteps"].items():
        values = [one[name] for one in speeds]
        target = str(TARGETS[name]) if name in TARGETS else ""
        if name in RATIO_TARGETS:
            target = f"{RATIO_TARGETS[name]} of {NULL}"
        rows.append(
            [
                f"`{name}`",
                f"{middle[name]:.0f} ({min(values):.0f} to {max(values):.0f})",
                f"{median_ratio(speeds, f'{name} / {NULL}'):.2f}",
                target,
                f"{max(one[name]['peak_mib'] for one in rounds):,.0f}",
                f"{steps:,}",
            ]
        )
    head = [f"steps/s on one core (median of {len(rounds)}; lowest to highest)", f"of {NULL}"]
    return markdown_table(["agent", *head, "target", "peak MiB", "timesteps"], rows)


if __name__ == "__main__":
    command_line.run(main)
