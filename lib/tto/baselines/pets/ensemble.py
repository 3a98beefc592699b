"""A probabilistic ensemble (PETS): each of M networks predicts the next state as a Gaussian.

This is the single-step model in figure 2. Networks, bounds and loss are those of Chua et al. (2018,
arXiv:1805.12114), with three differences:

- Changes of state are in standard deviations of the observation instead of its units.
- Each member has its own bounds, so that members share no weights.
- A hidden dimension (`tto.data.masking`) is replaced by 0, the mean, and further inputs say which
  dimensions are hidden.

All members are computed at once. Rewards and ends of episodes are not modelled. Training is in
`ensemble_training`, trajectories of several steps in `propagation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from tto.baselines.files import read_baseline, settings_in
from tto.baselines.networks import Perceptrons
from tto.errors import TTOError
from tto.fields import COUNT, POSITIVE, SHARE, UNITS, Between, check_fields
from tto.files import StrPath

LOG_VARIANCE_BOUNDS = (-10.0, 0.5)  # initial values; the bounds are learned
BOUND_WEIGHT = 0.01  # weight of the bounds' distance in the objective


@dataclass(frozen=True)
class EnsembleConfig:
    """How the ensemble is built and trained.

    Attributes:
        members: number of networks.
        hidden: units of each hidden layer of a network.
        updates: largest number of minibatch updates; the learning rate falls to 0 over them as a
            cosine.
        batch_size: transitions in the minibatch of each member.
        learning_rate: initial learning rate of Adam.
        held_out_fraction: fraction of the episodes that is held out; the weights that predict them
            best are kept.
        evaluate_every: updates between held-out losses.
        patience: number of evaluations in a row without an improvement of any member after which
            training ends.
    """

    members: Annotated[int, Between(1, 1000)] = 5
    hidden: Sequence[Annotated[int, UNITS]] = (200, 200, 200, 200)
    updates: Annotated[int, COUNT] = 20_000
    batch_size: Annotated[int, COUNT] = 256
    learning_rate: Annotated[float, POSITIVE] = 1e-3
    held_out_fraction: Annotated[float, SHARE] = 0.2
    evaluate_every: Annotated[int, COUNT] = 250
    patience: Annotated[int, COUNT] = 20

    def __post_init__(self) -> None:
        check_fields(self, "ensemble")
        object.__setattr__(self, "hidden", tuple(self.hidden))


class Gaussian(NamedTuple):
    """Independent normal distributions, one for each member, row and dimension."""

    mean: Float[Tensor, "M B O"]
    log_variance: Float[Tensor, "M B O"]


class Ensemble(Perceptrons):
    """M perceptrons that predict the change of the state.

    Attributes:
        masked: whether further inputs say which dimensions of the observation are visible.
        observation_mean, observation_std: mean and standard deviation `[O]` of the visible
            observations in the training data.
        action_mean, action_std: mean and standard deviation `[A]` of the actions in it.
    """

    def __init__(
        self,
        observation_dim: int,
        action_dim: int,
        *,
        members: int,
        hidden: Sequence[int],
        masked: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        inputs = observation_dim * (1 + masked) + action_dim
        sizes = (inputs, *hidden, 2 * observation_dim)
        super().__init__(sizes, members=members, generator=generator)
        self.masked = masked
        self.observation_mean = nn.Buffer(torch.zeros(observation_dim))
        self.observation_std = nn.Buffer(torch.ones(observation_dim))
        self.action_mean = nn.Buffer(torch.zeros(action_dim))
        self.action_std = nn.Buffer(torch.ones(action_dim))
        low, high = (torch.full((members, 1, observation_dim), x) for x in LOG_VARIANCE_BOUNDS)
        self.lowest_log_variance, self.highest_log_variance = nn.Parameter(low), nn.Parameter(high)

    def inputs(
        self,
        observations: Float[Tensor, "*rows O"],
        actions: Float[Tensor, "*rows A"],
        observed: Bool[Tensor, "*rows O"] | None = None,
    ) -> Float[Tensor, "*rows I"]:
        """Inputs of the networks: standardised observation and action and, if `masked`, the mask.

        Args:
            observed: False where an observation is hidden; None if nothing is hidden.

        Raises:
            TTOError: a mask is given to networks that were trained without one.
        """
        parts = [self.shown(observations, observed), (actions - self.action_mean) / self.action_std]
        if self.masked:
            parts.append(torch.ones_like(parts[0]) if observed is None else observed.float())
        elif observed is not None:
            raise TTOError(
                "ensemble: expected whole observations, as in its training, got masked ones; train "
                "it on a dataset with a mask"
            )
        return torch.cat(parts, dim=-1)

    def shown(
        self,
        observations: Float[Tensor, "*rows O"],
        observed: Bool[Tensor, "*rows O"] | None = None,
    ) -> Float[Tensor, "*rows O"]:
        """Standardised observations, 0 where hidden; the networks predict changes from these."""
        standardised = (observations - self.observation_mean) / self.observation_std
        return standardised if observed is None else standardised * observed

    def forward(self, inputs: Float[Tensor, "M B I"]) -> Gaussian:
        """The change from `shown` to the standardised next state."""
        mean, raw = self.outputs(inputs).chunk(2, dim=-1)
        below = self.highest_log_variance - F.softplus(self.highest_log_variance - raw)
        above = self.lowest_log_variance + F.softplus(below - self.lowest_log_variance)
        return Gaussian(mean, above)

    def predict(
        self,
        observations: Float[Tensor, "M B O"],
        actions: Float[Tensor, "M B A"],
        observed: Bool[Tensor, "M B O"] | None = None,
    ) -> Gaussian:
        """The next state in the observation's own units; member m predicts for row m only."""
        change = self(self.inputs(observations, actions, observed))
        mean = self.shown(observations, observed) + change.mean
        return Gaussian(
            self.observation_mean + self.observation_std * mean,
            change.log_variance + 2 * self.observation_std.log(),
        )


