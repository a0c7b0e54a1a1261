"""The model card: what a packed model was made from and how it scores, all read from the runs.

What it scores under the contest's rules is measured later, of the packed model: the card has a
place for it, between markers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import ModelSpec
from training.data.dataset import FPS

Values = Mapping[str, Any]
CONTEST_SCORES = """On levels that it never saw (`python -m benchmarks.scores.contest_scores`):

<!-- contest scores -->
Not measured yet.
<!-- end -->"""


def write_card(
    spec: ModelSpec, vision: Values, memory: Values, evolution: Values, state: str
) -> str:
    """The text of model_card.md.

    Args:
        spec: of the networks.
        vision: result.json of the stage.
        memory: result.json of the stage.
        evolution: result.json of the stage.
        state: which evolution state was packed, "best" or "last".
    """
    parts = [
        "# Model card",
        _sizes(spec),
        "## Data",
        _data(vision["data"], memory["data"]),
        "## Training",
        _training(vision, memory, evolution, state),
        "## Scores",
        _scores(evolution),
        "## Known failures",
        _failures(vision, memory, evolution),
    ]
    return "\n\n".join(parts) + "\n"


def _sizes(spec: ModelSpec) -> str:
    return (
        f"A World Models agent of the sizes `{spec.preset}`: frames {spec.frame_size} x "
        f"{spec.frame_size} x 3 ({spec.interpolation}), V with convolutions of "
        f"{'-'.join(map(str, spec.channels))} channels and {spec.latent} latent dimensions, M "
        f"with {spec.hidden} hidden units and {spec.mixtures} Gaussians a dimension, C with "
        f"{n_parameters(spec.n_features)} parameters, evolved by CMA-ES with a diagonal covariance."
    )


def _data(vision: Values, memory: Values) -> str:
    if vision == memory:
        return _learnt_from("V and M", vision)
    return f"{_learnt_from('V', vision)}\n\n{_learnt_from('M', memory)}"


def _learnt_from(who: str, data: Values) -> str:
    return (
        f"{who}: {data['frames']} frames of {data['episodes']} episodes at {data.get('fps', FPS)} "
        f"frames/s with sticky actions; {data['held_out_frames']} of them held out for "
        "measuring.\n\n"
        f"- levels (frames): {_counts(data['levels'])}\n"
        f"- policies (frames): {_counts(data['policies'])}\n"
        f"- mean return of these episodes: {data['mean_return']:.1f}"
    )


def _training(vision: Values, memory: Values, evolution: Values, state: str) -> str:
    v, m = vision["held_out"], memory["held_out"]
    kept = evolution["best_mean"] if state == "best" else evolution
    packed = kept["generation"] if state == "best" else evolution["generations"]
    commit = evolution["commit"] or "not known"
    device = evolution["device"]
    return "\n".join(
        [
            "| stage | minutes | steps | on held-out episodes |",
            "| --- | --- | --- | --- |",
            f"| V | {_minutes(vision)} | {vision['steps']} of {vision['options']['batch']} frames "
            f"| reconstruction {v['reconstruction_held_out']:.1f} nats (a perfect copy: "
            f"{v['floor_held_out']:.1f}), error {v['error_held_out']:.1f} of 255, KL "
            f"{v['kl_held_out']:.1f}, {v['active_dimensions']} active dimensions |",
            f"| M | {_minutes(memory)} | {memory['steps']} of {memory['options']['batch']} "
            f"sequences | likelihood {-m['nll_held_out']:.2f} nats a step (z stays: "
            f"{-m['nll_stays_held_out']:.2f}), error {m['error_held_out']:.3f} (z stays: "
            f"{m['error_stays_held_out']:.3f}) |",
            f"| C | {_minutes(evolution)} | {evolution['generations']} generations of "
            f"{evolution['options']['population']}, {evolution['episodes']} episodes, "
            f"{evolution['steps']} steps of play | see the scores |",
            "",
            *_beginnings(vision, memory, evolution),
            f"Packed: the evolution state after generation {packed}. Hardware: "
            f"{device['processor']}, {device['cores']} cores, {evolution['options']['workers']} "
            f"workers. Commit: {commit}.",
        ]
    )


def _beginnings(vision: Values, memory: Values, evolution: Values) -> list[str]:
    """What did not begin at nothing."""
    said = []
    for name, result in (("V", vision), ("M", memory)):
        if result["options"].get("start"):
            said.append(f"{name} began with the weights of an earlier run, whose time is not here.")
    if memory["held_out"].get("expert_action_accuracy_held_out") is not None:
        told = memory["held_out"]["expert_action_accuracy_held_out"]
        said.append(
            "M also learnt which buttons an expert along the planner's movies advises, and tells all "
            f"four of them right in {told:.0%} of held-out steps."
        )
    if evolution["options"].get("imitate"):
        said.append("The search of C began at what M learnt of that expert_action.")
    return [" ".join(said), ""] if said else []


def _scores(evolution: Values) -> str:
    best = evolution["best_mean"]
    seen = (
        "While evolving, the distribution's mean reached "
        f"{best['mean_return']:.1f} over {evolution['options']['mean_episodes']} episodes a level "
        f"(generation {best['generation']}); that is the highest of its measures, and so too high."
    )
    return f"{CONTEST_SCORES}\n\n{seen}"


def _failures(vision: Values, memory: Values, evolution: Values) -> str:
    """What the figures themselves say, and what holds for any model made this way."""
    levels, failures = vision["data"]["levels"] | memory["data"]["levels"], []
    failures.append(
        f"It knows {len(levels)} level{'s' if len(levels) > 1 else ''}, and all figures of its "
        "training are of those: only its scores in the contest tell of others."
        if set(evolution["levels"]) <= set(levels)
        else "It was evolved on levels whose frames V and M have not seen."
    )
    held_out = vision["held_out"]
    lost = held_out["reconstruction_held_out"] - held_out["floor_held_out"]
    failures.append(
        f"A reconstruction loses {lost:.0f} nats a frame; what is small and rare, such as a shot, "
        "goes first."
    )
    m = memory["held_out"]
    if m["error_held_out"] >= m["error_stays_held_out"]:
        failures.append("M predicts the next latent no better than that it stays.")
    return "\n".join(f"- {failure}" for failure in failures)


def _counts(counts: Values) -> str:
    shown = list(counts.items())
    more = f" and {len(shown) - 12} more" if len(shown) > 12 else ""
    return ", ".join(f"{name} {count}" for name, count in shown[:12]) + more


def _minutes(result: Values) -> str:
    return f"{result['seconds'] / 60:.1f}"
