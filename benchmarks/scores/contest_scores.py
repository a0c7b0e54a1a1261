"""What the agent is worth: the contest's scores of ours and its rivals, at equal budgets.

    python -m benchmarks.scores.contest_scores            measures, and goes on where it stopped
    python -m benchmarks.scores.contest_scores --show     prints the tables as Markdown, draws the
                                                   pictures, and brings the README up to date

Every level is played under the contest's rules, and a play is written down as soon as it is
finished. Budgets of different sizes stand beside each other in one file, each in a table of its
own. A new model or ROM sets the plays of the old one apart.
"""

from __future__ import annotations

import fcntl
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.command_line import option, parse, run
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.world_model.packed_model import MODEL_CARD, load
from arena.environment.availability import check_available
from arena.environment.levels import Level, select
from arena.evaluation.agents import LocalAgent
from arena.evaluation.evaluate import EvaluationInterrupted
from arena.server.signals import signals_as_interrupt
from arena.workers.pool import Pool
from benchmarks.names import chosen
from benchmarks.readme_tables import README, ROOT, renew, renewed
from benchmarks.scores.calibration_results import rom_hashes
from benchmarks.scores.contest_pictures import draw_all
from benchmarks.scores.contest_players import (
    AGENTS,
    OURS,
    RIVALS,
    SHIPPED,
    Task,
    identities,
    make_play_rival,
    model_digest,
    our_agent,
    play_ours,
)
from benchmarks.scores.contest_store import Key, Play, Results, digest
from benchmarks.scores.contest_tables import TABLE, for_the_card, markdown

SCENARIO = "contest"  # whose reward tells how far an episode came
LONGEST_SECONDS = 12 * 3600.0  # that a rival may take over one level
PICTURES = ROOT / "results" / "pictures"


@dataclass(frozen=True)
class Options:
    """Measure the contest's scores of ours and its rivals. The same command again goes on."""

    levels: str = option("levels or a set of levels", "pangolin-validation")
    steps: int = option("timesteps of each budget, resets included", 100_000)
    seeds: int = option("budgets of each agent on each level, seeds 1 and up", 3)
    agents: str = option(f"only these, with commas, of: {', '.join(AGENTS)} [all]", "")
    workers: int = option("levels at once", 2)
    pretrained: Path = option("the packed model as shipped", Path("pretrained"))
    folder: Path = option("where the runs go", Path("runs/contest_scores"))
    out: Path = option("the results, read and written", Path("results/contest_scores.json"))
    show: bool = option("measure nothing: print, draw, and bring the README up to date", False)

    def __post_init__(self) -> None:
        """Refuse counts below 1.

        Raises:
            UserError: says which.
        """
        for name in ("steps", "seeds", "workers"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} is {getattr(self, name)}: give 1 or more")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parse(Options, argv, prog="python -m benchmarks.scores.contest_scores")
    if options.show:
        show(Results.load(options.out), select(options.levels), options.pretrained)
        return 0
    agents = chosen("agents", options.agents, AGENTS)
    levels = chosen_levels(options.levels)
    with only_one_in(options.folder):
        results = Results.open(
            options.out,
            identities(options.pretrained),
            rom_hashes(levels),
            [level.name for level in levels],
        )
        if line := results.apart():
            print(f"note: {line}", file=sys.stderr)
        book = Book(results, options.out, Console(stderr=True))
        keys = [
            results.key(options.steps, agent, level.name, seed)
            for agent in agents
            for seed in range(1, options.seeds + 1)
            for level in levels
        ]
        print(f"{book.count(keys)} of {len(keys)} plays are measured already", file=sys.stderr)
        try:
            with signals_as_interrupt():
                measure(options, levels, keys, book)
        except (KeyboardInterrupt, EvaluationInterrupted):
            book.save()  # it may have come between a play's entry and the file
            print(
                f"interrupted: {book.count(keys)} of {len(keys)} plays are measured and kept in"
                f" {options.out}; the same command goes on",
                file=sys.stderr,
            )
            return INTERRUPTED_EXIT_CODE
    print(markdown(results))
    return 0


def chosen_levels(text: str) -> list[Level]:
    """The levels to be played, all there and all with the contest's reward.

    Raises:
        UserError: says which is not.
    """
    levels = select(text)
    for level in levels:
        check_available(level)
        if level.scenario != SCENARIO:
            raise UserError(
                f"{level.name} is scored by {level.scenario!r}, where a return tells no place on"
                f" the way: give levels of the scenario {SCENARIO!r}"
            )
    return levels


