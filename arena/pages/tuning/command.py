"""`local_eval.py tune RUN...`: the advice as a table, a page to open, and, asked for, applied."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from agent.files import write_atomically
from agent.settings import CONTEST_STEPS, PLAY, read_play
from arena.evaluation.score import Interval
from arena.pages.tuning.page import tuning_page
from arena.tuner.advice import Advice, RuleScore, advise
from arena.tuner.grid import SEED_RULE, Choice

FOLDER = "tune"  # in the first run's folder
ADVICE = "tune.json"
PAGE = "tune.html"
ROWS = 12
WIDE = 110  # columns of a terminal that has room for the intervals of the scores


@dataclass(frozen=True)
class TuneOptions:
    """Find the lock-in rule that would have scored best on new levels, from recorded runs.

    Record first, on levels that you may tune to: `local_eval.py run --levels pangolin-train
    --repeats 3`.
    """

    runs: tuple[Path, ...] = option("run folders of one game", positional=True)
    budget_steps: int | None = option("timesteps of the simulated budgets [the runs' own]", None)
    full: bool = option(f"the contest's budget of {CONTEST_STEPS:,} timesteps", False)
    out: Path | None = option(f"folder for {ADVICE} and {PAGE} [RUN/{FOLDER}]", None)
    apply: bool = option(f"write the recommended rule to the packed model's {PLAY}", False)
    pretrained: Path | None = option(
        "packed model to apply it to [the one that played]", None, env="PRETRAINED"
    )
    rows: int = option("rules in the table, the best first", ROWS)
    seed: int = option("of the simulation, 1 or more", 1)

    def __post_init__(self) -> None:
        """Refuse numbers that can't work.

        Raises:
            UserError: says which.
        """
        for name in ("budget_steps", "rows", "seed"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} is {value}: give 1 or more")
        if self.full and self.budget_steps is not None:
            raise UserError("--full and --budget-steps exclude each other: give one")


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    options = command_line.parse(TuneOptions, argv, prog="local_eval.py tune")
    budget_steps = CONTEST_STEPS if options.full else options.budget_steps
    advice = advise(options.runs, budget_steps, options.seed)
    console = Console()
    show(console, advice, options.rows)
    out = options.out or options.runs[0] / FOLDER
    write(out, advice)
    _say(console, f"numbers  {out / ADVICE}\npage     {out / PAGE}")
    if options.apply:
        folder = options.pretrained or advice.pretrained
        if folder is None:
            raise UserError("the runs name no packed model: give --pretrained with --apply")
        path = apply(folder, advice.recommended.settings)
        _say(console, f"applied  {path}: {advice.recommended.name}")
    return 0


def show(console: Console, advice: Advice, rows: int = ROWS) -> None:
    """Print the notes, the table and the sentences."""
    for note in advice.notes:
        console.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"rule ({advice.budget_steps:,} timesteps)", overflow="fold", min_width=20)
    wide = console.width >= WIDE
    headers = ["score", "95% interval", "above the default", "locked in", "after"]
    for header in headers if wide else [header for header in headers if "interval" not in header]:
        table.add_column(header, justify="right", no_wrap=True)
    for rule in _shown(advice, rows):
        style = "bold green" if rule == advice.recommended else None
        mark = " (the default)" if rule.settings == SEED_RULE else ""
        table.add_row(
            rule.name + mark,
            f"{rule.score:,.0f}",
            *([_pair(rule.interval)] if wide else []),
            "" if mark else f"{rule.gain:+,.0f} ({_pair(rule.gain_interval)})",
            f"{rule.locked:.0%}" if rule.locked else "never",
            f"{rule.locked_at:,.0f}" if rule.locked_at is not None else "",
            style=style,
        )
    console.print(table)
    console.print()
    for sentence in advice.sentences:
        console.print(sentence, highlight=False, markup=False)
    console.print(advice.method, style="dim", highlight=False)
    console.print()


def write(out: Path, advice: Advice) -> None:
    """Write tune.json and tune.html into a folder, made if need be.

    Raises:
        UserError: the folder can't be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        content = json.dumps(advice.to_json(), indent=2, allow_nan=False)
        write_atomically(out / ADVICE, content.encode() + b"\n")
        write_atomically(out / PAGE, tuning_page(advice))
    except OSError as error:
        raise UserError(f"{out} can't be written ({error.strerror}): give another --out") from None


def apply(folder: Path, choice: Choice) -> Path:
    """Write a rule into a packed model's play.json, beside what else stands there; return it.

    Settings of another rule go: what remains is what plays.

    Raises:
        UserError: there is no packed model, its play.json can't be read, or can't be written.
    """
    if not (folder / "manifest.json").is_file():
        raise UserError(f"{folder} holds no packed model: give its folder as --pretrained")
    kept = {
        name: value for name, value in read_play(folder).items() if not name.startswith("lock_in")
    }
    path = folder / PLAY
    try:
        write_atomically(path, json.dumps({**choice, **kept}, indent=2).encode() + b"\n")
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from None
    return path


def _shown(advice: Advice, rows: int) -> list[RuleScore]:
    """The best, the best of each kind, and the seed's."""
    kinds: dict[str, RuleScore] = {}
    for rule in advice.rules:
        kinds.setdefault(rule.settings["lock_in_rule"], rule)
    wanted = [*advice.rules[:rows], *kinds.values(), advice.seed]
    return [rule for rule in advice.rules if rule in wanted]


def _pair(interval: Interval) -> str:
    return f"{interval[0]:,.0f} to {interval[1]:,.0f}"


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
