"""A model with random weights, for what does not depend on weights: the time of a plan."""

import numpy as np
import torch

from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes


def untrained(config: ModelConfig, *, env: str, seed: int = 0, device: str = "cpu") -> TrainedModel:
    """Make a model with random weights, whose bins have equal widths and lie in [-1, 1].

    Args:
        config: sizes of the model.
        env: id of the environment that it is for.
        seed: seed of the weights.
        device: device of the weights.
    """
    tokens = TokenAttributes(
        dataset="untrained",
        env=env,
        observation_dim=config.observation_dim,
        action_dim=config.action_dim,
        vocabulary=config.vocabulary,
        discretizer="uniform",
        discount=0.99,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    edges = np.linspace(-1.0, 1.0, config.vocabulary + 1)
    bins = Discretizer("uniform", np.tile(edges, (config.transition_dim, 1)))
    network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(seed))
    return TrainedModel(network.to(device).eval(), bins, tokens)
