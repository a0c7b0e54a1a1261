"""Return first, then explore: what got past a place once is tried there again in later episodes.

A level is the same in every episode but for the sticky actions, and the contest's reward is
progress, so the sum of an episode's rewards tells the place. The way is cut into stretches, and
who crosses one leaves a passage. From then on several arms can play that stretch: its passages,
the candidate's controller, the controller with a leap, a burst of held buttons. Which of them does
is drawn from how often each has worked there: it has when the next stretch is crossed too, and has
not when the episode ends before, or nothing moves on. A passage that has proved reliable leads on
to the same episode's next one. So an episode returns to the farthest place that is safe to reach,
and explores from there; some leave the known way a little earlier, for what kills at a place may
have been decided before it.

After Ecoffet et al., "First return, then explore" (Nature 590, 2021). Their agent returns by saved
states or by a policy trained for it; the contest has no states, and no time to train.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent.buttons import Action
from agent.explore.archive import Arm, Passage, Way
from agent.explore.macro_actions import Plan, burst, leap, retreat

# Raise it by hand when the behaviour of the explorer changes (this module, passages and plans).
# It is part of what identifies a measured play: plays of another version are excluded from tables.
EXPLORER_VERSION = 1

STRETCH = 200.0  # points of reward; a level has some 9,000
MARGIN_STEPS = 8  # that a passage goes on into the next stretch
LONGEST_PASSAGE = 450  # steps: half a minute
PASSAGES_KEPT = 8  # of a stretch
SURE = 0.66  # a passage's expected share of successes from which its trail is not left
SHARED_BLAME = 0.5  # of a failure, for the stretch before: it may have led there
STUCK_STEPS = 45  # three seconds without a new highest return
FARTHER = 20.0  # points that make a record
END_POINTS = 100.0  # of a single step: only a level's end gives so many
EXPLORING = 0.5  # share of the episodes that leave the known way before its end, while it pays
BACK_STRETCHES = 2.5  # how many stretches before, on average
RECENT = 5  # episodes that tell where the known way ends, and what is safe
HOPE = 2000.0  # points that a venture may lose before it has gained anything
CURIOSITY = 0.03  # chance of one that does not pay


@dataclass
class Venture:
    """What risks a safe return: done while it gained more than it lost, or hope lasts.

    Attributes:
        balance: points gained against what was safe, the hope included.
    """

    balance: float = HOPE

    def pays(self, random: np.random.Generator) -> bool:
        """Whether to do it once more."""
        return self.balance > 0 or random.random() < CURIOSITY


@dataclass
class _Stretch:
    """Who can play a stretch."""

    controller: Arm = field(default_factory=Arm)
    leap: Arm = field(default_factory=lambda: Arm(failed=0.5))
    burst: Arm = field(default_factory=lambda: Arm(failed=1.0))
    passages: list[Passage] = field(default_factory=list)
    rescue: Venture = field(default_factory=Venture)
    exploration: Venture = field(default_factory=Venture)  # of episodes whose known way ends here


@dataclass
class _Entry:
    """A stretch that the episode has entered."""

    stretch: int
    step: int
    arm: Arm | None  # who plays it; None: whoever came to the rescue
    is_open: bool = True  # whether it is still to be seen if that worked


@dataclass
class _Play:
    """An episode so far."""

    explore_from: float = np.inf  # stretch
    exploration: Venture | None = None
    places: list[float] = field(default_factory=list)
    latents: list[NDArray[np.float32]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)
    plan: Plan = field(default_factory=list)
    due: int = 0  # step of the passage that is followed
    highest: float = 0.0
    since: int = 0  # steps without a new highest return, or since somebody else plays
    rescued: list[tuple[Venture, float]] = field(default_factory=list)  # with what was safe
    stays: bool = False  # where it is stuck: to try more would cost more than it gains
    returned_to: float | None = None

    @property
    def stretch(self) -> int:
        return self.entries[-1].stretch if self.entries else -1

    @property
    def arm(self) -> Arm | None:
        return self.entries[-1].arm if self.entries else None


class Retrace:
    """Call `begin` at a reset, then `action` and `pressed` in turn, and `finished` at the end."""

    def __init__(self, seed: int = 1) -> None:
        """Know nothing of the level yet.

        Args:
            seed: of all draws.
        """
        self._random = np.random.default_rng(seed)
        self._stretches: defaultdict[int, _Stretch] = defaultdict(_Stretch)
        self._episodes = 0
        self._record = 0.0
        self._usual = 1.0  # change of z in a step
        self._ends: deque[int] = deque(maxlen=RECENT)  # stretches in which episodes ended
        self._safe: deque[float] = deque(maxlen=RECENT)  # returns of those that did not explore
        self._won = False  # the last one reached the level's end
        self._play = _Play()

    @property
    def returned_to(self) -> float:
        """Points up to which passages alone have played in this episode."""
        play = self._play
        return play.highest if play.returned_to is None else play.returned_to

    def begin(self) -> None:
        """An episode starts."""
        self._play = play = _Play()
        if not self._safe or self._won or self._random.random() >= EXPLORING:
            return
        end = max(self._ends)
        if self._stretches[end].exploration.pays(self._random):
            play.exploration = self._stretches[end].exploration
            play.explore_from = end + 1 - int(self._random.geometric(1 / BACK_STRETCHES))

    def action(self, place: float, latent: NDArray[np.float32]) -> Action | None:
        """What to press on the frame just seen; None: what the candidate's controller chooses.

        Args:
            place: sum of the episode's rewards so far.
            latent: z of the frame, float32 (Z,).
        """
        play = self._play
        speed = place - play.places[-1] if play.places else 0.0
        play.since = 0 if place > play.highest else play.since + 1
        play.highest = max(play.highest, place)
        play.places.append(place)
        play.latents.append(latent)
        if play.highest // STRETCH > play.stretch:
            self._enter(int(play.highest // STRETCH))
        elif play.since > self._patience():
            self._give_up()
        if isinstance(play.arm, Passage):
            step = play.arm.look_up(place, speed, latent / np.float32(self._usual), play.due)
            play.due = min(step + 1, len(play.arm.way) - 1)
            action: Action = play.arm.way.actions[step]
            return action
        if play.returned_to is None:
            play.returned_to = play.highest
        return play.plan.pop() if play.plan else None

    def pressed(self, action: Action) -> None:
        """Take note of the action that was pressed in the end, uint8 (4,)."""
        self._play.actions.append(action)

    def finished(self, episode_return: float) -> None:
        """The episode is done: judge who played, and keep the passages that are new."""
        play = self._play
        self._won = episode_return - play.places[-1] > END_POINTS
        for entry in play.entries:
            if entry.is_open and entry.arm is not None:
                if self._won:
                    entry.arm.worked += 1
                else:
                    entry.arm.failed += 1 if entry is play.entries[-1] else SHARED_BLAME
        reach = max(play.highest, episode_return)
        self._keep_passages(is_record=reach > self._record + FARTHER)
        self._record = max(self._record, reach)
        self._episodes += 1
        self._ends.append(play.stretch)
        for venture, safe in play.rescued:
            venture.balance += episode_return - safe
        if play.exploration is None:
            self._safe.append(episode_return)
        else:
            play.exploration.balance += episode_return - float(np.mean(self._safe))

    def _enter(self, stretch: int) -> None:
        play = self._play
        for entry in play.entries[:-1]:
            if entry.is_open and entry.arm is not None:
                entry.arm.worked += 1
                entry.is_open = False
        arm = self._choose(stretch)
        play.entries.append(_Entry(stretch, len(play.places) - 1, arm))
        play.due = play.since = 0
        play.plan = []
        if arm is self._stretches[stretch].leap:
            play.plan = leap(self._random)
        elif arm is self._stretches[stretch].burst:
            play.plan = burst(self._random)

    def _choose(self, stretch: int) -> Arm:
        play, known = self._play, self._stretches[stretch]
        arms: list[Arm] = [known.controller, known.leap, known.burst]
        if play.explore_from <= stretch <= max(self._ends, default=-1):
            return max(arms, key=lambda arm: arm.draw(self._random))
        if isinstance(play.arm, Passage):
            for passage in known.passages:
                if passage.trail == play.arm.trail and passage.mean >= SURE:
                    return passage
        return max([*arms, *known.passages], key=lambda arm: arm.draw(self._random))

    def _patience(self) -> int:
        """Steps without a new highest return; a passage may go back in order to get on."""
        arm = self._play.arm
        return STUCK_STEPS + (len(arm.way) if isinstance(arm, Passage) else 0)

    def _give_up(self) -> None:
        """Nothing moves on: who entered the stretch has failed, and anything may be tried."""
        play = self._play
        entry = play.entries[-1]
        play.since = 0
        play.plan = []
        if entry.is_open:  # it is stuck here for the first time
            if entry.arm is not None:
                entry.arm.failed += 1
            entry.arm, entry.is_open = None, False
            rescue = self._stretches[entry.stretch].rescue
            play.stays = not rescue.pays(self._random)
            if not play.stays:
                play.rescued.append((rescue, play.highest))
        if not play.stays:
            way_out = (burst, retreat, None)[
                self._random.integers(3)
            ]  # None: as the controller will
            play.plan = way_out(self._random) if way_out else []

    def _keep_passages(self, *, is_record: bool) -> None:
        """Keep how stretches were crossed where no passage led; of a record, all of them."""
        play = self._play
        if not self._episodes:
            changes = np.linalg.norm(np.diff(np.array(play.latents), axis=0), axis=1)
            self._usual = float(np.median(changes)) if len(changes) else 1.0
            self._usual = max(self._usual, 1e-6)
        places = np.array(play.places)
        way = Way(
            places,
            np.diff(places, prepend=0.0),
            np.array(play.latents) / np.float32(self._usual),
            np.array(play.actions),
        )
        ends = [*(entry.step for entry in play.entries[1:]), *[len(way)] * self._won]
        for number, (entry, end) in enumerate(zip(play.entries, ends, strict=False)):
            led = entry.arm if isinstance(entry.arm, Passage) else None
            if led and not is_record:
                continue
            proven = self._won or number + 2 < len(play.entries)
            record = (1.0, 0.0) if proven else (0.0, SHARED_BLAME)
            if led:
                record = (led.worked, led.failed)
            crossing = way.part(entry.step, end + MARGIN_STEPS)
            if len(crossing) <= LONGEST_PASSAGE:
                passages = self._stretches[entry.stretch].passages
                passages.append(Passage(*record, trail=self._episodes, way=crossing))
                passages.sort(key=lambda passage: -passage.mean)
                del passages[PASSAGES_KEPT:]
