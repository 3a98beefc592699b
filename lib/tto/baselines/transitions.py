"""Transitions of a dataset, as an ensemble learns them: states before and after, what is hidden.

The whole dataset is held in memory, as float32. What a network reads and should say
(`Examples`) is computed once from it.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tto.baselines.ensemble import Ensemble
from tto.baselines.episode_split import held_out_episodes
from tto.data.episodes import EpisodeDataset


class Transitions(NamedTuple):
    """N transitions as they are recorded.

    Attributes:
        observations, following: the states before and after an action.
        actions: what was done.
        observed, observed_following: False where a state is hidden; None where all is seen.
    """

    observations: Float[Tensor, "N O"]
    following: Float[Tensor, "N O"]
    actions: Float[Tensor, "N A"]
    observed: Bool[Tensor, "N O"] | None = None
    observed_following: Bool[Tensor, "N O"] | None = None


class Examples(NamedTuple):
    """What the networks read, what they should say, and which of it counts (None: all)."""

    inputs: Float[Tensor, "*rows I"]
    targets: Float[Tensor, "*rows O"]
    counted: Bool[Tensor, "*rows O"] | None

    def rows(self, index: Int[Tensor, "*rows"]) -> "Examples":
        """Some of them."""
        counted = None if self.counted is None else self.counted[index]
        return Examples(self.inputs[index], self.targets[index], counted)

    def to(self, device: torch.device) -> "Examples":
        """All of them, on a device."""
        counted = None if self.counted is None else self.counted.to(device)
        return Examples(self.inputs.to(device), self.targets.to(device), counted)


def split_transitions(
    dataset: EpisodeDataset, held_out_fraction: float, generator: torch.Generator
) -> tuple[Transitions, Transitions]:
    """Training and held-out transitions; no episode is in both."""
    held_out = held_out_episodes(dataset, held_out_fraction, generator)
    parts: tuple[list, list] = ([], [])
    for index, episode in enumerate(dataset):
        rows = [episode.observations[:-1], episode.observations[1:], episode.actions]
        if episode.observed is not None:
            rows += [episode.observed[:-1], episode.observed[1:]]
        parts[index in held_out].append(rows)
    train, rest = (
        Transitions(*(torch.from_numpy(np.concatenate(x)) for x in zip(*part, strict=True)))
        for part in parts
    )
    return train, rest


def standardise_by(network: Ensemble, transitions: Transitions) -> None:
    """Set the means and standard deviations of the network's inputs, of what is visible there."""
    observations, observed = transitions.observations.double(), transitions.observed
    visible = torch.ones_like(observations) if observed is None else observed.double()
    for name, values, weights in (
        ("observation", observations, visible),
        ("action", transitions.actions.double(), torch.ones_like(transitions.actions)),
    ):
        count = weights.sum(dim=0).clamp(min=1)
        mean = (weights * values).sum(dim=0) / count
        std = ((weights * (values - mean).square()).sum(dim=0) / count).sqrt()
        getattr(network, f"{name}_mean").copy_(mean)
        # constant dimensions stay 0
        getattr(network, f"{name}_std").copy_(torch.where(std > 1e-6, std, 1.0))


def examples(network: Ensemble, transitions: Transitions) -> Examples:
    """Inputs and targets of the networks. A hidden target does not count.

    A dimension that is hidden now and visible next counts: its change from 0, the mean that is
    shown in its place, is what must be known to go on from a state that is seen in part.
    """
    observations, following, actions, observed, counted = transitions
    inputs = network.inputs(observations, actions, observed)
    targets = network.shown(following) - network.shown(observations, observed)
    return Examples(inputs, targets, counted)
