"""Which episodes a baseline does not train on."""

import torch

from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError


def held_out_episodes(
    dataset: EpisodeDataset, fraction: float, generator: torch.Generator
) -> set[int]:
    """Numbers of `fraction` of the episodes drawn at random: at least one, and never all.

    Raises:
        TTOError: fewer than two episodes.
    """
    episodes = len(dataset)
    if episodes < 2:
        raise TTOError(
            f"{dataset.name}: expected at least two episodes, one of them held out, got "
            f"{episodes}: collect more transitions"
        )
    count = min(max(1, round(fraction * episodes)), episodes - 1)
    return set(torch.randperm(episodes, generator=generator)[:count].tolist())
