"""Entrypoint of the container: `python -m agent` plays one contest run and exits.

Exit code 0: a limit of the contest was reached, and the last line names it. 2: a mistake that
the last line explains. The model is loaded before the socket is touched.
"""

from __future__ import annotations

from agent import command_line
from agent.candidates import Candidates, Leader
from agent.errors import UserError
from agent.evolution import Evolution
from agent.explore.explorer import Retrace
from agent.gym_remote.client import RemoteEnv
from agent.gym_remote.messages import GymRemoteError, TimestepTimeoutError, WallClockTimeoutError
from agent.hall_of_fame import read_hall_of_fame
from agent.journal import Journal
from agent.lock_in.choose import rule_of
from agent.play.budget import play
from agent.settings import Settings, read_settings
from agent.world_model.packed_model import Pretrained, load
from agent.world_model.world_model import load_world_model


def main() -> None:
    """Load the packed model, connect, and play until the server ends the run.

    Raises:
        UserError: bad settings, model or socket, or a server that broke off without a limit.
    """
    settings = read_settings()
    pretrained = load(settings.pretrained)
    world_model = load_world_model(pretrained)
    evolution = Evolution.load(settings.pretrained)
    if settings.seed is not None:
        evolution.reseed(settings.seed)
    learn = settings.learn and not settings.repeats
    retrace = Retrace(settings.seed or 1) if settings.retrace and not settings.repeats else None
    candidates = Candidates(evolution, learn, leaders(settings, pretrained, evolution))
    rule = rule_of(settings)
    journal = Journal(settings.output_dir)
    journal.event(
        "ready",
        preset=pretrained.spec.preset,
        lock_in_rule="none" if settings.repeats else settings.lock_in_rule,
        lock_in_score=settings.lock_in_score,
    )
    env = RemoteEnv.connect(settings.socket_dir, settings.connect_seconds)
    journal.event("connected", socket_dir=settings.socket_dir)
    try:
        play(env, world_model, candidates, rule, journal, settings.switch_after_steps, retrace)
    except TimestepTimeoutError:
        journal.event("end", limit="timesteps")
    except WallClockTimeoutError:
        journal.event("end", limit="wall_clock")
    except GymRemoteError as error:
        raise UserError(f"the server ended the run: {type(error).__name__} {error}") from error
    finally:
        env.close()


def leaders(settings: Settings, pretrained: Pretrained, evolution: Evolution) -> list[Leader]:
    """Who plays before the first draw: nobody, or the mean and then the hall of fame.

    Raises:
        PretrainedError: a hall of fame that can't be read or is of another model.
    """
    if settings.candidate_order != "mean-first":
        return []
    return [
        ("mean", evolution.mean),
        *(("hall_of_fame", known) for known in read_hall_of_fame(pretrained)),
    ]


if __name__ == "__main__":
    command_line.run(main)
