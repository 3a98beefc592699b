"""Untrained models of small environments, saved in folders."""

from pathlib import Path

import numpy as np
import torch

from tto.data.environments import env_dimensions
from tto.model.trained import TrainedModel, save
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes

FOUR_ROOMS = "tto/FourRooms-v0"


def save_model(folder: Path, env: str = FOUR_ROOMS, *, dataset: str = "tiny", **changes) -> Path:
    """Save a random model of `env` with 8 uniform bins in [-1, 1] and 4 transitions per block."""
    O, A = env_dimensions(env)
    D = O + A + 2
    sizes = {"vocabulary": 8, "layers": 1, "heads": 2, "width": 8, "block_tokens": 4 * D}
    config = ModelConfig(observation_dim=O, action_dim=A, **{**sizes, **changes})
    network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0)).eval()
    attributes = TokenAttributes(
        dataset=dataset,
        env=env,
        observation_dim=O,
        action_dim=A,
        vocabulary=8,
        discretizer="uniform",
        discount=0.9,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    edges = np.tile(np.linspace(-1.0, 1.0, 9), (D, 1))
    save(
        folder, TrainedModel(network, Discretizer("uniform", edges), attributes), extra={"seed": 3}
    )
    return folder
