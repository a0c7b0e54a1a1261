"""The contest's plays: the returns of each play, and which agent played it.

A play is one agent's budget on one level with one seed. What identifies a player is stored as data,
never as a hash of source code. Plays of another model, other settings or another ROM stay in the
file and are excluded from the tables.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from arena.evaluation.score import level_score
from benchmarks.store import Values, load_rows, save_rows

KIND = "contest-scores"
Identity = Mapping[str, Any]


class PlayKey(NamedTuple):
    """Identifies a play.

    Attributes:
        budget_steps: timesteps, resets included.
        agent: its name in the tables.
        level: "GAME:STATE".
        seed: random seed of the sticky actions and of the agent.
        player: id in `ContestPlays.players`.
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
    """Result of one budget.

    Attributes:
        returns: returns of the episodes that the contest counts, in order.
        lengths: agent steps of these episodes, without the reset.
        timesteps: timesteps used, resets included.
        seconds: duration of the play.
        locked_in_at: timesteps used when the first locked-in episode began; None: no lock-in.
        peak_mib: peak memory of the agent's processes in MiB; None: it was not measured.
        setup: id in `ContestPlays.setups` of what it was measured with; "": it is not known.
    """

    returns: list[float]
    lengths: list[int]
    timesteps: int
    seconds: float
    locked_in_at: int | None = None
    peak_mib: float | None = None
    setup: str = ""

    @property
    def score(self) -> float | None:
        """Mean return; None if no episode counts."""
        return level_score(self.returns)

    @property
    def steps_per_second(self) -> float:
        return self.timesteps / max(self.seconds, 1e-9)


