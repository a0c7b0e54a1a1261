"""The explorer's constants, with their units and the evidence for each value."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[int, int]  # of a uniform draw: the lowest value, and one above the highest


@dataclass(frozen=True)
class ExplorerSettings:
    """Constants of the explorer. Points are points of reward; a contest level has about 9,000.

    Evidence. Without the explorer, which is how the original 2018 agent plays, the mean return was
    585 points lower (95% interval 262 to 946; 12 training levels, 20,000 timesteps;
    `python -m benchmarks.scores.play_settings`). The values were set by hand, on levels of
    `python -m game.build --seed 3001 --levels 12`. Later, a lower and a higher value of 30
    constants were compared on 12 training levels
    (`python -m benchmarks.ablations.explorer_constants`): for 27 there was no clear difference.
    docs/exploring-a-level.md has the table.
    """

    # Cells: the level is divided by progress.
    cell_points: float = 200.0
    """Length of a cell, in points."""
    most_points: float = 25_600.0
    """Highest return of an episode. If it is exceeded, the level is measured in larger points, so
    that the number of cells is bounded for any reward. The contest's returns are below 11,000."""
    highest_mean_speed: float = 50.0
    """Highest mean speed of an episode, in points per step. If it is exceeded, the level is also
    measured in larger points, because a cell must be long enough for a trajectory to succeed or
    fail in it. The contest's episodes stay below 20."""
    stuck_steps: int = 45
    """Steps (15 per second) without a new highest return after which an episode counts as stuck."""
    end_points: float = 100.0
    """Points in a single step above which the step is the level's end."""
    record_points: float = 20.0
    """Points by which an episode must exceed the best one before to count as a record."""

    # Arms: what can play a cell, chosen by Thompson sampling.
    evidence_weight: float = 2.0
    """Weight of one success or failure, in observations of the beta posterior."""
    reliable_success: float = 0.66
    """Expected share of successes from which the next part of the same trajectory is always
    followed. The agent scored 2,647 points with 0.9 and 2,597 with 0.66 (four training levels, two
    seeds, 50,000 timesteps): no clear difference."""
    shared_failure: float = 0.5
    """Share of a failure that is counted in the cell before the fatal one. A share that depends on
    the time since the cell was entered showed no gain."""
    jump_prior_failures: float = 0.5
    """Failures with which the arm "controller with one jump" starts."""
    random_buttons_prior_failures: float = 1.0
    """Failures with which the arm "random buttons" starts."""

    # Trajectories: how an earlier episode crossed a cell. With additional arms that follow them
    # shifted in time, the agent scored 2,629 points, and without these arms 2,597 points (four
    # training levels, two seeds, 50,000 timesteps): no clear difference.
    trajectories_per_cell: int = 8
    """Number of trajectories kept per cell: those with the highest expected success."""
    longest_trajectory_steps: int = 450
    """Longest trajectory that is kept, in steps: half a minute."""
    overlap_steps: int = 8
    """Steps that a trajectory continues into the next cell."""
    steps_behind: int = 8
    """Number of steps before the expected one that are compared with the current state."""
    steps_ahead: int = 24
    """Number of steps from the expected one on that are compared with the current state."""
    speed_weight: float = 2.0
    """Weight of a difference in speed (points per step). A difference in progress (points) and a
    distance from the expected step (steps) have weight 1."""
    latent_weight: float = 10.0
    """Weight of a difference in z, in units of its median change per step."""
    shortest_loop_steps: int = 30
    """Shortest loop that is cut out of a trajectory, in steps."""
    loop_points: float = 1.0
    """Largest difference in progress (points) and speed (points per step) of a loop's ends."""
    loop_latent: float = 0.5
    """Largest difference in z of a loop's ends, in units of its median change per step."""

    # Exploration: leaving known trajectories on purpose.
    exploring_share: float = 0.5
    """Share of the episodes that may leave known trajectories, while that gains points."""
    mean_cells_back: float = 2.5
    """Mean number of cells before the farthest recent end at which such an episode starts to
    explore."""
    recent_episodes: int = 5
    """Number of most recent episodes that define the known end and the safe return."""
    initial_balance: float = 2000.0
    """Points that exploring from a cell, or recovering in it, may lose before it has gained any."""
    retry_chance: float = 0.03
    """Probability of exploring or recovering although the balance is used up."""

    # Macro-actions: buttons for several steps.
    held_buttons: tuple[tuple[tuple[str, ...], float], ...] = (
        (("RIGHT",), 0.3),
        (("RIGHT", "B"), 0.32),
        (("LEFT",), 0.1),
        (("LEFT", "B"), 0.1),
        (("B",), 0.06),
        (("RIGHT", "DOWN"), 0.06),
        (("DOWN",), 0.06),
    )
    """Button combinations of random play and their probabilities; a level's end is to the right."""
    mean_hold_steps: int = 8
    """Mean number of steps for which random play holds a combination."""
    random_buttons_steps: Range = (8, 60)
    """Length of random play, in steps."""
    jump_delay_steps: Range = (0, 14)
    """Number of steps that the controller plays before its one jump."""
    jump_steps: Range = (4, 16)
    """Number of steps for which the jump button is held."""
    run_back_steps: Range = (10, 80)
    """Number of steps of the run to the left, out of a dead end."""
    run_on_steps: Range = (30, 90)
    """Number of steps of the run to the right after that."""
    jump_chance: float = 0.1
    """Probability of a jump in each step of these runs, as in JERK (Nichol et al. 2018)."""


DEFAULT_SETTINGS = ExplorerSettings()
