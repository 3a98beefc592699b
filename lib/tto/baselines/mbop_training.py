"""Training of MBOP's ensembles by squared errors of standardised outputs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tto.baselines.episode_split import split_episodes
from tto.baselines.files import write_baseline
from tto.baselines.fitting import fit
from tto.baselines.mbop import MBOPConfig, MBOPNetworks, MBOPPolicy
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.files import StrPath

_HELD_OUT_ROWS = 8192  # held-out transitions in a loss, to bound its time


class _Rows(NamedTuple):
    """N transitions with the action before each and the return of the H steps from it on."""

    observations: Float[Tensor, "N O"]
    following: Float[Tensor, "N O"]
    previous: Float[Tensor, "N A"]
    actions: Float[Tensor, "N A"]
    rewards: Float[Tensor, " N"]
    returns: Float[Tensor, " N"]


def train_mbop(
    dataset: EpisodeDataset, output: StrPath, *, seed: int, **settings: Any
) -> MBOPPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    Args:
        dataset: the episodes.
        output: folder of the result.
        seed: seed of the initial weights, the held-out episodes and the minibatches.
        settings: fields of `MBOPConfig`.

    Raises:
        TTOError: a bad setting, fewer than two episodes, or a loss that is not finite.
    """
    config = MBOPConfig(**settings)
    generator = torch.Generator().manual_seed(seed)

    def columns(episode: Episode) -> list[np.ndarray]:
        return _columns(episode, config.horizon)

    train, held_out = (
        _Rows(*part)
        for part in split_episodes(dataset, config.held_out_fraction, columns, generator)
    )
    networks = MBOPNetworks(
        dataset.observation_dim,
        dataset.action_dim,
        members=config.members,
        hidden=tuple(config.hidden),
        generator=generator,
    )
    _scale(networks, train, dataset.env_id)
    M, N = config.members, len(train.rewards)
    chosen = torch.randperm(len(held_out.rewards), generator=generator)[:_HELD_OUT_ROWS]
    tested = _Rows(*(part[chosen].expand(M, *part[chosen].shape) for part in held_out))

    def batch_losses() -> Float[Tensor, " M"]:
        rows = torch.randint(N, (M, config.batch_size), generator=generator)
        return _losses(networks, _Rows(*(part[rows] for part in train)))

    metrics = fit(
        networks,
        torch.optim.Adam(networks.parameters(), lr=config.learning_rate, foreach=True),
        batch_losses,
        lambda: _losses(networks, tested),
        updates=config.updates,
        evaluate_every=-(-config.updates // config.evaluations),
        dataset=dataset.name,
        section="mbop",
    )
    stored = {"method": "mbop", "env_id": dataset.env_id, "dataset": dataset.name, "seed": seed}
    write_baseline(Path(output), networks, config=stored | asdict(config), metrics=metrics)
    return MBOPPolicy(networks, config, seed=seed)


def _columns(episode: Episode, horizon: int) -> list[np.ndarray]:
    """The arrays of `_Rows`; the action before the first is 0, and returns end with the episode."""
    previous = np.concatenate([np.zeros_like(episode.actions[:1]), episode.actions[:-1]])
    sums = np.append(0.0, np.cumsum(episode.rewards, dtype=np.float64))
    ends = np.minimum(np.arange(len(episode)) + horizon, len(episode))
    returns = (sums[ends] - sums[:-1]).astype(np.float32)
    observations = episode.observations
    rewards = episode.rewards.astype(np.float32)
    return [observations[:-1], observations[1:], previous, episode.actions, rewards, returns]


def _scale(networks: MBOPNetworks, rows: _Rows, env_id: str) -> None:
    """Set the scales of inputs and outputs."""
    networks.set_scales(rows.observations, env_id)
    change = (rows.following - rows.observations).square().mean(dim=0).sqrt()
    networks.change_std.copy_(torch.where(change > 1e-6, change, 1.0))
    for name, values in (("reward", rows.rewards), ("value", rows.returns)):
        deviation, mean = torch.std_mean(values, correction=0)
        getattr(networks, f"{name}_mean").copy_(mean)
        getattr(networks, f"{name}_std").copy_(torch.where(deviation > 1e-6, deviation, 1.0))


def _losses(networks: MBOPNetworks, rows: _Rows) -> Float[Tensor, " M"]:
    """Each member's mean squared error of change, reward, action and return."""
    after = networks.inputs(rows.observations, rows.actions)
    change = (rows.following - rows.observations) / networks.change_std
    reward = (rows.rewards - networks.reward_mean) / networks.reward_std
    predicted = networks.dynamics.outputs(after)
    before = networks.inputs(rows.observations, rows.previous)
    value = (rows.returns - networks.value_mean) / networks.value_std
    errors = (
        predicted - torch.cat([change, reward[..., None]], dim=-1),
        networks.policy.outputs(before) - networks.scaled(rows.actions),
        networks.value.outputs(before) - value[..., None],
    )
    return torch.stack([error.square().mean(dim=(1, 2)) for error in errors]).sum(dim=0)
