"""Columns of the episodes that a baseline trains on and of those that it is tested on."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError


def join_episodes(
    dataset: EpisodeDataset, columns: Callable[[Episode], Mapping[str, np.ndarray]]
) -> dict[str, Tensor]:
    """Concatenate columns over all episodes.

    Args:
        columns: gives the arrays of an episode by name, with one row for each transition.
    """
    found: dict[str, list[np.ndarray]] = {}
    for episode in dataset:
        for name, part in columns(episode).items():
            found.setdefault(name, []).append(part)
    return {name: torch.from_numpy(np.concatenate(parts)) for name, parts in found.items()}


def split_episodes(
    dataset: EpisodeDataset,
    held_out_fraction: float,
    columns: Callable[[Episode], Sequence[np.ndarray]],
    generator: torch.Generator,
) -> tuple[list[Tensor], list[Tensor]]:
    """Concatenate columns over the training episodes and over the held-out episodes.

    Args:
        columns: gives the arrays of an episode, with one row for each transition.
        generator: draws the held-out episodes.

    Raises:
        TTOError: fewer than two episodes.
    """
    held_out = _held_out_episodes(dataset, held_out_fraction, generator)
    parts: tuple[list, list] = ([], [])
    for index, episode in enumerate(dataset):
        parts[index in held_out].append(columns(episode))
    train, rest = (
        [torch.from_numpy(np.concatenate(column)) for column in zip(*part, strict=True)]
        for part in parts
    )
    return train, rest


def _held_out_episodes(
    dataset: EpisodeDataset, fraction: float, generator: torch.Generator
) -> set[int]:
    """Draw the numbers of the held-out episodes: at least one episode, never all."""
    episodes = len(dataset)
    if episodes < 2:
        raise TTOError(
            f"{dataset.name}: expected at least two episodes, one of them held out, got "
            f"{episodes}: collect more transitions"
        )
    count = min(max(1, round(fraction * episodes)), episodes - 1)
    return set(torch.randperm(episodes, generator=generator)[:count].tolist())
