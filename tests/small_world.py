"""Small random models to plan with."""

import numpy as np
import torch

from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes

VARIANTS = {
    "paper": {"attend_values": False},
    "visible": {"attend_values": True},
    "official": {
        "output": "per_dimension",
        "attend_values": False,
        "dropout_at": "gpt",
        "stop_token": True,
    },
    "factored": {"output": "per_dimension", "position": "factored", "attend_values": True},
    "goal": {"goal": True},
}


def random_model(
    variant: str = "paper",
    *,
    observation_dim: int = 3,
    action_dim: int = 2,
    vocabulary: int = 7,
    transitions: int = 6,
    seed: int = 0,
) -> TrainedModel:
    D = observation_dim + action_dim + 2
    sizes = dict(layers=2, heads=2, width=12, block_tokens=transitions * D + D // 2)
    config = ModelConfig(
        observation_dim=observation_dim,
        action_dim=action_dim,
        vocabulary=vocabulary,
        **sizes,
        **VARIANTS[variant],
    )
    generator = torch.Generator().manual_seed(seed)
    network = TrajectoryTransformer(config, generator=generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.5, generator=generator)
    edges = np.sort(np.random.default_rng(seed).normal(size=(D, vocabulary + 1)), axis=1)
    attributes = TokenAttributes(
        dataset="toy-v0",
        env="Toy-v0",
        observation_dim=observation_dim,
        action_dim=action_dim,
        vocabulary=vocabulary,
        discretizer="quantile",
        discount=0.9,
        to_go_includes_reward=variant != "official",
        terminal_penalty=None,
    )
    return TrainedModel(network, Discretizer("quantile", edges), attributes)


def random_contexts(model: TrainedModel, episodes: int, past: int, seed: int = 0) -> torch.Tensor:
    length = past * model.config.transition_dim + model.config.observation_dim
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(model.config.vocabulary, (episodes, length), generator=generator)
