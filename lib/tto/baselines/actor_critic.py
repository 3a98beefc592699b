"""Actor and critics that learn from batches of transitions: what CQL, IQL, TD3+BC and MOPO share.

The losses are TorchRL's; the networks, the data and the updates are here.

Letters: N transitions, O observation dimensions, A action dimensions.
"""

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.baselines.actor import Actor, ActorConfig
from tto.baselines.networks import ScaledNetwork, perceptron
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
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


class ActorCriticTraining:
    """Networks, optimiser and metrics after some number of updates (`Resumable`).

    An update's batch and noise depend only on the seed and the update's number.
    """

    def __init__(
        self,
        data: Mapping[str, Tensor],
        method: str,
        config: ActorCriticConfig,
        *,
        env_id: str,
        seed: int,
        row_every: int,
        device: torch.device,
    ) -> None:
        """Draw the initial networks.

        Args:
            data: transitions as `transitions_of` returns them.
            method: name of the method, as the config has it.
            config: settings of the method.
            env_id: id of the environment, which knows the action space.
            seed: seed of the weights, the batches and the noise.
            row_every: updates between rows of metrics.
            device: device of networks and data.
        """
        from torchrl.objectives import SoftUpdate

        torch.manual_seed(seed)
        self.method, self.config, self.seed, self.row_every = method, config, seed, row_every
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
        self.update, self.updates, self.seconds = 0, config.updates, 0.0
        self.sums: dict[str, list[float]] = {}  # of each loss since the last row, and its count
        self.metrics: list[dict[str, float | int]] = []

    def make_loss(self, critic: Critic) -> Any:
        """TorchRL's loss for `self.actor` and a critic."""
        raise NotImplementedError  # each method has its own

    def state_dict(self) -> dict[str, Any]:
        """All that determines how the training goes on."""
        return {
            "update": self.update,
            "seconds": self.seconds,
            "sums": self.sums,
            "metrics": self.metrics,
            "loss": dict(self.loss.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.update, self.seconds = state["update"], state["seconds"]
        self.sums, self.metrics = dict(state["sums"]), list(state["metrics"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self) -> dict[str, float | int] | None:
        """Make one update; return a row of metrics when one is due, else None.

        Raises:
            TTOError: a loss is not finite.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([self.seed, self.update])
        torch.manual_seed(int(rng.integers(2**62)))
        self.record(self.learn(rng))
        self.update += 1
        self.seconds += time.perf_counter() - started
        due = self.update % self.row_every == 0 or self.update == self.updates
        return self._row() if due else None

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

    def record(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses to the row of metrics under way.

        Raises:
            TTOError: a loss is not finite.
        """
        for name, loss in losses.items():
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TTOError(
                    f"{self.method}: expected a finite {name}, got {value} at update "
                    f"{self.update}; lower {self.method}.learning_rate"
                )
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = [total + value, count + 1]

    def _row(self) -> dict[str, float | int]:
        """Add a row of metrics, with the mean losses since the last one, and return it."""
        row: dict[str, float | int] = {"update": self.update, "seconds": round(self.seconds, 3)}
        row |= {name: total / count for name, (total, count) in sorted(self.sums.items())}
        self.metrics.append(row)
        self.sums = {}
        return row


def transitions_of(dataset: EpisodeDataset) -> dict[str, Tensor]:
    """All transitions, as recorded: observation, action, next_observation, reward, terminated."""
    columns: dict[str, list[np.ndarray]] = {}
    for episode in dataset:
        terminated = np.zeros(len(episode), dtype=bool)
        terminated[-1] = episode.terminated
        parts = {
            "observation": episode.observations[:-1],
            "action": episode.actions,
            "next_observation": episode.observations[1:],
            "reward": episode.rewards.astype(np.float32),
            "terminated": terminated,
        }
        for name, part in parts.items():
            columns.setdefault(name, []).append(part)
    return {name: torch.from_numpy(np.concatenate(parts)) for name, parts in columns.items()}


def digest_of(data: Mapping[str, Tensor]) -> str:
    """SHA-256 of the transitions."""
    digest = hashlib.sha256()
    for values in data.values():
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


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
