"""Random episodes."""

import numpy as np

from tto.data.episode import Episode

HOPPER = (11, 3)


def make_episode(length: int, *, seed: int = 0, terminated: bool = False) -> Episode:
    """An episode with hopper's dimensions and random numbers."""
    generator = np.random.default_rng(seed)
    return Episode(
        observations=generator.standard_normal((length + 1, HOPPER[0]), dtype=np.float32),
        actions=generator.uniform(-1, 1, (length, HOPPER[1])).astype(np.float32),
        rewards=generator.standard_normal(length, dtype=np.float32),
        terminated=terminated,
        truncated=not terminated,
        qpos=generator.standard_normal((length + 1, 6)),
        qvel=generator.standard_normal((length + 1, 6)),
    )
