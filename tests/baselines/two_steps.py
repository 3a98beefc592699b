"""A problem of two steps with a known best action."""

import numpy as np
from memory_dataset import MemoryDataset

from tto.data.episode import Episode


def two_steps(episodes: int = 1500) -> MemoryDataset:
    """The first action becomes the second state; the second step's reward is that state.

    Actions are uniform over [-1, 1], so cloning gives 0. The first reward is 0, so only a value
    that looks one step ahead tells that 1 is the best first action.
    """
    rng = np.random.default_rng(0)
    listed = []
    for _ in range(episodes):
        actions = rng.uniform(-1, 1, (2, 3)).astype(np.float32)
        observations = np.zeros((3, 2), dtype=np.float32)
        observations[0] = rng.uniform(-0.1, 0.1), 0.0
        observations[1] = actions[0, 0], 1.0
        observations[2] = 0.0, 2.0
        rewards = np.array([0.0, actions[0, 0]], dtype=np.float32)
        listed.append(Episode(observations, actions, rewards, True, False))
    return MemoryDataset(listed)
