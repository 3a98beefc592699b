"""Behaviour cloning: a multilayer perceptron that regresses actions on observations.

The baseline for data collected locally, for which nothing is published: trained on the same
episodes as the Transformers and evaluated in the same way. Appendix C of the paper takes its column
from Kumar et al. (2020) and gives no settings; those here are usual for offline-RL baselines: two
hidden layers of 256, ReLU, Adam, batches of 256, standardised observations.
"""

import itertools
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from tqdm import tqdm

from tto.baselines.baseline_file import read_baseline, write_baseline
from tto.baselines.episode_split import held_out_episodes
from tto.data.environments import action_bounds, make_env
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath


@dataclass(frozen=True)
class BehaviorCloningConfig:
    """How the perceptron is built and trained.

    Attributes:
        hidden: units of each hidden layer.
        epochs: passes over the training transitions; the learning rate falls to 0 over them as a
            cosine.
        batch_size: transitions of an update.
        learning_rate: learning rate of Adam, at the start.
        weight_decay: decoupled decay of all weights.
        held_out_fraction: share of the episodes that is held out; the weights that predict these
            best are kept.
        evaluations: number of held-out losses, evenly over the training.
    """

    hidden: tuple[int, ...] = (256, 256)
    epochs: float = 18.0
    batch_size: int = 256
    learning_rate: float = 3e-4
    weight_decay: float = 0.0
    held_out_fraction: float = 0.1
    evaluations: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        counts = (*self.hidden, self.batch_size, self.evaluations)
        if min(counts) < 1 or min(self.epochs, self.learning_rate) <= 0 or self.weight_decay < 0:
            raise TTOError(
                "behavior_cloning: expected positive sizes and counts, epochs and learning_rate "
                f"> 0 and weight_decay >= 0, got {asdict(self)}"
            )
        if not 0 < self.held_out_fraction < 1:
            raise TTOError(
                "behavior_cloning.held_out_fraction: expected between 0 and 1 (both excluded), got "
                f"{self.held_out_fraction}"
            )

    def updates(self, transitions: int) -> int:
        """Number of minibatch updates of a training on so many transitions."""
        return math.ceil(self.epochs * transitions / self.batch_size)


class Perceptron(nn.Module):
    """Standardise, then linear layers with ReLU between them; the output is not squashed."""

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        hidden: tuple[int, ...],
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.observation_mean = nn.Buffer(torch.zeros(observation_dim))
        self.observation_std = nn.Buffer(torch.ones(observation_dim))
        self.action_low = nn.Buffer(-torch.ones(action_dim))
        self.action_high = nn.Buffer(torch.ones(action_dim))
        sizes = (observation_dim, *hidden, action_dim)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(sizes):
            layers += [_linear(inputs, outputs, generator), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, observations: Float[Tensor, "B O"]) -> Float[Tensor, "B A"]:
        return self.layers((observations - self.observation_mean) / self.observation_std)