@dataclass
class ContestPlays:
    """All plays that were measured.

    Attributes:
        players: id -> identity, for the ids in `plays` and in `current`: "p1", "p2", ...
        current: agent -> id of its present identity.
        roms: game -> SHA-1 of its present ROM.
        levels: levels in the order of the tables.
        setups: id -> commit, package versions and device: "s1", "s2", ...
        plays: all plays by key, including those that are not current.
        setup: id of the present setup, which new plays get.
    """

    players: dict[str, Identity] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    roms: dict[str, str] = field(default_factory=dict)
    levels: list[str] = field(default_factory=list)
    setups: dict[str, Values] = field(default_factory=dict)
    plays: dict[PlayKey, Play] = field(default_factory=dict)
    setup: str = field(default="", compare=False)

    @classmethod
    def open(
        cls,
        path: Path,
        identities: Mapping[str, Identity],
        roms: Mapping[str, str],
        levels: Iterable[str],
        setup: Values,
    ) -> ContestPlays:
        """Return the plays of an earlier run to continue with; no plays if there is no file.

        Args:
            path: the JSON file.
            identities: agent -> its present identity; other agents keep the one of the file.
            roms: game -> SHA-1 of its present ROM.
            levels: levels that the caller plays.
            setup: what new plays are measured with: JSON values.

        Raises:
            StoreError: the file can't be read.
        """
        plays = cls.load(path) if path.exists() else cls()
        for name, identity in identities.items():
            plays.current[name] = _id_of(identity, plays.players, "p")
        plays.setup = _id_of(setup, plays.setups, "s")
        plays.roms |= roms
        plays.levels = list(dict.fromkeys([*plays.levels, *levels]))
        return plays

    @classmethod
    def load(cls, path: Path) -> ContestPlays:
        """Read a file of plays.

        Raises:
            StoreError: the file is missing, damaged or of another kind.
        """
        return load_rows(path, KIND, cls._build)

    @classmethod
    def _build(cls, values: Values, rows: list[Values]) -> ContestPlays:
        parts = ("players", "current", "roms", "setups")
        players, current, roms, setups = (dict(values[name]) for name in parts)
        plays = dict(map(_from_row, rows))
        if unknown := {key.player for key in plays} - players.keys():
            raise ValueError(f"players have no {min(unknown)!r:.60}")
        if unknown := {play.setup for play in plays.values()} - {"", *setups}:
            raise ValueError(f"setups have no {min(unknown)!r:.60}")
        return cls(players, current, roms, list(values["levels"]), setups, plays)

    def save(self, path: Path) -> None:
        """Write the file atomically, one line for each play.

        Raises:
            StoreError: the file can't be written.
        """
        used = {play.setup for play in self.plays.values()}
        values = {
            "levels": self.levels,
            "current": self.current,
            "roms": self.roms,
            "players": self.players,
            "setups": {name: setup for name, setup in self.setups.items() if name in used},
        }
        positions = {level: number for number, level in enumerate(self.levels)}
        agents = {agent: number for number, agent in enumerate(self.current)}

        def order(key: PlayKey) -> tuple[int, int, int, PlayKey]:
            by_agent = agents.get(key.agent, len(agents))
            return key.budget_steps, by_agent, positions.get(key.level, len(positions)), key

        rows = ({**k._asdict(), **asdict(self.plays[k])} for k in sorted(self.plays, key=order))
        save_rows(path, KIND, values, rows)

    def key(self, budget_steps: int, agent: str, level: str, seed: int) -> PlayKey:
        """Return the key of a play by the agent's present identity, on the present ROM."""
        player = self.current.get(agent, "")
        return PlayKey(budget_steps, agent, level, seed, player, self._rom(level))

    def add(self, key: PlayKey, play: Play) -> None:
        """Add a play that was made with the present setup, with its numbers rounded."""
        self.plays[key] = replace(
            play,
            returns=[round(value, 2) for value in play.returns],
            seconds=round(play.seconds, 1),
            peak_mib=None if play.peak_mib is None else round(play.peak_mib, 1),
            setup=self.setup,
        )

    def is_current(self, key: PlayKey) -> bool:
        """Return whether a play's agent and ROM are the present ones."""
        return key == self.key(key.budget_steps, key.agent, key.level, key.seed)

    def excluded(self) -> str | None:
        """Return sentences about the plays excluded from the tables; None if there are none."""
        excluded = [key for key in self.plays if not self.is_current(key)]
        old_roms = [key for key in excluded if key.rom != self._rom(key.level)]
        others = [key for key in excluded if key.rom == self._rom(key.level)]
        sentences = []
        if old_roms:
            hashes = ", ".join(sorted({key.rom[:12] for key in old_roms}))
            sentences.append(
                f"{len(old_roms)} plays are excluded, because they were made with another ROM"
                f" (SHA-1 {hashes})."
            )
        if others:
            agents = sorted({key.agent for key in others})
            found = (self.players.get(key.player, {}).get("model", "") for key in others)
            models = {str(model)[:12] for model in found} - {""}
            sentences.append(
                f"{len(others)} plays are excluded, because their model or settings are not the"
                f" present ones. Agents: {'; '.join(agents)}."
                + (f" Models: {', '.join(sorted(models))}." if models else "")
            )
        return " ".join(sentences) or None

    def _rom(self, level: str) -> str:
        return self.roms.get(level.partition(":")[0], "")


def _id_of(value: Values, known: dict[str, Values], letter: str) -> str:
    """Return the id of a value in `known`; a value that is not there is added with a new id."""
    for name, other in known.items():
        if other == value:
            return name
    new = next(name for n in itertools.count(1) if (name := f"{letter}{n}") not in known)
    known[new] = value
    return new


def _from_row(row: Values) -> tuple[PlayKey, Play]:
    key = PlayKey(**{name: row[name] for name in PlayKey._fields})
    locked_in_at, peak_mib = row["locked_in_at"], row["peak_mib"]
    play = Play(
        [float(value) for value in row["returns"]],
        [int(value) for value in row["lengths"]],
        int(row["timesteps"]),
        float(row["seconds"]),
        None if locked_in_at is None else int(locked_in_at),
        None if peak_mib is None else float(peak_mib),
        str(row["setup"]),
    )
    if len(play.returns) != len(play.lengths):
        raise ValueError(f"{len(play.returns)} returns and {len(play.lengths)} lengths")
    return key, play
