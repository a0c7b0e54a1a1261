"""Writes the model card: how a packed model was trained and how it scores, from the run results.

The contest scores are measured later, with the packed model, and inserted between two markers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import ModelSpec
from training.data.dataset import FPS

Values = Mapping[str, Any]
SHOWN_COUNTS = 12  # levels and policies that are listed by name
CONTEST_SCORES = """Scores on levels that were not used in training
(`python -m benchmarks.scores.contest_scores`):

<!-- contest scores -->
Not measured yet.
<!-- end -->"""


def write_card(
    spec: ModelSpec, vision: Values, memory: Values, evolution: Values, state: str
) -> str:
    """Return the text of model_card.md.

    Args:
        spec: specification of the networks.
        vision: result.json of train_vision.
        memory: result.json of train_memory.
        evolution: result.json of evolve.
        state: evolution state that was packed, "best" or "last".
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
        "## Limitations",
        _limitations(vision, memory, evolution),
    ]
    return "\n\n".join(parts) + "\n"


def _sizes(spec: ModelSpec) -> str:
    return (
        f"A World Models agent (Ha and Schmidhuber 2018) with the sizes `{spec.preset}`. Frames "
        f"are {spec.frame_size} x {spec.frame_size} x 3 pixels ({spec.interpolation} "
        f"interpolation). V is a beta-VAE with convolutions of "
        f"{'-'.join(map(str, spec.channels))} channels and {spec.latent} latent dimensions. M is "
        f"an MDN-LSTM with {spec.hidden} hidden units and {spec.mixtures} Gaussians per latent "
        f"dimension. C is a linear controller with {n_parameters(spec.n_features):,} parameters, "
        "evolved by CMA-ES with a diagonal covariance matrix."
    )


def _data(vision: Values, memory: Values) -> str:
    if vision == memory:
        return _dataset("V and M", vision)
    return f"{_dataset('V', vision)}\n\n{_dataset('M', memory)}"


def _dataset(networks: str, data: Values) -> str:
    return (
        f"{networks}: {data['frames']:,} frames of {data['episodes']:,} episodes at {FPS} frames/s "
        f"with sticky actions; {data['held_out_frames']:,} of these frames are held out for "
        "evaluation.\n\n"
        f"- frames per level: {_counts(data['levels'])}\n"
        f"- frames per policy: {_counts(data['policies'])}\n"
        f"{_experts(data)}"
        f"- mean return of the episodes: {data['mean_return']:,.0f}"
    )


def _experts(data: Values) -> str:
    experts = data.get("experts")
    return (
        f"- frames of episodes with expert actions, by expert: {_counts(experts)}\n"
        if experts
        else ""
    )


def _training(vision: Values, memory: Values, evolution: Values, state: str) -> str:
    v, m = vision["held_out"], memory["held_out"]
    packed = evolution["best_mean"]["generation"] if state == "best" else evolution["generations"]
    commit = evolution["commit"] or "unknown"
    device = evolution["device"]
    return "\n".join(
        [
            "| stage | minutes | amount | results on held-out episodes |",
            "| --- | --- | --- | --- |",
            f"| V | {_minutes(vision)} | {vision['steps']:,} steps of {vision['options']['batch']} "
            f"frames | reconstruction loss {v['reconstruction_loss_held_out']:,.1f} nats per frame "
            f"(perfect copy: {v['perfect_copy_loss_held_out']:,.1f}), pixel error "
            f"{v['reconstruction_error_held_out']:.1f} of 255, KL divergence "
            f"{v['kl_held_out']:.1f} nats, {v['active_dimensions']} active latent dimensions |",
            f"| M | {_minutes(memory)} | {memory['steps']:,} steps of {memory['options']['batch']} "
            f"sequences | log-likelihood {-m['nll_held_out']:.2f} nats per step (no change: "
            f"{-m['nll_no_change_held_out']:.2f}), prediction error "
            f"{m['prediction_error_held_out']:.3f} (no change: "
            f"{m['prediction_error_no_change_held_out']:.3f}) |",
            f"| C | {_minutes(evolution)} | {evolution['generations']} generations of "
            f"{evolution['options']['population']} candidates, {evolution['episodes']:,} episodes, "
            f"{evolution['steps']:,} steps of play | see the scores |",
            "",
            '"No change" predicts that the next latent equals the current one.',
            *_initial_weights(vision, memory, evolution),
            "",
            f"The packed evolution state is that of generation {packed}. Hardware: "
            f"{device['processor']}, {device['cores']} cores, {evolution['options']['workers']} "
            f"workers. Commit: {commit}.",
        ]
    )


def _initial_weights(vision: Values, memory: Values, evolution: Values) -> list[str]:
    """Describe the initial weights, and what was learned from an expert, one sentence each."""
    sentences = [
        f"{name} started from the weights of an earlier run, whose time is not included."
        for name, result in (("V", vision), ("M", memory))
        if result["options"]["start"]
    ]
    accuracy = memory["held_out"]["expert_action_accuracy_held_out"]
    if accuracy is not None:
        sentences.append(
            "M was also trained to predict the buttons of an expert; it predicts all four buttons "
            f"correctly in {accuracy:.0%} of held-out steps{_where_it_changes(memory)}."
        )
    if evolution["options"]["imitate"]:
        sentences.append("The search for C started from this predictor of the expert's buttons.")
    return sentences


def _where_it_changes(memory: Values) -> str:
    accuracy = memory["held_out"]["expert_change_accuracy_held_out"]
    return "" if accuracy is None else f", and in {accuracy:.0%} of those where they change"


def _scores(evolution: Values) -> str:
    best, episodes = evolution["best_mean"], evolution["options"]["mean_episodes"]
    training = (
        "During evolution, the mean of the distribution scored at most "
        f"{best['mean_return']:,.0f} on the training levels, over "
        f"{episodes} episode{'' if episodes == 1 else 's'} per level (generation "
        f"{best['generation']}). This is the maximum over all generations, so it overestimates "
        "the score."
    )
    return f"{CONTEST_SCORES}\n\n{training}"


def _limitations(vision: Values, memory: Values, evolution: Values) -> str:
    levels = vision["data"]["levels"] | memory["data"]["levels"]
    limitations = [
        f"It was trained on {len(levels)} level{'s' if len(levels) > 1 else ''}. The results "
        "under Training are on these levels; only the contest scores are on other levels."
        if set(evolution["levels"]) <= set(levels)
        else "C was evolved on levels that are not in the training data of V and M."
    ]
    v, m = vision["held_out"], memory["held_out"]
    loss = v["reconstruction_loss_held_out"] - v["perfect_copy_loss_held_out"]
    limitations.append(
        f"The reconstruction loss of V is {loss:.0f} nats per frame above that of a perfect copy; "
        "small and rare objects, such as shots, are lost first."
    )
    if m["prediction_error_held_out"] >= m["prediction_error_no_change_held_out"]:
        limitations.append(
            "M predicts no better than the prediction that the latent does not change."
        )
    return "\n".join(f"- {limitation}" for limitation in limitations)


def _counts(counts: Values) -> str:
    shown = list(counts.items())[:SHOWN_COUNTS]
    more = f" and {len(counts) - SHOWN_COUNTS} more" if len(counts) > SHOWN_COUNTS else ""
    return "; ".join(f"{name} {count:,}" for name, count in shown) + more


def _minutes(result: Values) -> str:
    return f"{result['seconds'] / 60:.1f}"
