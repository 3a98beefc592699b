"""Actors of CQL, IQL and TD3+BC, and the policies that they are.

Letters: N rows, B episodes, O observation dimensions, A action dimensions.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from tto.baselines.files import read_baseline
from tto.files import StrPath

_LOG_DEVIATIONS = (-5.0, 2.0)  # bounds of an actor's log-deviation, as in the authors' codes


class Actor(nn.Module):
    """A perceptron from observations to actions; the deviation does not depend on the state.

    Attributes:
        observation_mean, observation_std: mean and standard deviation `[O]` of the training data.
        action_low, action_high: bounds `[A]` of the action space.
        log_deviation: log-deviation `[A]` of a drawn action before tanh.
    """

    def __init__(self, observation_dim: int, action_dim: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.observation_mean = nn.Buffer(torch.zeros(observation_dim))
        self.observation_std = nn.Buffer(torch.ones(observation_dim))
        self.action_low = nn.Buffer(-torch.ones(action_dim))
        self.action_high = nn.Buffer(torch.ones(action_dim))
        self.layers = perceptron(observation_dim, hidden, action_dim)
        self.log_deviation = nn.Parameter(torch.zeros(action_dim))

    def forward(
        self, observations: Float[Tensor, "*N O"]
    ) -> tuple[Float[Tensor, "*N A"], Float[Tensor, "*N A"]]:
        """Mean before tanh and deviation, for standardised observations."""
        mean = self.layers(observations)
        return mean, self.log_deviation.clamp(*_LOG_DEVIATIONS).exp().expand_as(mean)


class ActorPolicy:
    """A trained actor as a policy of `tto.evaluation.rollout`; it takes its mean action."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Do nothing: the policy has no memory."""

    @torch.inference_mode()
    def act(
        self,
        observations: Float[np.ndarray, "B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "B A"]:
        """The mean action of each row."""
        actor = self.actor
        inputs = torch.as_tensor(np.asarray(observations, dtype=np.float32))
        mean, _ = actor((inputs - actor.observation_mean) / actor.observation_std)
        middle, half = action_range(actor.action_low, actor.action_high)
        return (middle + half * mean.tanh()).numpy()

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Do nothing: the policy has no memory."""


def load_actor_policy(folder: StrPath) -> ActorPolicy:
    """Load the policy in a folder that `train_offline_rl` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """
    actor = read_baseline(
        folder,
        lambda config, weights: Actor(
            len(weights["observation_mean"]), len(weights["action_low"]), tuple(config["hidden"])
        ),
        what="an actor",
        kind="actor",
    )
    return ActorPolicy(actor)


def perceptron(inputs: int, hidden: Sequence[int], outputs: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    sizes = (inputs, *hidden, outputs)
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def action_range(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Middle and half width of the action space."""
    return (high + low) / 2, (high - low) / 2
