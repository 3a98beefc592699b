"""Partial observation: each dimension of each state is hidden with some probability (section 4.1).

What is hidden is marked, not overwritten: a model gets a token of its own in its place, while the
true value stays known to the evaluation.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import gymnasium
import numpy as np

from tto.data.episode import Episode
from tto.errors import TTOError


def mask_episodes(
    episodes: Iterable[Episode], *, probability: float, seed: int
) -> Iterator[Episode]:
    """Mark each dimension of each observation as hidden, independently.

    Args:
        episodes: any.
        probability: of being hidden.
        seed: with an episode's number it determines that episode's mask.

    Raises:
        TTOError: the probability is not within [0, 1).
    """
    _check(probability)
    for number, episode in enumerate(episodes):
        draws = np.random.default_rng([seed, number]).random(episode.observations.shape)
        yield dataclasses.replace(episode, observed=draws >= probability)


class MaskedObservation(gymnasium.Wrapper):
    """Hide dimensions of what the environment shows: they read 0; `info["observed"]` says which."""

    def __init__(self, env: gymnasium.Env, *, probability: float) -> None:
        """Wrap `env`; the mask draws from the generator that `reset(seed=...)` seeds."""
        _check(probability)
        super().__init__(env)
        self.probability = probability
        self._generator = np.random.default_rng()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode."""
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        return self._hide(*self.env.reset(seed=seed, options=options))

    def step(self, action: np.ndarray) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act; the next observation is hidden in part."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        observation, info = self._hide(observation, info)
        return observation, reward, terminated, truncated, info

    def _hide(
        self, observation: np.ndarray, info: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        observed = self._generator.random(observation.shape) >= self.probability
        hidden = np.where(observed, observation, 0).astype(observation.dtype)
        return hidden, info | {"observed": observed}


def _check(probability: float) -> None:
    if not 0 <= probability < 1:
        raise TTOError(f"mask: expected a probability of at least 0 and below 1, got {probability}")
