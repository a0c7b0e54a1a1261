"""`local_eval.py tune RUN...`: prints the tuner's advice, writes its page, and can apply it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.command_line import option
from agent.command_line.ranges import COUNT, SEED
from agent.command_line.terminal import program
from agent.errors import UserError
from agent.files import write_atomically
from agent.settings import CONTEST_STEPS, PLAY, read_play
from arena.evaluation.printed import output, waiting
from arena.evaluation.score import Interval
from arena.pages.tuning.page import group_name, tuning_page
from arena.tuner.advice import Advice, advise_on
from arena.tuner.grid import RuleSettings
from arena.tuner.recorded import Recording, read_recording
from arena.tuner.score_table import RuleScore, merged

FOLDER = "tune"  # in the first run's folder
ADVICE = "tune.json"
PAGE = "tune.html"
ROWS = 12
DEFAULT_SEED = 1
WIDE = 110  # terminal width in columns from which the intervals of the scores are shown


@dataclass(frozen=True)
class TuneOptions:
    """Recommend a lock-in rule for new levels, from recorded runs.

    Record a run first, on training levels: `local_eval.py run --levels pangolin-train --repeats 3`.
    """

    runs: tuple[Path, ...] = option("run folders of one game", positional=True)
    budget_steps: int | None = option(
        "timesteps of the simulated budgets [those of the runs]", None, within=COUNT
    )
    full: bool = option(f"simulate the contest's budget of {CONTEST_STEPS:,} timesteps", False)
    out: Path | None = option(f"folder for {ADVICE} and {PAGE} [RUN/{FOLDER}]", None)
    apply: bool = option(f"write the recommended rule to the packed model's {PLAY}", False)
    pretrained: Path | None = option(
        "folder of the packed model that --apply changes [the one of the runs]",
        None,
        env="PRETRAINED",
    )
    rows: int = option(
        "number of rules in the table, the highest score first", ROWS, within=(1, 10_000)
    )
    seed: int = option("random seed of the simulation, 1 or more", DEFAULT_SEED, within=SEED)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UserError: two options exclude each other.
        """
        if self.full and self.budget_steps is not None:
            raise UserError("--full and --budget-steps exclude each other: use one of them")


def tune(options: TuneOptions) -> int:
    """Run the command; unusable runs or an unusable model end it before the simulation."""
    recording = read_recording(options.runs)
    model = _model_to_change(options, recording) if options.apply else None
    budget_steps = CONTEST_STEPS if options.full else options.budget_steps
    with waiting("simulating lock-in rules"):
        advice = advise_on(recording, budget_steps or recording.budget_steps, options.seed)
    out = options.out or options.runs[0] / FOLDER
    write(out, advice)
    if model is not None:
        applied = apply(model, advice.recommended.settings)
    console = output()
    show(console, advice, options.rows)
    _say(console, f"numbers  {out / ADVICE}\npage     {out / PAGE}")
    if model is not None:
        _say(console, f"applied  {applied}: {advice.recommended.name}")
    elif not advice.held_out_sets:
        _say(console, f"apply    {command_that_applies(options)}")
    return 0


def command_that_applies(options: TuneOptions) -> str:
    """Return the command that gives the same advice and applies it."""
    command = [*map(str, options.runs), *(["--full"] * options.full)]
    for name in ("budget_steps", "pretrained", "out"):
        value = getattr(options, name)
        command += [] if value is None else [f"--{name.replace('_', '-')}", str(value)]
    command += [] if options.seed == DEFAULT_SEED else ["--seed", str(options.seed)]
    return f"{program()} tune {shlex.join([*command, '--apply'])}"


def _model_to_change(options: TuneOptions, recording: Recording) -> Path:
    """Return the packed model for --apply.

    Raises:
        UserError: levels are for evaluation only, or there is no packed model.
    """
    if recording.held_out:
        raise UserError(
            f"the runs contain levels for evaluation only ({' and '.join(recording.held_out)}):"
            " record training levels, or leave out --apply"
        )
    folder = options.pretrained or recording.pretrained
    if folder is None:
        raise UserError("the runs name no packed model: use --pretrained with --apply")
    _check_model(folder)
    return folder


def show(console: Console, advice: Advice, rows: int = ROWS) -> None:
    """Print the notes, the table and the sentences."""
    for note in advice.notes:
        console.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"rule ({advice.budget_steps:,} timesteps)", overflow="fold", min_width=20)
    wide = console.width >= WIDE
    headers = ["score", "95% interval", "gain over default", "locked in", "after"]
    for header in headers if wide else [header for header in headers if "interval" not in header]:
        table.add_column(header, justify="right", no_wrap=True)
    for group in _shown(advice, rows):
        rule, same_as_default = group[0], advice.default in group
        style = "bold green" if advice.recommended in group else None
        table.add_row(
            group_name(group),
            f"{rule.score:z,.0f}",
            *([_pair(rule.interval)] if wide else []),
            "" if same_as_default else f"{rule.gain:+z,.0f} ({_pair(rule.gain_interval)})",
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
    """Write tune.json and tune.html into a folder, which is created if it does not exist.

    Raises:
        UserError: the folder is not writable.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        content = json.dumps(advice.to_json(), indent=2, allow_nan=False)
        write_atomically(out / ADVICE, content.encode() + b"\n")
        write_atomically(out / PAGE, tuning_page(advice))
    except OSError as error:
        raise UserError(f"{out} can't be written ({error.strerror}): use another --out") from None


def apply(folder: Path, rule_settings: RuleSettings) -> Path:
    """Write a rule into a packed model's play.json and return the file's path.

    The settings of the previous rule are removed; all other settings are kept.

    Raises:
        UserError: the folder contains no packed model, or its play.json can't be read or written.
    """
    _check_model(folder)
    kept = {
        name: value for name, value in read_play(folder).items() if not name.startswith("lock_in")
    }
    path = folder / PLAY
    try:
        write_atomically(path, json.dumps({**rule_settings, **kept}, indent=2).encode() + b"\n")
    except OSError as error:
        raise UserError(f"{path} can't be written ({error.strerror}): make it writable") from None
    return path


def _shown(advice: Advice, rows: int) -> list[tuple[RuleScore, ...]]:
    """Return the rules with the highest scores, the best of each kind, and the default.

    Rules that did the same in every budget share a row.
    """
    kinds: dict[str, RuleScore] = {}
    for rule in advice.rules:
        kinds.setdefault(rule.settings["lock_in_rule"], rule)
    groups = merged(advice.rules)
    wanted = [*kinds.values(), advice.default]
    return [
        group
        for number, group in enumerate(groups)
        if number < rows or any(rule in group for rule in wanted)
    ]


def _pair(interval: Interval) -> str:
    return f"{interval[0]:z,.0f} to {interval[1]:z,.0f}"


def _check_model(folder: Path) -> None:
    if not (folder / "manifest.json").is_file():
        raise UserError(f"{folder} contains no packed model: use --pretrained FOLDER")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
