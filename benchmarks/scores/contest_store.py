"""What the contest's scores were computed from: every return of every play, and whose it was.

A play is one agent's budget on one level with one seed. The file is the benchmark's own memory,
one line for each play. What identifies a player is stored as data, never as a hash of source code.
Plays of another model, other settings or another ROM stay in the file and are excluded from tables.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.levels import Level
from arena.evaluation.score import level_score

FORMAT = "world-models-contest/contest-scores"
VERSION = 2


class ResultsError(UserError):
    """A file of results that is cut, or of another kind."""


class Key(NamedTuple):
    """Which play it was.

    Attributes:
        budget_steps: timesteps, resets included.
        agent: its name in the tables.
        level: "GAME:STATE".
        seed: of the stickiness and of the agent.
        player: id in `Results.players`.
        rom: SHA-1 of the game's ROM.
    """

    budget_steps: int
    agent: str
    level: str
    seed: int
    player: str
    rom: str


@dataclass(frozen=True)
class Play:
    """What came of a budget.

    Attributes:
        returns: of the episodes that the contest counts, in order.
        lengths: of the same, agent steps without the reset.
        timesteps: used of the budget, resets included.
        seconds: that the budget took.
        locked_in_at: timesteps used when the first locked-in episode began; None: none did.
    """

    returns: list[float]
    lengths: list[int]
    timesteps: int
    seconds: float
    locked_in_at: int | None = None

    @property
    def score(self) -> float | None:
        """Mean return; None where no episode counts."""
        return level_score(self.returns)

    @property
    def steps_per_second(self) -> float:
        return self.timesteps / max(self.seconds, 1e-9)


Identity = Mapping[str, Any]


def digest(values: Any) -> str:
    """Returns a short name for JSON values: equal for equal values, different for others."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass
class Results:
    """All plays that were measured.

    Attributes:
        players: id -> identity, of all that ever played. Ids are "p1", "p2", ...
        current: agent -> the id of what it is now.
        roms: game -> SHA-1 of its ROM of now.
        levels: in the order of tables.
        plays: by key; more of them than are current, maybe.
    """

    players: dict[str, Identity] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    roms: dict[str, str] = field(default_factory=dict)
    levels: list[str] = field(default_factory=list)
    plays: dict[Key, Play] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        path: Path,
        identities: Mapping[str, Identity],
        roms: Mapping[str, str],
        levels: Iterable[str],
    ) -> Results:
        """The results so far, to go on with as these players; empty where there is no file.

        Raises:
            ResultsError: the file can't be read.
        """
        results = cls.load(path) if path.exists() else cls()
        results.current = {name: results._player(identity) for name, identity in identities.items()}
        results.roms |= roms
        results.levels = list(dict.fromkeys([*results.levels, *levels]))
        return results

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read a file of results.

        Raises:
            ResultsError: it is not there, cut, or of another form.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if (content["format"], content["version"]) != (FORMAT, VERSION):
                raise ValueError(f"{content['format']!r:.60} version {content['version']!r:.20}")
            head = {name: dict(content[name]) for name in ("players", "current", "roms")}
            plays = dict(map(_read, content["plays"]))
            if unknown := {key.player for key in plays} - head["players"].keys():
                raise ValueError(f"players have no {min(unknown)!r:.60}")
            return cls(**head, levels=list(content["levels"]), plays=plays)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResultsError(
                f"{path} is no file of contest scores ({type(error).__name__}: {error}):"
                " remove it, or give another --out"
            ) from None

    def save(self, path: Path) -> None:
        """Write the file, whole, a line a play."""
        head = {"format": FORMAT, "version": VERSION, "levels": self.levels}
        head |= {"current": self.current, "roms": self.roms, "players": self.players}
        place = {level: number for number, level in enumerate(self.levels)}
        agents = list(self.current)
        keys = sorted(
            self.plays,
            key=lambda key: (
                key.budget_steps,
                agents.index(key.agent) if key.agent in agents else len(agents),
                place.get(key.level, len(place)),
                key,
            ),
        )
        lines = [json.dumps({**key._asdict(), **asdict(self.plays[key])}) for key in keys]
        text = json.dumps(head, indent=1)[:-2] + ',\n "plays": [\n' + ",\n".join(lines) + "\n]}\n"
        write_atomically(path, text.encode())

    def _player(self, identity: Identity) -> str:
        """Returns the id of an identity, a new one if it never played."""
        for name, known in self.players.items():
            if known == identity:
                return name
        names = (f"p{number}" for number in itertools.count(1))
        new = next(name for name in names if name not in self.players)
        self.players[new] = identity
        return new

    def key(self, budget_steps: int, agent: str, level: str, seed: int) -> Key:
        """Of a play by what the agent is now, on the ROM of now."""
        game = Level.parse(level).game
        player, rom = self.current.get(agent, ""), self.roms.get(game, "")
        return Key(budget_steps, agent, level, seed, player, rom)

    def add(self, key: Key, play: Play) -> None:
        rounded = [round(value, 2) for value in play.returns]
        self.plays[key] = Play(
            rounded, play.lengths, play.timesteps, round(play.seconds, 1), play.locked_in_at
        )

    def is_current(self, key: Key) -> bool:
        """Whether a play's agent and ROM are those of now."""
        return key == self.key(key.budget_steps, key.agent, key.level, key.seed)

    def apart(self) -> str | None:
        """One line that tells of the plays which stand in no table; None: all stand in one."""
        apart = [key for key in self.plays if not self.is_current(key)]
        if not apart:
            return None
        others = sorted({key.agent for key in apart})
        models = {str(self.players.get(key.player, {}).get("model", ""))[:12] for key in apart}
        named = f" (models {', '.join(sorted(models - {''}))})" if models - {""} else ""
        return (
            f"{len(apart)} plays of another model, other settings or another ROM are set apart and"
            f" stand in no table: {', '.join(others)}{named}"
        )


def _read(row: Mapping[str, Any]) -> tuple[Key, Play]:
    key = Key(**{name: row[name] for name in Key._fields})
    locked_in_at = row["locked_in_at"]
    play = Play(
        [float(value) for value in row["returns"]],
        [int(value) for value in row["lengths"]],
        int(row["timesteps"]),
        float(row["seconds"]),
        None if locked_in_at is None else int(locked_in_at),
    )
    if len(play.returns) != len(play.lengths):
        raise ValueError(f"{len(play.returns)} returns and {len(play.lengths)} lengths")
    return key, play