def gaussian_loss(
    prediction: Gaussian,
    targets: Float[Tensor, "M B O"],
    counted: Bool[Tensor, "M B O"] | None = None,
) -> Float[Tensor, " M"]:
    """Each member's mean of (y - mean)^2 exp(-log variance) + log variance.

    This is twice the negative log-likelihood of a dimension, less log 2 pi.

    Args:
        counted: True for targets that the mean is over; None for the mean over all targets.
    """
    mean, log_variance = prediction
    losses = (targets - mean).square() * torch.exp(-log_variance) + log_variance
    if counted is None:
        return losses.mean(dim=(1, 2))
    return (losses * counted).sum(dim=(1, 2)) / counted.sum(dim=(1, 2)).clamp(min=1)


def bound_penalty(network: Ensemble) -> Float[Tensor, " M"]:
    """The penalty of each member for the distance between its bounds on log-variances."""
    distance = network.highest_log_variance - network.lowest_log_variance
    return BOUND_WEIGHT * distance.sum(dim=(1, 2))


def load_ensemble(folder: StrPath, *, device: str = "cpu") -> Ensemble:
    """Load the ensemble in a folder that `train_ensemble` wrote.

    Raises:
        TTOError: files are missing, damaged, of another format version, or do not fit together.
    """

    def build(config: dict[str, Any], weights: dict[str, Tensor]) -> Ensemble:
        settings = settings_in(config, EnsembleConfig)
        return Ensemble(
            len(weights["observation_mean"]),
            len(weights["action_mean"]),
            members=settings.members,
            hidden=settings.hidden,
            masked=bool(config["masked"]),
            generator=torch.Generator(),  # leaves the global one alone
        )

    return read_baseline(folder, build, what="an ensemble", kind="ensemble").to(device)
