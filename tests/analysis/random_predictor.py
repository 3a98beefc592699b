"""A random Transformer with few bins, for full or masked states, an episode and its policy."""

import numpy as np
import torch

from tto.analysis.behavior import Behavior
from tto.data.actors import Actor
from tto.data.episode import Episode
from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes

O, A, V = 3, 2, 6
D = O + A + 2


def random_predictor(
    *, transitions: int = 3, masked: bool = False, seed: int = 0, **variant
) -> TrainedModel:
    attributes = TokenAttributes(
        dataset="toy-v0",
        env="Toy-v0",
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        discretizer="uniform",
        discount=0.9,
        to_go_includes_reward=True,
        terminal_penalty=None,
        mask_token=masked,
    )
    config = ModelConfig(
        observation_dim=O,
        action_dim=A,
        vocabulary=attributes.token_count,
        layers=2,
        heads=2,
        width=12,
        block_tokens=transitions * D + 1,
        **variant,
    )
    generator = torch.Generator().manual_seed(seed)
    network = TrajectoryTransformer(config, generator=generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5, generator=generator)
    edges = np.linspace([-2.0, -1.0, 0.0, -1.0, -1.0, -3.0, -4.0], 2.0, V + 1, axis=1)
    return TrainedModel(network, Discretizer("uniform", edges), attributes)


def random_behavior(*, policies: int = 1, noise: float = 0.1) -> Behavior:
    """Random linear policies: the even ones draw their actions, the odd ones get noise."""
    rng, ones = np.random.default_rng(5), np.ones(A, np.float32)

    def layer() -> tuple[np.ndarray, np.ndarray]:
        return rng.normal(size=(O, A)).astype(np.float32), 0 * ones

    actors = [
        Actor((), layer(), layer() if number % 2 == 0 else None, -ones, ones)
        for number in range(policies)
    ]
    return Behavior(actors, [1 / policies] * policies, noise, (-ones, ones))


def random_episode(length: int, *, masked: bool = False, seed: int = 0) -> Episode:
    rng = np.random.default_rng(seed)
    return Episode(
        observations=rng.uniform(-1, 2.2, size=(length + 1, O)).astype(np.float32),
        actions=rng.uniform(-1, 1, size=(length, A)).astype(np.float32),
        rewards=rng.normal(size=length).astype(np.float32),
        terminated=False,
        truncated=True,
        observed=rng.random((length + 1, O)) < 0.5 if masked else None,
    )
