"""Behaviour cloning: a multilayer perceptron that regresses actions on observations.

No results are published for data that is collected locally, so this baseline is trained on the same
episodes as the Transformers and evaluated in the same way. Appendix C of the paper takes its column
from Kumar et al. (2020) and gives no settings. The settings here are usual for offline-RL
baselines: two hidden layers of 256, ReLU, Adam, batches of 256, standardised observations.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tto.baselines.episode_split import split_episodes
from tto.baselines.files import read_baseline, settings_in, write_baseline
from tto.baselines.fitting import fit
from tto.baselines.networks import ActingNetwork, NetworkPolicy, perceptron
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.fields import COUNT, POSITIVE, SHARE, UNITS, Between, check_fields
from tto.files import StrPath


@dataclass(frozen=True)
class BehaviorCloningConfig:
    """How the perceptron is built and trained.

    Attributes:
        hidden: units of each hidden layer.
        epochs: passes over the training transitions; the learning rate falls to 0 over them as a
            cosine.
        batch_size: transitions in a minibatch.
        learning_rate: initial learning rate of Adam.
        weight_decay: decoupled decay of all weights.
        held_out_fraction: fraction of the episodes that is held out; the weights that predict them
            best are kept.
        evaluations: number of held-out losses, evenly spaced over the training.
    """

    hidden: Sequence[Annotated[int, UNITS]] = (256, 256)
    epochs: Annotated[float, POSITIVE] = 18.0
    batch_size: Annotated[int, COUNT] = 256
    learning_rate: Annotated[float, POSITIVE] = 3e-4
    weight_decay: Annotated[float, Between(0)] = 0.0
    held_out_fraction: Annotated[float, SHARE] = 0.1
    evaluations: Annotated[int, COUNT] = 20

    def __post_init__(self) -> None:
        check_fields(self, "behavior_cloning")
        object.__setattr__(self, "hidden", tuple(self.hidden))

    def updates(self, transitions: int) -> int:
        """Number of minibatch updates for a given number of training transitions."""
        return math.ceil(self.epochs * transitions / self.batch_size)


class Perceptron(ActingNetwork):
    """A perceptron with ReLU on standardised observations, with a linear output."""

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        hidden: Sequence[int],
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(observation_dim, action_dim)
        self.layers = perceptron(observation_dim, hidden, action_dim, generator=generator)

    def forward(self, observations: Float[Tensor, "B O"]) -> Float[Tensor, "B A"]:
        return self.layers(self.standardised(observations))

    def action(self, observations: Float[Tensor, "B O"]) -> Float[Tensor, "B A"]:
        """The predicted action, clipped to the action space."""
        return self(observations).clamp(self.action_low, self.action_high)


class _Pairs(NamedTuple):
    """Observations and actions, of either the training episodes or the held-out episodes."""

    observations: Float[Tensor, "N O"]
    actions: Float[Tensor, "N A"]


def observations_and_actions(episode: Episode) -> tuple[np.ndarray, np.ndarray]:
    """The observations `(T, O)` and actions `(T, A)` of an episode."""
    return episode.observations[:-1], episode.actions


def train_behavior_cloning(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    seed: int,
    columns: Callable[[Episode], tuple[np.ndarray, np.ndarray]] = observations_and_actions,
    **settings: Any,
) -> NetworkPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    The loss is the squared error of an action, summed over its dimensions. The weights with the
    lowest loss on the held-out episodes are kept.

    Args:
        seed: seed of the initial weights, the held-out episodes and the minibatches.
        columns: inputs `(T, O)` and targets `(T, A)` of an episode.
        settings: fields of `BehaviorCloningConfig`.

    Raises:
        TTOError: a bad setting, fewer than two episodes, or a loss that is not finite.
    """
    config = BehaviorCloningConfig(**settings)
    generator = torch.Generator().manual_seed(seed)
    train, held_out = (
        _Pairs(*pair)
        for pair in split_episodes(dataset, config.held_out_fraction, columns, generator)
    )
    network = Perceptron(
        dataset.observation_dim, dataset.action_dim, config.hidden, generator=generator
    )
    network.set_scales(train.observations, dataset.env_id)
    metrics = _fit(network, train, held_out, config, generator, dataset.name)
    stored = {"env_id": dataset.env_id, "dataset": dataset.name, "seed": seed, **asdict(config)}
    write_baseline(Path(output), network, config=stored, metrics=metrics)
    return NetworkPolicy(network)


def _fit(
    network: Perceptron,
    train: _Pairs,
    held_out: _Pairs,
    config: BehaviorCloningConfig,
    generator: torch.Generator,
    dataset: str,
) -> list[dict[str, float | int]]:
    """Train `network`, leave it with its best weights and return the rows of metrics.csv."""
    transitions = len(train.actions)
    updates = config.updates(transitions)

    def batch_loss() -> Float[Tensor, ""]:
        rows = torch.randint(transitions, (config.batch_size,), generator=generator)
        return _loss(network, train.observations[rows], train.actions[rows])

    return fit(
        network,
        torch.optim.AdamW(
            network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            foreach=True,
        ),
        batch_loss,
        lambda: _loss(network, held_out.observations, held_out.actions),
        updates=updates,
        evaluate_every=math.ceil(updates / config.evaluations),
        dataset=dataset,
        section="behavior_cloning",
    )


def _loss(
    network: Perceptron, observations: Float[Tensor, "B O"], actions: Float[Tensor, "B A"]
) -> Float[Tensor, ""]:
    return (network(observations) - actions).square().sum(dim=1).mean()


def load_behavior_cloning(folder: StrPath) -> NetworkPolicy:
    """Load the policy in a folder that `train_behavior_cloning` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    network = read_baseline(
        folder,
        lambda config, weights: Perceptron(
            len(weights["observation_mean"]),
            len(weights["action_low"]),
            settings_in(config, BehaviorCloningConfig).hidden,
        ),
        what="a behaviour-cloning policy",
        kind="behaviour-cloning",
    )
    return NetworkPolicy(network)
