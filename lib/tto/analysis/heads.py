"""Attention maps of a Transformer, and measures of their patterns.

Section 4.1 names two patterns by eye. Here each is a share of attention: the weight that a
prediction puts on the previous transition, or on its own dimension at earlier steps. A row of a map
belongs to the token that it predicts, which follows the row's own token.

Letters: N layers, B batch, H heads, L tokens, D tokens a transition, O and A dimensions, V bins.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer, attention_mask

LEAST_STEPS = 2  # transitions before a predicted one: the previous one and an older one
SHARES = (  # names of the shares of attention, in the order of `measures`
    "previous_transition",
    "older_transitions",
    "same_dimension",
    "same_dimension_older",
    "actions_to_actions",
    "actions_to_states",
    "actions_to_current_state",
)
PATTERNS = {"markov": "previous_transition", "striated": "same_dimension_older"}


@torch.no_grad()
def record_attention(
    network: TrajectoryTransformer, tokens: Int[Tensor, "B L"]
) -> tuple[Float[Tensor, "N B H L L"], Float[Tensor, "B L V"]]:
    """Return the attention weights of every layer and head, and the logits of the same pass.

    The attention weights take N * B * H * L * L numbers of memory (N layers, H heads).

    Args:
        network: model to run.
        tokens: sequences that begin at the first token of a transition.
    """
    config, recorded = network.config, []
    allowed = attention_mask(tokens.shape[1], config, tokens.device)

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        recorded.append(scores.masked_fill(~allowed, -math.inf).softmax(dim=-1))
        return recorded[-1] @ v

    logits = network.logits(network.run_blocks(network.embed(tokens), attend))
    return torch.stack(recorded), logits


def even_attention(config: ModelConfig, length: int) -> Float[Tensor, "L L"]:
    """The map of a head that attends evenly to all tokens it may see: the level of chance."""
    allowed = attention_mask(length, config, torch.device("cpu")).float()
    return allowed / allowed.sum(dim=-1, keepdim=True)


@dataclass(frozen=True)
class Share:
    """A share of attention: the mean over `rows` of the weight on their `columns`."""

    rows: Bool[np.ndarray, " L"]
    columns: Bool[np.ndarray, "L L"]

    def of(self, weights: Float[np.ndarray, "... L L"]) -> Float[np.ndarray, "..."]:
        """The share in each of the attention matrices."""
        return (weights * self.columns).sum(-1)[..., self.rows].mean(-1)


def measures(config: ModelConfig, length: int) -> dict[str, Share]:
    """The measured shares of attention, over predictions with at least two earlier steps.

    - previous_transition, older_transitions: attention of predicted states and actions to the
      previous step and to all older ones. The rest is attention to their own step.
    - same_dimension, same_dimension_older: attention of predicted states to their own dimension at
      all earlier steps, and at steps before the previous one.
    - actions_to_actions, actions_to_states, actions_to_current_state: attention of predicted
      actions to actions of earlier steps, to states of earlier steps, and to the state of their own
      step.

    Args:
        config: sizes of the model.
        length: number of tokens of a window.

    Raises:
        TTOError: the window has too few transitions, or it begins with a goal.
    """
    D, O, A = config.transition_dim, config.observation_dim, config.action_dim
    if config.goal:
        raise TTOError(
            "attention: expected a model without goals, got one with goals; choose another model"
        )
    if length < (LEAST_STEPS + 1) * D:
        raise TTOError(
            f"attention: expected windows of {LEAST_STEPS + 1} or more transitions, got {length} "
            f"tokens of {D} a transition; raise model.block_tokens"
        )
    key, predicted = np.arange(length), np.arange(length) + 1
    step, dimension = predicted // D, predicted % D
    past = step[:, None] - key // D  # number of steps from a key to the predicted token
    is_state, is_action = key % D < O, (key % D >= O) & (key % D < O + A)
    same = dimension[:, None] == key % D
    counted = step >= LEAST_STEPS
    counted[-1] = False  # predicts a token beyond the window
    states, actions = counted & (dimension < O), counted & (dimension >= O) & (dimension < O + A)
    return {
        "previous_transition": Share(states | actions, past == 1),
        "older_transitions": Share(states | actions, past > 1),
        "same_dimension": Share(states, same & (past > 0)),
        "same_dimension_older": Share(states, same & (past > 1)),
        "actions_to_actions": Share(actions, is_action & (past > 0)),
        "actions_to_states": Share(actions, is_state & (past > 0)),
        "actions_to_current_state": Share(actions, is_state & (past == 0)),
    }


def measure_heads(
    weights: Float[Tensor, "N B H L L"],
    config: ModelConfig,
    *,
    untrained: Float[Tensor, "N B H L L"] | None = None,
) -> pd.DataFrame:
    """Measure each head: one row of `kind` "head" for each, with means over the windows.

    Layers and heads are counted from 1. The last row, of `kind` "even", has the measures of even
    attention.

    Args:
        weights: attention weights of the model.
        config: sizes of the model.
        untrained: attention weights of a randomly initialised model of the same sizes on the same
            windows; each of its heads gets a row of `kind` "random".

    Raises:
        TTOError: the windows have too few transitions, or they begin with a goal.
    """
    L = weights.shape[-1]
    even = even_attention(config, L).double().numpy()
    parts = {"head": weights} | ({} if untrained is None else {"random": untrained})
    maps, rows = [], []
    for kind, of_kind in parts.items():
        N, _, H, _, _ = of_kind.shape
        # A measure is linear in the weights, so it can be taken of their mean.
        maps.append(of_kind.mean(dim=1).double().cpu().numpy().reshape(N * H, L, L))
        rows += [(kind, layer, head) for layer in range(1, N + 1) for head in range(1, H + 1)]
    table = pd.DataFrame([*rows, ("even", 0, 0)], columns=["kind", "layer", "head"])
    stacked = np.concatenate([*maps, even[None]])
    for name, measure in measures(config, L).items():
        table[name] = measure.of(stacked)
    return table


def clearest_heads(rows: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Layer and head, from 1, that show each pattern of section 4.1 most clearly.

    "striated" is the head with the most attention to the predicted dimension at steps before the
    previous one. "markov" is another head: the one whose attention to the previous transition most
    exceeds that to older ones.

    Args:
        rows: rows of `measure_heads`.

    Raises:
        TTOError: the model has a single head.
    """
    heads = rows[rows["kind"] == "head"].set_index(["layer", "head"])
    if len(heads) < len(PATTERNS):
        raise TTOError(f"attention: expected two heads or more to choose from, got {len(heads)}")
    striated = heads["same_dimension_older"].idxmax()
    others = heads.drop(index=[striated])
    markov = (others["previous_transition"] - others["older_transitions"]).idxmax()
    chosen: dict[str, Any] = {"markov": markov, "striated": striated}
    return {name: (int(layer), int(head)) for name, (layer, head) in chosen.items()}


def most_of_untrained(rows: pd.DataFrame, measure: str) -> float:
    """The largest value of a measure over the heads of the randomly initialised model.

    The maximum is taken because the trained model's head is also chosen by its value.

    Raises:
        TTOError: the rows have no heads of such a model.
    """
    values = rows.loc[rows["kind"] == "random", measure]
    if values.empty:
        raise TTOError("attention: expected heads of a random model, got none; analyse again")
    return float(values.max())
