"""Actor and critics that learn from batches of transitions: what CQL, IQL, TD3+BC and MOPO share.

The losses are TorchRL's; the networks, the data and the updates are here.

Letters: N transitions, O observation dimensions, A action dimensions.
"""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.baselines.actor import Actor, ActorConfig
from tto.baselines.episode_split import join_episodes
from tto.baselines.fitting import BaselineTraining
from tto.baselines.networks import ScaledNetwork, perceptron
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.fields import COUNT, POSITIVE, Between

# TorchRL takes seconds to import, so it is imported where a training begins: policies are loaded
# and played without it.

_LARGEST = 0.999  # size of an action, in half ranges, whose probability tanh can still express


@dataclass(frozen=True)
class ActorCriticConfig(ActorConfig):
    """Settings that the methods share.

    Attributes:
        updates: number of updates.
        batch_size: transitions in a batch.
        learning_rate: learning rate of Adam for all networks.
        discount: discount of the rewards.
        target_rate: share of the target critics that an update replaces.
        reward_scale: factor of the rewards.
    """

    updates: Annotated[int, COUNT] = 1_000_000
    batch_size: Annotated[int, COUNT] = 256
    learning_rate: Annotated[float, POSITIVE] = 3e-4
    discount: Annotated[float, Between(0, 1)] = 0.99
    target_rate: Annotated[float, Between(0, 1, open_low=True)] = 0.005
    reward_scale: float = 1.0


class Critic(nn.Module):
    """A perceptron from a standardised observation and an action to a value."""

    def __init__(self, observation_dim: int, action_dim: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = perceptron(observation_dim + action_dim, hidden, 1)

    def forward(
        self, observations: Float[Tensor, "*N O"], actions: Float[Tensor, "*N A"]
    ) -> Float[Tensor, "*N 1"]:
        return self.layers(torch.cat([observations, actions], dim=-1))


class ActorCriticTraining(BaselineTraining):
    """Networks and optimiser of a method whose loss is TorchRL's."""

    def __init__(
        self,
        data: Mapping[str, Tensor],
        config: ActorCriticConfig,
        *,
        env_id: str,
        seed: int,
        row_every: int,
        device: torch.device,
    ) -> None:
        from torchrl.objectives import SoftUpdate

        super().__init__(data, config, env_id=env_id, seed=seed, row_every=row_every, device=device)
        O, A = data["observation"].shape[1], data["action"].shape[1]
        self.actor = Actor(O, A, config.hidden)
        self.actor.set_scales(data["observation"], env_id)
        self.data = _as_learned(data, self.actor, config.reward_scale, device)
        self.actor.to(device)
        self.loss = self.make_loss(Critic(O, A, config.hidden).to(device))
        self.loss.make_value_estimator(gamma=config.discount)
        self.targets = SoftUpdate(self.loss, tau=config.target_rate)
        self.optimizer = torch.optim.Adam(
            [p for p in self.loss.parameters() if p.requires_grad], lr=config.learning_rate
        )

    @property
    def network(self) -> Actor:
        """The actor."""
        return self.actor

    def parts(self) -> dict[str, Any]:
        """The loss, which holds all networks, and the optimiser."""
        return {"loss": self.loss, "optimizer": self.optimizer}

    @abc.abstractmethod
    def make_loss(self, critic: Critic) -> Any:
        """TorchRL's loss for `self.actor` and a critic."""

    def learn(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Change the networks once; return the losses whose sum was minimised."""
        losses = self.losses(self.batch(rng))
        self.optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        self.targets.step()
        return losses

    def losses(self, batch: Any) -> dict[str, Tensor]:
        """The losses whose sum is minimised, by name."""
        found = self.loss(batch)
        names = [name for name in map(str, found.keys()) if name.startswith("loss_")]
        return {name.removeprefix("loss_"): found[name] for name in names}

    def batch(self, rng: np.random.Generator) -> Any:
        """A drawn batch of transitions, as TorchRL's losses take it."""
        rows = rng.integers(len(self.data["reward"]), size=self.config.batch_size)
        return as_batch(rows_of(self.data, rows))


def transitions_of(dataset: EpisodeDataset) -> dict[str, Tensor]:
    """All transitions, as recorded: observation, action, next_observation, reward, terminated."""

    def columns(episode: Episode) -> dict[str, np.ndarray]:
        terminated = np.zeros(len(episode), dtype=bool)
        terminated[-1] = episode.terminated
        return {
            "observation": episode.observations[:-1],
            "action": episode.actions,
            "next_observation": episode.observations[1:],
            "reward": episode.rewards.astype(np.float32),
            "terminated": terminated,
        }

    return join_episodes(dataset, columns)


def rows_of(data: Mapping[str, Tensor], rows: np.ndarray) -> dict[str, Tensor]:
    """Some of the transitions."""
    index = torch.from_numpy(rows).to(data["reward"].device)
    return {name: values[index] for name, values in data.items()}


def as_batch(chosen: Mapping[str, Tensor]) -> Any:
    """Transitions as TorchRL's losses take them."""
    from tensordict import TensorDict

    terminated = chosen["terminated"][:, None]
    return TensorDict(
        {
            "observation": chosen["observation"],
            "action": chosen["action"],
            ("next", "observation"): chosen["next_observation"],
            ("next", "reward"): chosen["reward"][:, None],
            ("next", "terminated"): terminated,
            ("next", "done"): terminated,
        },
        batch_size=[len(terminated)],
    )


def _as_learned(
    data: Mapping[str, Tensor], scales: ScaledNetwork, reward_scale: float, device: torch.device
) -> dict[str, Tensor]:
    """Standardised observations, scaled rewards, and actions in half ranges of their space."""
    learned = {
        **data,
        "observation": scales.standardised(data["observation"]),
        "next_observation": scales.standardised(data["next_observation"]),
        "action": scales.scaled(data["action"]).clamp(-_LARGEST, _LARGEST),
        "reward": data["reward"] * reward_scale,
    }
    return {name: values.to(device) for name, values in learned.items()}


def stochastic(actor: Actor) -> Any:
    """The actor as TorchRL's, with actions between -1 and 1."""
    from tensordict.nn import TensorDictModule
    from torchrl.modules import ProbabilisticActor, TanhNormal

    return ProbabilisticActor(
        TensorDictModule(actor, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        spec=action_spec(actor),
        distribution_class=TanhNormal,
        distribution_kwargs={"tanh_loc": False},
        return_log_prob=True,
    )


def action_spec(actor: Actor) -> Any:
    """The space of scaled actions, as TorchRL's."""
    from torchrl.data import Bounded

    return Bounded(-1.0, 1.0, shape=actor.action_low.shape, device=actor.action_low.device)


def state_action_value(critic: Critic) -> Any:
    """The critic as TorchRL's."""
    from torchrl.modules import ValueOperator

    return ValueOperator(critic, in_keys=["observation", "action"])
