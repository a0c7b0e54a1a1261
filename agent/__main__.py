"""Entry point of the container: `python -m agent` plays one contest run and exits.

Exit code 0: a limit of the contest was reached; the last line names it. Exit code 2: an error,
which the last line explains. The model is loaded before the program connects to the socket.
"""

from __future__ import annotations

import signal

from agent import command_line
from agent.errors import UserError
from agent.evolution.candidates import Candidates
from agent.evolution.cma_es import Evolution
from agent.evolution.hall_of_fame import initial_candidates
from agent.explore.explorer import Explorer
from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.messages import GymRemoteError, TimestepTimeoutError, WallClockTimeoutError
from agent.journal import Journal
from agent.lock_in.choose import make_rule
from agent.play.budget import play
from agent.play.game import check_game
from agent.settings import read_settings
from agent.world_model.packed_model import load
from agent.world_model.world_model import load_world_model


def main() -> None:
    """Load the packed model, connect, and play until the server ends the run.

    SIGTERM ends the program as Ctrl-C does: as process 1 of a container, Python would ignore it.

    Raises:
        UserError: invalid settings, model or socket, a game that the agent can't play, or a server
            that ended the run without reaching a limit.
    """
    settings = read_settings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    model = load(settings.pretrained)
    world_model = load_world_model(model)
    evolution = Evolution.load(settings.pretrained)
    if settings.seed is not None:
        evolution.reseed(settings.seed)
    first = initial_candidates(model, evolution) if settings.candidate_order == "mean-first" else []
    candidates = Candidates(evolution, first)
    # The tuner needs returns of candidates that played without the explorer.
    explores = settings.explore and not settings.repeats
    explorer = Explorer(settings.seed or 1) if explores else None
    journal = Journal(settings.output_dir)
    journal.event(
        "ready",
        preset=model.spec.preset,
        lock_in_rule="none" if settings.repeats else settings.lock_in_rule,
        lock_in_score=settings.lock_in_score,
    )
    env = GymRemoteClient.connect(settings.socket_dir, settings.connect_seconds)
    journal.event("connected", socket_dir=settings.socket_dir)
    try:
        check_game(env, model.spec)
        play(env, world_model, candidates, make_rule(settings), journal, explorer)
    except TimestepTimeoutError:
        journal.event("end", limit="timesteps")
    except WallClockTimeoutError:
        journal.event("end", limit="wall_clock")
    except GymRemoteError as error:
        raise UserError(f"the server ended the run: {type(error).__name__} {error}") from error
    finally:
        env.close()


if __name__ == "__main__":
    command_line.run(main)
