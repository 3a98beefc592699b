"""What the baselines' networks have in common: scales, perceptrons, and how a network acts.

Letters: N rows, B episodes or rows of a batch, M members, O observation and A action dimensions.
"""

import abc
import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from tto.data.environments import action_bounds, make_env


class ScaledNetwork(nn.Module):
    """A network that knows the scales of its data.

    Attributes:
        observation_mean, observation_std: mean and standard deviation `[O]` of the training data.
        action_low, action_high: bounds `[A]` of the action space.
    """

    def __init__(self, observation_dim: int, action_dim: int) -> None:
        """Begin with standardised observations and actions between -1 and 1."""
        super().__init__()
        self.observation_mean = nn.Buffer(torch.zeros(observation_dim))
        self.observation_std = nn.Buffer(torch.ones(observation_dim))
        self.action_low = nn.Buffer(-torch.ones(action_dim))
        self.action_high = nn.Buffer(torch.ones(action_dim))

    def set_scales(self, observations: Float[Tensor, "N O"], env_id: str) -> None:
        """Take the scales of the training data and of the environment's actions."""
        environment = make_env(env_id)
        low, high = action_bounds(environment)
        environment.close()
        std, mean = torch.std_mean(observations, dim=0, correction=0)
        self.observation_mean.copy_(mean)
        self.observation_std.copy_(torch.where(std > 1e-6, std, 1.0))  # constant ones become 0
        self.action_low.copy_(torch.as_tensor(low))
        self.action_high.copy_(torch.as_tensor(high))

    def standardised(self, observations: Float[Tensor, "*rows O"]) -> Float[Tensor, "*rows O"]:
        """Observations with mean 0 and standard deviation 1 in the training data."""
        return (observations - self.observation_mean) / self.observation_std

    @property
    def middle(self) -> Float[Tensor, " A"]:
        """Middle of the action space."""
        return (self.action_high + self.action_low) / 2

    @property
    def half_range(self) -> Float[Tensor, " A"]:
        """Half the width of the action space."""
        return (self.action_high - self.action_low) / 2

    def scaled(self, actions: Float[Tensor, "*rows A"]) -> Float[Tensor, "*rows A"]:
        """Actions in half ranges of the action space."""
        return (actions - self.middle) / self.half_range


class ActingNetwork(ScaledNetwork):
    """A network that chooses an action by the observation alone."""

    @abc.abstractmethod
    def action(self, observations: Float[Tensor, "B O"]) -> Float[Tensor, "B A"]:
        """An action within the action space for each row."""


class NetworkPolicy:
    """A trained network as a policy of `tto.evaluation.rollout`, without memory."""

    def __init__(self, network: ActingNetwork) -> None:
        self.network = network

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Do nothing."""

    @torch.inference_mode()
    def act(
        self,
        observations: Float[np.ndarray, "B O"],
        active: Bool[np.ndarray, " B"] | None = None,
    ) -> Float[np.ndarray, "B A"]:
        """The network's action for each row."""
        return self.network.action(as_rows(observations)).numpy()

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Do nothing."""


def as_rows(values: Float[np.ndarray, "*rows"]) -> Float[Tensor, "*rows"]:
    """Observations, actions or rewards of an environment as the networks' inputs."""
    return torch.as_tensor(np.asarray(values, dtype=np.float32))


def perceptron(
    inputs: int, hidden: Sequence[int], outputs: int, *, generator: torch.Generator | None = None
) -> nn.Sequential:
    """Linear layers with ReLU between them, in PyTorch's initial distribution.

    Args:
        inputs, hidden, outputs: numbers of units.
        generator: draws the weights; None takes PyTorch's own.
    """
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((inputs, *hidden, outputs)):
        layers += [_linear(before, after, generator), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _linear(inputs: int, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    """A layer with PyTorch's initial distribution, but drawn from `generator`."""
    device = torch.get_default_device()
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device=device)
    bound = 1 / math.sqrt(inputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer


class Perceptrons(nn.Module):
    """M perceptrons with SiLU, whose weights `[M, inputs, outputs]` are multiplied as one batch."""

    def __init__(
        self, sizes: Sequence[int], *, members: int, generator: torch.Generator | None = None
    ) -> None:
        """Draw the weights from truncated normal distributions, as PETS does.

        Args:
            sizes: numbers of inputs, of each hidden layer's units, and of outputs.
            members: number of perceptrons, M.
            generator: draws the weights.
        """
        super().__init__()
        self.members = members
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for rows, columns in itertools.pairwise(sizes):
            std = 1 / (2 * math.sqrt(rows))
            weight = torch.empty(members, rows, columns)
            nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=generator)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(members, 1, columns)))

    def outputs(self, inputs: Float[Tensor, "M B I"]) -> Float[Tensor, "M B outputs"]:
        """Each member's outputs for its own rows."""
        x = inputs
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = F.silu(torch.baddbmm(bias, x, weight))
        return torch.baddbmm(self.biases[-1], x, self.weights[-1])
