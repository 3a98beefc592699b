"""The actor of CQL, IQL and TD3+BC, and their settings.

Letters: N rows, O observation dimensions, A action dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.baselines.files import read_baseline, settings_in
from tto.baselines.networks import ActingNetwork, NetworkPolicy, perceptron
from tto.fields import COUNT, POSITIVE, SHARE, UNITS, Between, check_fields
from tto.files import StrPath

_LOG_DEVIATIONS = (-5.0, 2.0)  # bounds of an actor's log-deviation, as in the authors' codes


@dataclass(frozen=True)
class OfflineRLConfig:
    """How actor and critics are built and trained.

    Attributes:
        hidden: units of each hidden layer, with ReLU.
        updates: number of updates.
        batch_size: transitions in a batch.
        learning_rate: learning rate of Adam for actor, critics and value.
        discount: discount of the rewards.
        target_rate: share of the target critics that an update replaces.
        reward_scale: factor of the rewards.
        expectile: expectile of the value function (IQL).
        inverse_temperature: weight of the advantage in the actor's loss (IQL).
        value_weight: weight of the critic beside cloning, alpha (TD3+BC).
        conservatism: weight of the penalty for values of unseen actions, alpha (CQL).
        sampled_actions: actions that the penalty compares with the data's (CQL).
        cloning_updates: first updates, in which the actor clones the data (CQL).
    """

    hidden: Sequence[Annotated[int, UNITS]] = (256, 256)
    updates: Annotated[int, COUNT] = 1_000_000
    batch_size: Annotated[int, COUNT] = 256
    learning_rate: Annotated[float, POSITIVE] = 3e-4
    discount: Annotated[float, Between(0, 1)] = 0.99
    target_rate: Annotated[float, Between(0, 1, open_low=True)] = 0.005
    reward_scale: float = 1.0
    expectile: Annotated[float, SHARE] = 0.7
    inverse_temperature: Annotated[float, Between(0)] = 3.0
    value_weight: Annotated[float, Between(0)] = 2.5
    conservatism: Annotated[float, Between(0)] = 5.0
    sampled_actions: Annotated[int, COUNT] = 10
    cloning_updates: Annotated[int, Between(0)] = 0

    def __post_init__(self) -> None:
        check_fields(self, "baselines")
        object.__setattr__(self, "hidden", tuple(self.hidden))


class Actor(ActingNetwork):
    """A perceptron from observations to actions; the deviation does not depend on the state.

    Attributes:
        log_deviation: log-deviation `[A]` of a drawn action before tanh.
    """

    def __init__(self, observation_dim: int, action_dim: int, hidden: Sequence[int]) -> None:
        super().__init__(observation_dim, action_dim)
        self.layers = perceptron(observation_dim, hidden, action_dim)
        self.log_deviation = nn.Parameter(torch.zeros(action_dim))

    def forward(
        self, observations: Float[Tensor, "*N O"]
    ) -> tuple[Float[Tensor, "*N A"], Float[Tensor, "*N A"]]:
        """Mean before tanh and deviation, for standardised observations."""
        mean = self.layers(observations)
        return mean, self.log_deviation.clamp(*_LOG_DEVIATIONS).exp().expand_as(mean)

    def action(self, observations: Float[Tensor, "N O"]) -> Float[Tensor, "N A"]:
        """The mean action."""
        mean, _ = self(self.standardised(observations))
        return self.middle + self.half_range * mean.tanh()


def load_actor_policy(folder: StrPath) -> NetworkPolicy:
    """Load the policy in a folder that `train_offline_rl` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    actor = read_baseline(
        folder,
        lambda config, weights: Actor(
            len(weights["observation_mean"]),
            len(weights["action_low"]),
            settings_in(config, OfflineRLConfig).hidden,
        ),
        what="an actor",
        kind="actor",
    )
    return NetworkPolicy(actor)
