"""How much the predicted value of a planned transition depends on its action.

A search can only choose between actions whose predicted rewards-to-go differ. Section 3.2 plans
several transitions, so they must differ in each of them, with and without past transitions. Here
the model continues recorded states up to a planned transition. Several actions are drawn there, and
the expected reward-to-go of each is predicted. If later tokens see rewards-to-go, the model can
copy them, R_t = (R_{t-1} - r_{t-1}) / discount, and the spread vanishes after the first transition.

Letters: S states, N actions of each, L context tokens, T depths.
"""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from tto.errors import TTOError
from tto.model.trained import TrainedModel
from tto.planning.draw import DrawRule
from tto.planning.engine import Engine
from tto.planning.fastest import fastest_engine
from tto.tokens.token_file import TokenFile

STATES, ACTIONS = 48, 32
VANISHED = 0.2  # share of the largest spread below which a search chooses by noise


@dataclass(frozen=True)
class ValueSpread:
    """Standard deviations over actions, in the unit of the return.

    Attributes:
        context: number of past transitions that the model saw.
        expected: standard deviation of the expected reward-to-go at each planned depth, as a mean
            over states.
    """

    context: int
    expected: Float[np.ndarray, " T"]


def value_spread(
    model: TrainedModel,
    file: TokenFile,
    *,
    context: int = 0,
    depths: int = 3,
    states: int = STATES,
    actions: int = ACTIONS,
    seed: int = 0,
    engine: Engine | None = None,
) -> ValueSpread:
    """Spread of the predicted value over actions, at each of `depths` planned transitions.

    Actions are drawn from the model's whole distribution. Observations, rewards and rewards-to-go
    are the most probable ones.

    Args:
        model: trained model.
        file: tokens of the model's dataset, from whose states plans start.
        context: number of past transitions that the model sees before the first planned one.
        depths: number of planned transitions, at most as many as fit into the model's block.
        states: number of recorded states; each is preceded by at least `context` transitions.
        actions: number of actions drawn for each state.
        seed: seed of all draws.
        engine: engine that computes the logits; by default the fastest one.

    Raises:
        TTOError: the tokens have other sizes than the model's, the context exceeds its block, no
            episode is long enough, the model has goals, or its states are masked.
    """
    _check(model, file, context)
    depths = min(depths, model.config.block_transitions - context)
    rng = np.random.default_rng(seed)
    contexts = torch.from_numpy(_contexts(file, model.tokens.observation_dim, context, states, rng))
    contexts = contexts.to(model.network.output.device)
    engine = engine or fastest_engine(model.network)
    spreads = [_spread(model, engine, contexts, depth, actions, rng) for depth in range(depths)]
    return ValueSpread(context, np.array(spreads))


def _spread(
    model: TrainedModel,
    engine: Engine,
    contexts: Integer[Tensor, "S L"],
    depth: int,
    actions: int,
    rng: np.random.Generator,
) -> float:
    """Mean over states of the standard deviation over actions, `depth` transitions after the first.

    Observations and values on the way are the most probable ones.
    """
    D, O = model.config.transition_dim, model.tokens.observation_dim
    centers = torch.as_tensor(model.discretizer.centers, dtype=torch.float32)
    greedy, drawn = DrawRule(1), DrawRule(model.config.vocabulary)
    value = DrawRule(1, centers=centers[-1].to(contexts.device))
    rules = [drawn] * (D - 2 - O) + [greedy, value]
    S = len(contexts)
    engine.start(contexts, length=depth * D + D - O)
    for _ in range(depth):
        between = [*rules, *[greedy] * O]
        tokens = engine.draw(between, _uniforms(rng, S, len(between), contexts.device)).tokens
        engine.append(tokens[:, -1])
    engine.select(torch.arange(S, device=contexts.device).repeat_interleave(actions))
    expected = engine.draw(rules, _uniforms(rng, S * actions, len(rules), contexts.device)).expected
    return float(expected[:, -1].view(S, actions).double().std(dim=1).mean())


def _contexts(
    file: TokenFile, observation_dim: int, context: int, states: int, rng: np.random.Generator
) -> Integer[np.ndarray, "S L"]:
    """Tokens of past transitions and the current observation of distinct random states."""
    starts, D = file.episode_starts, file.tokens.shape[1]
    rows = np.concatenate([np.arange(a + context, b) for a, b in itertools.pairwise(starts)])
    if not len(rows):
        raise TTOError(
            f"value spread: expected an episode of more than {context} transitions in the tokens "
            f"of {file.attributes.dataset}, got none; choose a shorter context"
        )
    chosen = rng.choice(rows, size=min(states, len(rows)), replace=False)
    windows = file.tokens[chosen[:, None] + np.arange(-context, 1)].astype(np.int64)
    return windows.reshape(len(chosen), -1)[:, : context * D + observation_dim]


def _uniforms(
    rng: np.random.Generator, rows: int, tokens: int, device: torch.device
) -> Float[Tensor, "N S"]:
    return torch.from_numpy(rng.random((rows, tokens), dtype=np.float32)).to(device)


def _check(model: TrainedModel, file: TokenFile, context: int) -> None:
    ours, theirs = model.config, file.attributes
    sizes = (ours.observation_dim, ours.action_dim, ours.vocabulary)
    given = (theirs.observation_dim, theirs.action_dim, theirs.token_count)
    if sizes != given:
        raise TTOError(
            f"value spread: expected tokens of the model's sizes {sizes} (observation, action, "
            f"bins), got {given} of {theirs.dataset}; choose the tokens that it was trained on"
        )
    if ours.goal or theirs.mask_token:
        raise TTOError(
            "value spread: expected a model that plans for return, got one with goals or masked "
            "states"
        )
    if not 0 <= context < ours.block_transitions:
        raise TTOError(
            f"value spread: expected a context of 0 to {ours.block_transitions - 1} transitions, "
            f"got {context}"
        )
