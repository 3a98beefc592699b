"""Partial observation: each dimension of each state is hidden with a probability (section 4.1).

A dataset marks hidden values and keeps them: the model gets a mask token in their place, and the
evaluation can use the true values.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Float

from tto.data.episode import Episode
from tto.errors import TTOError


def mask_episodes(
    episodes: Iterable[Episode], *, probability: float, seed: int
) -> Iterator[Episode]:
    """Mark each dimension of each observation as hidden, independently.

    Args:
        episodes: the episodes, which are not changed.
        probability: probability that a dimension is hidden.
        seed: seed of the masks; an episode's mask depends on it and on the episode's number.

    Raises:
        TTOError: the probability is not within [0, 1).
    """
    _check(probability)
    for number, episode in enumerate(episodes):
        draws = np.random.default_rng([seed, number]).random(episode.observations.shape)
        yield dataclasses.replace(episode, observed=draws >= probability)


class MaskedObservation(gymnasium.Wrapper):
    """Set hidden dimensions of the observation to 0; `info["observed"]` is False for these."""

    def __init__(self, env: gymnasium.Env, *, probability: float) -> None:
        """Wrap `env`; `reset(seed=...)` seeds the generator of the masks."""
        _check(probability)
        super().__init__(env)
        self.probability = probability
        self._generator = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float[np.ndarray, "O"], dict[str, Any]]:
        """Begin an episode; some dimensions of the first observation are hidden."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        return self._hide(*self.env.reset(seed=seed, options=options))

    def step(
        self, action: Float[np.ndarray, "A"]
    ) -> tuple[Float[np.ndarray, "O"], Any, bool, bool, dict[str, Any]]:
        """Act; some dimensions of the next observation are hidden."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        observation, info = self._hide(observation, info)
        return observation, reward, terminated, truncated, info

    def _hide(
        self, observation: Float[np.ndarray, "O"], info: dict[str, Any]
    ) -> tuple[Float[np.ndarray, "O"], dict[str, Any]]:
        observed = self._generator.random(observation.shape) >= self.probability
        hidden = np.where(observed, observation, 0).astype(observation.dtype)
        return hidden, info | {"observed": observed}


def _check(probability: float) -> None:
    if not 0 <= probability < 1:
        raise TTOError(
            f"mask: expected a probability of at least 0 and below 1, got {probability}; change it"
        )
