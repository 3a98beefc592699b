"""Where a Transformer looks while it predicts: all attention maps, and numbers for their patterns.

Section 4.1 names two patterns by eye. Here each is a share of attention: the mass that a prediction
puts on the transition before it, and the mass that it puts on its own dimension at earlier steps.
A row of a map belongs to the token that it predicts, which is the one after the row's own. This
module knows nothing of pictures, and nothing of where its windows come from.

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

LEAST_STEPS = 2  # before a predicted transition: the previous one, and one that is older
SHARES = (  # of attention, in the order of `measures`
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
    """Attention weights of every layer and head, and the logits that come of them.

    Memory is that of N * B * H * L * L weights; `tokens` begin a transition.
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
    """The map of a head that attends evenly to all it may see: what chance gives."""
    allowed = attention_mask(length, config, torch.device("cpu")).float()
    return allowed / allowed.sum(dim=-1, keepdim=True)


@dataclass(frozen=True)
class Share:
    """A share of attention: the mean over `rows` of the weight that lies on their `columns`."""

    rows: Bool[np.ndarray, " L"]
    columns: Bool[np.ndarray, "L L"]

    def of(self, weights: Float[np.ndarray, "... L L"]) -> Float[np.ndarray, "..."]:
        """The share in each of these attention matrices."""
        return (weights * self.columns).sum(-1)[..., self.rows].mean(-1)


def measures(config: ModelConfig, length: int) -> dict[str, Share]:
    """The shares of attention that are measured, over predictions with two steps behind them.

    previous_transition, older_transitions: of predicted states and actions, on the step before
    theirs and on those before that; the rest is on what of their own step is known.
    same_dimension, same_dimension_older: of predicted states, on their own dimension at all earlier
    steps, and at those before the previous one.
    actions_to_actions, actions_to_states, actions_to_current_state: of predicted actions, on
    actions and states of earlier steps, and on the state that they answer.

    Raises:
        TTOError: the window holds too few transitions, or begins with a goal.
    """
    D, O, A = config.transition_dim, config.observation_dim, config.action_dim
    if config.goal:
        raise TTOError("attention: expected a model without a goal in front; take another")
    if length < (LEAST_STEPS + 1) * D:
        raise TTOError(
            f"attention: expected windows of {LEAST_STEPS + 1} or more transitions, got {length} "
            f"tokens of {D} a transition; raise model.block_tokens"
        )
    key, predicted = np.arange(length), np.arange(length) + 1
    step, dimension = predicted // D, predicted % D
    past = step[:, None] - key // D  # how many steps before the predicted one a key lies
    is_state, is_action = key % D < O, (key % D >= O) & (key % D < O + A)
    same = dimension[:, None] == key % D
    counted = step >= LEAST_STEPS
    counted[-1] = False  # predicts what is not in the window
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
    """One row a head, of `kind` "head", layers and heads counted from 1; the measures are means.

    A last row, of `kind` "even", is what even attention gives.

    Args:
        untrained: weights of a randomly initialised model of the same sizes on the same windows;
            each of its heads gets a row of `kind` "random".
    """
    L = weights.shape[-1]
    even = even_attention(config, L).double().numpy()
    parts = {"head": weights} | ({} if untrained is None else {"random": untrained})
    maps, rows = [], []
    for kind, of_kind in parts.items():
        N, _, H, _, _ = of_kind.shape
        # a measure is linear in the weights
        maps.append(of_kind.mean(dim=1).double().cpu().numpy().reshape(N * H, L, L))
        rows += [(kind, layer, head) for layer in range(1, N + 1) for head in range(1, H + 1)]
    table = pd.DataFrame([*rows, ("even", 0, 0)], columns=["kind", "layer", "head"])
    stacked = np.concatenate([*maps, even[None]])
    for name, measure in measures(config, L).items():
        table[name] = measure.of(stacked)
    return table


def clearest_heads(rows: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Layer and head, from 1, with the clearest of each pattern of section 4.1: different heads.

    "striated" is the one that looks most at the predicted dimension in steps before the previous
    one; "markov" the one of the others that looks most at the previous transition, less what it
    looks at older ones.

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
    """A measure's largest value over the heads of the randomly initialised model.

    The largest, because the trained model's head is chosen by its value, too.

    Raises:
        TTOError: there is no such model in the rows.
    """
    values = rows.loc[rows["kind"] == "random", measure]
    if values.empty:
        raise TTOError("attention: expected heads of a random model, got none; make it again")
    return float(values.max())
