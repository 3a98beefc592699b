"""A world small enough to solve by hand, and a policy for it."""

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec


class Line(gymnasium.Env):
    """A point on a line that starts at the integer reset seed modulo 10 and moves by its action.

    Observation (position, steps so far); reward = action; terminated at position >= 10; truncated
    after 8 transitions.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-2.0, 2.0, (1,), np.float32)

    spec = EnvSpec("Line-v0", entry_point="line_world:Line", max_episode_steps=8)

    def __init__(self, broken_at: int = -1) -> None:
        self.broken_at = broken_at

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position, self.steps = float(seed % 10), 0
        return self._observation(), {}

    def step(self, action):
        self.position += float(action[0])
        self.steps += 1
        reward = float("nan") if self.steps == self.broken_at else float(action[0])
        return self._observation(), reward, self.position >= 10, self.steps == 8, {}

    def _observation(self):
        return np.array([self.position, self.steps], dtype=np.float32)


class Constant:
    """A policy that always returns the same action and records what it observes."""

    def __init__(self, action: float = 1.0) -> None:
        self.action = action
        self.masks: list[list[bool]] = []
        self.observed: list[tuple[list[float], list[float]]] = []

    def reset(self, goals=None) -> None:
        self.masks, self.observed = [], []

    def act(self, observations, active):
        self.masks.append(active.tolist())
        return np.full((len(observations), 1), self.action)

    def observe(self, actions, rewards) -> None:
        self.observed.append((actions[:, 0].tolist(), rewards.tolist()))
