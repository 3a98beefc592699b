"""Transitions of a dataset as an ensemble learns them: states before and after an action.

The whole dataset is held in memory, as float32. The networks' inputs and targets (`Examples`) are
computed from it once.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tto.baselines.episode_split import split_episodes
from tto.baselines.pets.ensemble import Ensemble
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset


class Transitions(NamedTuple):
    """N recorded transitions.

    Attributes:
        observations, following: observations before and after the action.
        actions: recorded actions.
        observed, observed_following: False where a dimension of the observation before or after the
            action is hidden; None if nothing is hidden.
    """

    observations: Float[Tensor, "N O"]
    following: Float[Tensor, "N O"]
    actions: Float[Tensor, "N A"]
    observed: Bool[Tensor, "N O"] | None = None
    observed_following: Bool[Tensor, "N O"] | None = None


class Examples(NamedTuple):
    """Inputs and targets of the networks.

    Attributes:
        counted: False where a target does not count in the loss; None if all targets count.
    """

    inputs: Float[Tensor, "*rows I"]
    targets: Float[Tensor, "*rows O"]
    counted: Bool[Tensor, "*rows O"] | None

    def rows(self, index: Int[Tensor, "*rows"]) -> "Examples":
        """The examples in the given rows."""
        counted = None if self.counted is None else self.counted[index]
        return Examples(self.inputs[index], self.targets[index], counted)

    def to(self, device: torch.device) -> "Examples":
        """The same examples on a device."""
        counted = None if self.counted is None else self.counted.to(device)
        return Examples(self.inputs.to(device), self.targets.to(device), counted)


def split_transitions(
    dataset: EpisodeDataset, held_out_fraction: float, generator: torch.Generator
) -> tuple[Transitions, Transitions]:
    """Transitions of the training episodes and of the held-out episodes.

    Raises:
        TTOError: fewer than two episodes.
    """
    train, held_out = split_episodes(dataset, held_out_fraction, _columns, generator)
    return Transitions(*train), Transitions(*held_out)


def _columns(episode: Episode) -> list[np.ndarray]:
    columns = [episode.observations[:-1], episode.observations[1:], episode.actions]
    if episode.observed is not None:
        columns += [episode.observed[:-1], episode.observed[1:]]
    return columns


def standardise_by(network: Ensemble, transitions: Transitions) -> None:
    """Set the network's means and standard deviations to those of the visible values."""
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
        # constant dimensions become 0
        getattr(network, f"{name}_std").copy_(torch.where(std > 1e-6, std, 1.0))


def examples(network: Ensemble, transitions: Transitions) -> Examples:
    """Inputs and targets of the networks. A hidden target does not count.

    A dimension that is hidden before the action and visible after it counts. Its target is the
    change from 0, the mean that the network sees in its place, because predictions that go on from
    a partly hidden state need it.
    """
    observations, following, actions, observed, counted = transitions
    inputs = network.inputs(observations, actions, observed)
    targets = network.shown(following) - network.shown(observations, observed)
    return Examples(inputs, targets, counted)