def _linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """PyTorch's own initial distribution, drawn from `generator` instead of the global one."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    bound = 1 / math.sqrt(inputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer


class BehaviorCloningPolicy:
    """A trained perceptron as a policy of `tto.evaluation.rollout`; it has no memory."""

    def __init__(self, network: Perceptron) -> None:
        self.network = network

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Nothing to forget."""

    @torch.inference_mode()
    def act(
        self,
        observations: Float[np.ndarray, "B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "B A"]:
        """The predicted action of each row, clipped to the action space."""
        network = self.network
        inputs = torch.as_tensor(np.asarray(observations, dtype=np.float32))
        return network(inputs).clamp(network.action_low, network.action_high).numpy()

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Nothing to remember."""


class _Pairs(NamedTuple):
    """Observations and actions of the training or of the held-out episodes."""

    observations: Float[Tensor, "N O"]
    actions: Float[Tensor, "N A"]


def train_behavior_cloning(
    dataset: EpisodeDataset, output: StrPath, *, seed: int, **settings: Any
) -> BehaviorCloningPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    The loss is the squared error of an action, summed over its dimensions. The weights with the
    lowest loss on the held-out episodes are kept.

    Args:
        seed: of the initial weights, the held-out episodes and the minibatches.
        settings: fields of `BehaviorCloningConfig`.

    Raises:
        TTOError: a bad setting, fewer than two episodes, or a loss that is not finite.
    """
    config = BehaviorCloningConfig(**settings)
    generator = torch.Generator().manual_seed(seed)
    train, held_out = _split(dataset, config.held_out_fraction, generator)
    network = Perceptron(
        dataset.observation_dim, dataset.action_dim, config.hidden, generator=generator
    )
    environment = make_env(dataset.env_id)
    low, high = action_bounds(environment)
    environment.close()
    std, mean = torch.std_mean(train.observations, dim=0, correction=0)
    network.load_state_dict(
        {
            "observation_mean": mean,
            "observation_std": torch.where(std > 1e-6, std, 1.0),  # constant dimensions stay 0
            "action_low": torch.as_tensor(low),
            "action_high": torch.as_tensor(high),
        },
        strict=False,
    )
    metrics = _fit(network, train, held_out, config, generator, dataset.name)
    stored = {"env_id": dataset.env_id, "dataset": dataset.name, "seed": seed, **asdict(config)}
    write_baseline(Path(output), network, config=stored, metrics=metrics)
    return BehaviorCloningPolicy(network)


def _split(
    dataset: EpisodeDataset, held_out_fraction: float, generator: torch.Generator
) -> tuple[_Pairs, _Pairs]:
    """Training and held-out transitions; no episode is in both."""
    held_out = held_out_episodes(dataset, held_out_fraction, generator)
    parts: tuple[list, list] = ([], [])
    for index, episode in enumerate(dataset):
        parts[index in held_out].append((episode.observations[:-1], episode.actions))
    train, rest = (
        _Pairs(*(torch.from_numpy(np.concatenate(column)) for column in zip(*part, strict=True)))
        for part in parts
    )
    return train, rest


def _fit(
    network: Perceptron,
    train: _Pairs,
    held_out: _Pairs,
    config: BehaviorCloningConfig,
    generator: torch.Generator,
    name: str,
) -> list[dict[str, float]]:
    """Train `network`, leave it with the best weights, and return the rows of metrics.csv."""
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        foreach=True,
    )
    updates = config.updates(len(train.actions))
    every = math.ceil(updates / config.evaluations)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    metrics: list[dict[str, float]] = []
    losses: list[Tensor] = []
    best, best_weights = math.inf, network.state_dict()
    start = time.perf_counter()
    for update in tqdm(range(1, updates + 1), desc=f"{name}: clone", disable=None):
        rate = schedule.get_last_lr()[0]
        rows = torch.randint(len(train.actions), (config.batch_size,), generator=generator)
        loss = _loss(network, train.observations[rows], train.actions[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        if update % every and update != updates:
            continue
        with torch.inference_mode():
            held_out_loss = _loss(network, held_out.observations, held_out.actions).item()
        row = {
            "update": update,
            "seconds": round(time.perf_counter() - start, 3),
            "learning_rate": rate,
            "train_loss": torch.stack(losses).mean().item(),
            "held_out_loss": held_out_loss,
        }
        if not all(map(math.isfinite, row.values())):
            raise TTOError(
                f"{name}: expected a finite behaviour-cloning loss, got {held_out_loss} at update "
                f"{update}; lower behavior_cloning.learning_rate"
            )
        metrics.append(row)
        losses = []
        if held_out_loss < best:
            best = held_out_loss
            best_weights = {key: value.clone() for key, value in network.state_dict().items()}
    network.load_state_dict(best_weights)
    return metrics


def _loss(network: Perceptron, observations: Tensor, actions: Tensor) -> Float[Tensor, ""]:
    return (network(observations) - actions).square().sum(dim=1).mean()


def load_behavior_cloning(folder: StrPath) -> BehaviorCloningPolicy:
    """The policy in a folder that `train_behavior_cloning` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    network = read_baseline(
        folder,
        lambda config, weights: Perceptron(
            len(weights["observation_mean"]), len(weights["action_low"]), tuple(config["hidden"])
        ),
        what="a behaviour-cloning policy",
        kind="behaviour-cloning",
    )
    return BehaviorCloningPolicy(network)
