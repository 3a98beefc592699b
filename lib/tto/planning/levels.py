"""The sequences that a search keeps after each planned transition, in the environment's units.

With the same draws, a search with horizon h is the beginning of a search with any longer horizon.
So the plans with horizons 1, 2, ... H are the levels of one search, including the sequences that it
drops later. This is for inspecting plans; a controller does not need it to act.

Letters: W sequences kept, O and A observation and action dimensions.
"""

import copy
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Integer

from tto.errors import TTOError
from tto.planning.controller import Controller


@dataclass(frozen=True)
class Level:
    """The sequences of h transitions that a search keeps, best first.

    Attributes:
        observations: current observation, then the planned ones, as centers of their bins.
        actions: planned actions; the first one would be taken now.
        scores: log-probability, or cumulative reward plus reward-to-go.
        parents: number of the sequence of the previous level that each sequence continues; zeros in
            the first level.
    """

    observations: Float[np.ndarray, "W h O"]
    actions: Float[np.ndarray, "W h A"]
    scores: Float[np.ndarray, " W"]
    parents: Integer[np.ndarray, " W"]


def beam_levels(controller: Controller, observation: Float[np.ndarray, " O"]) -> list[Level]:
    """The levels of the plan that `controller` would make from `observation` now.

    The controller is not changed.

    Raises:
        TTOError: the observation has another shape, or the engine's results depend on the horizon.
    """
    if np.ndim(observation) != 1:
        raise TTOError(f"levels: expected one observation, got shape {np.shape(observation)}")
    levels: list[Level] = []
    before: Integer[np.ndarray, "W L"] | None = None
    for horizon in range(1, controller.search.horizon + 1):
        trial = copy.copy(controller)
        trial.search = replace(controller.search, horizon=horizon)
        trial.act(observation)
        assert trial.plan is not None
        tokens = trial.plan.tokens[0].cpu().numpy()
        parents = np.zeros(len(tokens), np.int64) if before is None else _parents(tokens, before)
        scores = trial.plan.scores[0].double().cpu().numpy()
        levels.append(_decoded(controller, observation, tokens, horizon, scores, parents))
        before = tokens
    return levels


def surviving(levels: list[Level]) -> list[Integer[np.ndarray, " kept"]]:
    """Numbers of the sequences of each level that some sequence of the last level continues."""
    kept = [np.arange(len(levels[-1].scores))]
    for level in reversed(levels[1:]):
        kept.append(np.unique(level.parents[kept[-1]]))
    return kept[::-1]


def chosen_path(levels: list[Level]) -> list[int]:
    """Number of the sequence of each level that the best one of the last level continues."""
    path = [0]
    for level in reversed(levels[1:]):
        path.append(int(level.parents[path[-1]]))
    return path[::-1]


def _parents(
    tokens: Integer[np.ndarray, "W L"], before: Integer[np.ndarray, "kept shorter"]
) -> Integer[np.ndarray, " W"]:
    """Number of the sequence in `before` that each sequence in `tokens` continues."""
    same = (tokens[:, None, : before.shape[1]] == before[None]).all(axis=-1)
    if not same.any(axis=1).all():
        raise TTOError(
            "levels: expected each sequence to continue one of a shorter horizon, got one that "
            "does not: the engine's results depend on the horizon; pass "
            "engine=UncachedEngine(network)"
        )
    return same.argmax(axis=1)


def _decoded(
    controller: Controller,
    observation: Float[np.ndarray, " O"],
    tokens: Integer[np.ndarray, "W L"],
    horizon: int,
    scores: Float[np.ndarray, " W"],
    parents: Integer[np.ndarray, " W"],
) -> Level:
    model = controller.model
    D, O = model.config.transition_dim, model.tokens.observation_dim
    current = np.tile(model.discretizer.encode(observation), (len(tokens), 1))
    # A plan of likelihood search ends with an action: zeros replace reward and reward-to-go.
    missing = np.zeros((len(tokens), horizon * D - O - tokens.shape[1]), np.int64)
    whole = np.hstack([current, tokens, missing]).reshape(len(tokens), horizon, D)
    values = model.discretizer.decode(whole)
    return Level(values[..., :O], values[..., O : D - 2], scores, parents)
