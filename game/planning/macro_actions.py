"""The macro-actions that the planner tries: short sequences such as a run, a jump or a dash."""

from __future__ import annotations

from game.planning.console import DOWN, LEFT, RIGHT, B, PlayerState

DASH_BELOW = 100  # ground speed in 1/256 pixel per frame below which a dash can be charged
ROLL_FROM = 160  # ground speed in 1/256 pixel per frame from which DOWN starts a roll
DASH_PRESSES = 3  # of B while a dash is charged
TARGET_ABOVE = -24  # y distance in pixels from which a target counts as above the player


def macro_actions(
    player: PlayerState, held_b: bool, facing: int, target: tuple[int, int], waits: bool = False
) -> list[tuple[int, ...]]:
    """Return the macro-actions to try, the most promising first.

    Args:
        player: the current state of the player.
        held_b: whether B is held; it must be released before the next jump.
        facing: 1 if the player faces right, -1 for left.
        target: direction of the next waypoint in x (1 or -1), and its distance in y in pixels.
        waits: whether waiting can help, because the next waypoint may be a moving platform.

    Returns:
        Sequences of actions; each action lasts one step of the contest (four frames).
    """
    side = target[0]
    ahead, away = (RIGHT, LEFT) if side > 0 else (LEFT, RIGHT)
    if player.lock:  # after a spring, the player has no control for some frames
        return [(ahead,) * 3, (0,) * 3, (ahead | B,) * 2]
    if not player.grounded:
        return _in_the_air(ahead, away, B if held_b and player.y_speed < 0 else 0)
    free = (0,) if held_b else ()  # releases B
    run, jump = (ahead,) * 4, (*free, *(ahead | B,) * 4)
    short_jump, up = (*free, ahead | B, *(ahead,) * 3), (*free, *(B,) * 4)
    options = [run, jump, short_jump, up, (away,) * 4, (0,) * 3]
    options += [(*free, *(away | B,) * 4), (ahead,) * 2]
    if target[1] < TARGET_ABOVE:
        options[:4] = [jump, up, run, short_jump]
    if player.on_platform:  # stay on it
        options[:0] = [(0,) * 8] if target[1] < 0 else []
        options.insert(3, (0,) * 4)
    elif waits:
        options.insert(3, (0,) * 12)
    if abs(player.ground_speed) >= ROLL_FROM and not player.rolling:
        options.insert(3, (DOWN,) * 4)
    if abs(player.ground_speed) < DASH_BELOW and not player.rolling:
        turn = () if facing == side else (ahead,)
        options.insert(4, (*turn, *free, DOWN, *(DOWN | B, DOWN) * DASH_PRESSES, 0))
    return options


def continued_dash(player: PlayerState, previous: int) -> list[tuple[int, ...]]:
    """Return the ways to go on with a dash that is being charged; none where no dash can be.

    A plan that always began with a new charge would never come to its end if it is made anew
    in each step.

    Args:
        player: the current state of the player.
        previous: the action of the step before.
    """
    is_slow = abs(player.ground_speed) < DASH_BELOW
    if not (previous & DOWN and player.grounded and is_slow and not player.rolling):
        return []
    free = (DOWN,) if previous & B else ()
    longer = [(*free, *(DOWN | B, DOWN) * presses, 0) for presses in range(DASH_PRESSES + 1)]
    return list(dict.fromkeys([(0,), *longer]))


def _in_the_air(ahead: int, away: int, hold: int) -> list[tuple[int, ...]]:
    options = [(ahead | hold,) * 3, (ahead,) * 2, (hold,) * 3, (away | hold,) * 3, (away,) * 2]
    return list(dict.fromkeys(options))