class Book:
    """The results so far, written down after each play; any thread may enter one."""

    def __init__(self, results: Results, out: Path, console: Console) -> None:
        self.results = results
        self.console = console
        self._out = out
        self._lock = threading.Lock()
        out.parent.mkdir(parents=True, exist_ok=True)

    def count(self, keys: Sequence[Key]) -> int:
        """How many of these plays are measured."""
        return sum(key in self.results.plays for key in keys)

    def enter(self, key: Key, play: Play) -> None:
        """Write a play down, if it is not there yet.

        Raises:
            UserError: the file can't be written.
        """
        with self._lock:
            if key in self.results.plays:
                return
            self.results.add(key, play)
            self.save()
        score = "no episode counts" if play.score is None else f"{play.score:,.0f}"
        self.console.print(
            f"{key.agent}, {key.level.rpartition(':')[2]}, seed {key.seed}: {score} over"
            f" {len(play.returns)} episodes, {play.steps_per_second:.0f} steps/s",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )

    def save(self) -> None:
        """Write the file.

        Raises:
            UserError: it can't be written.
        """
        try:
            self.results.save(self._out)
        except OSError as error:
            raise UserError(
                f"{self._out} can't be written ({error.strerror}): make room and repeat the command"
            ) from error


def measure(options: Options, levels: Sequence[Level], keys: Sequence[Key], book: Book) -> None:
    """Play what the results lack: first the rivals, in process, then ours through the socket.

    Raises:
        EvaluationInterrupted, KeyboardInterrupt: what was finished is kept.
        UserError: a play can't be made.
    """
    todo = [key for key in keys if key not in book.results.plays]
    places = {level.name: level for level in levels}
    tasks = {
        Task(
            key.agent, places[key.level], key.seed, key.budget_steps, rival_folder(options, key)
        ): key
        for key in todo
        if key.agent in RIVALS
    }
    if tasks:
        with Pool(make_play_rival, min(options.workers, len(tasks)), LONGEST_SECONDS) as pool:
            for task, play in pool.run(tasks):
                book.enter(tasks[task], play)
    for agent in OURS:
        for seed in range(1, options.seeds + 1):
            mine = {key.level: key for key in todo if (key.agent, key.seed) == (agent, seed)}
            if mine:
                models = options.folder / "models"
                player = our_agent(agent, options.pretrained, options.steps, seed, models)
                levels = [places[name] for name in mine]
                measure_ours(player, levels, mine, options.folder, options.workers, book)


def measure_ours(
    player: LocalAgent,
    levels: Sequence[Level],
    keys: Mapping[str, Key],
    folder: Path,
    workers: int,
    book: Book,
) -> None:
    """Play one of ours with one seed on the levels that are still to be played.

    Args:
        player: with the seed of the keys.
        levels: still to be played.
        keys: by level.
        folder: where the runs go.
        workers: levels at once.
        book: takes the plays.
    """
    key = next(iter(keys.values()))
    book.console.print(f"{key.agent}, seed {key.seed}", highlight=False, markup=False)
    # What is still to be played is another list after an interruption, hence another run folder.
    what = digest(
        {
            "levels": [*keys],
            "roms": [key.rom for key in keys.values()],
            "identity": book.results.players[key.player],
            "agent": player.describe(),
        }
    )
    place = folder / f"{slug(key.agent)}-{key.budget_steps}-seed{key.seed}-{what[:8]}"

    def note(level: str, play: Play) -> None:
        book.enter(keys[level], play)

    play_ours(player, levels, key.budget_steps, place, workers, book.console, note)


def rival_folder(options: Options, key: Key) -> Path:
    """Where the contest's files of a rival's budget go."""
    level = slug(key.level)
    return options.folder / f"{slug(key.agent)}-{key.budget_steps}-seed{key.seed}" / level


def slug(text: str) -> str:
    """A folder's name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")


@contextmanager
def only_one_in(folder: Path) -> Iterator[None]:
    """Keep a second measurement out of the folder, and so out of its results.

    Raises:
        UserError: there is one, or the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("wb")
    except OSError as error:
        raise UserError(f"{folder} can't be written ({error.strerror}): give another") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder} is in use by another measurement: wait, or give another --folder and"
                " another --out"
            ) from None
        yield


def show(results: Results, levels: Sequence[Level], pretrained: Path) -> None:
    """Print the tables as Markdown, draw the pictures, bring README and model card up to date."""
    made = markdown(results)
    print(made)
    roms = rom_hashes(levels)
    drawn = [level for level in levels if results.roms.get(level.game) == roms[level.game]]
    for path in draw_all(PICTURES, results, drawn):
        print(f"drawn: {path}", file=sys.stderr)
    renew(README, {TABLE: made})
    renew_card(results, pretrained)


def renew_card(results: Results, pretrained: Path) -> None:
    """Write the scores into the card of the model that they were measured with.

    Raises:
        UserError: no packed model there, or a damaged one.
    """
    from training.pack import write_new_card  # torch, which nothing else here needs

    shipped = results.players.get(results.current.get(SHIPPED, ""), {})
    if shipped.get("model") != model_digest(load(pretrained)):
        print(f"note: {pretrained} is another model: its card stays", file=sys.stderr)
        return
    before = (pretrained / MODEL_CARD).read_text(encoding="utf-8")
    if (card := renewed(before, {TABLE: for_the_card(results)})) != before:
        write_new_card(pretrained, card)
        print(f"written into {pretrained / MODEL_CARD}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
