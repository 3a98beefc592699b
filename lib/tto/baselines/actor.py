"""The actor of CQL, IQL and TD3+BC.

Letters: N rows, O observation dimensions, A action dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.baselines.files import read_baseline, settings_in
from tto.baselines.networks import ActingNetwork, NetworkPolicy, perceptron
from tto.fields import UNITS, check_fields
from tto.files import StrPath

_LOG_DEVIATIONS = (-5.0, 2.0)  # bounds of an actor's log-deviation, as in the authors' codes


@dataclass(frozen=True)
class ActorConfig:
    """The actor's sizes; the settings of each training add their own.

    Attributes:
        hidden: units of each hidden layer, with ReLU.

    Raises:
        TTOError: a value is of another type or out of range.
    """

    section: ClassVar[str] = "baselines"  # of the config, for errors

    hidden: Sequence[Annotated[int, UNITS]] = (256, 256)

    def __post_init__(self) -> None:
        check_fields(self, self.section)  # all fields, those of the subclass included
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
            settings_in(config, ActorConfig).hidden,
        ),
        what="an actor",
        kind="actor",
    )
    return NetworkPolicy(actor)
