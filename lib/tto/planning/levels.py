"""What a search keeps after each planned transition, in the environment's units.

A search of horizon h is the beginning of one of any longer horizon with the same draws, so the
plans of horizons 1, 2, ... H are the levels of one search, with what it later drops. For looking at
a plan; a controller that acts has no use for it.

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
        observations: the current one, then those planned; bins' centres.
        actions: planned; the first of them would be taken now.
        scores: log-probability, or cumulative reward plus reward-to-go.
        parents: the sequence of the level before that each continues; zeros in the first level.
    """

    observations: Float[np.ndarray, "W h O"]
    actions: Float[np.ndarray, "W h A"]
    scores: Float[np.ndarray, " W"]
    parents: Integer[np.ndarray, " W"]


def beam_levels(controller: Controller, observation: Float[np.ndarray, " O"]) -> list[Level]:
    """The levels of the plan that `controller` would make from `observation` now.

    The controller is left as it was.

    Raises:
        TTOError: an observation of another shape, or an engine whose results depend on the horizon.
    """
    if np.ndim(observation) != 1:
        raise TTOError(f"levels: expected one observation, got shape {np.shape(observation)}")
    levels: list[Level] = []
    before: np.ndarray | None = None
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
    """Of each level, the sequences that some sequence of the last level continues."""
    kept = [np.arange(len(levels[-1].scores))]
    for level in reversed(levels[1:]):
        kept.append(np.unique(level.parents[kept[-1]]))
    return kept[::-1]


def chosen_path(levels: list[Level]) -> list[int]:
    """Of each level, the sequence that the best one of the last level continues."""
    path = [0]
    for level in reversed(levels[1:]):
        path.append(int(level.parents[path[-1]]))
    return path[::-1]


def _parents(tokens: np.ndarray, before: np.ndarray) -> np.ndarray:
    same = (tokens[:, None, : before.shape[1]] == before[None]).all(axis=-1)
    if not same.any(axis=1).all():
        raise TTOError(
            "levels: expected each plan to continue one of a shorter horizon, got another: the "
            "engine's results depend on the horizon; pass engine=UncachedEngine(network)"
        )
    return same.argmax(axis=1)


def _decoded(
    controller: Controller,
    observation: np.ndarray,
    tokens: np.ndarray,
    horizon: int,
    scores: np.ndarray,
    parents: np.ndarray,
) -> Level:
    model = controller.model
    D, O = model.config.transition_dim, model.tokens.observation_dim
    current = np.tile(model.discretizer.encode(observation), (len(tokens), 1))
    # likelihood search ends with an action: zeros stand where reward and reward-to-go would
    missing = np.zeros((len(tokens), horizon * D - O - tokens.shape[1]), np.int64)
    whole = np.hstack([current, tokens, missing]).reshape(len(tokens), horizon, D)
    values = model.discretizer.decode(whole)
    return Level(values[..., :O], values[..., O : D - 2], scores, parents)
