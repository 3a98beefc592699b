"""Likelihood and coverage of the true states under predicted marginals (section 4.1).

All models are scored by the share of their probability that is in the cell of the true value. The
cells of a dimension are V equal intervals of its range, whatever bins a model has. The density in a
cell is its share divided by its width. The same rules hold for all models:

- A marginal is a mixture of N conditional distributions, one for each sampled trajectory. These
  are either bins, with even probability in each bin, or Gaussians.
- Predictions and true values beyond the range count into the outermost cells, as they do with
  bins. So a model's shares of all cells sum to 1.
- One more trajectory, which spreads its probability evenly over the range, is added to the N. N
  trajectories cannot distinguish a probability far below 1 / N from 0. Without the addition, a
  single value that all Gaussians miss would dominate every mean.

A share is at most 1, so the log-likelihood of a state is at most that of the oracle, sum_i log(1 /
width of dimension i's cells), as in appendix B.

Letters: N trajectories, T steps, O observation dimensions, V bins.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import ndtr

from tto.errors import TTOError
from tto.tokens.discretizer import Discretizer

LEVEL = 0.9  # probability of the central interval whose coverage is measured


@dataclass(frozen=True)
class Cells:
    """V equal intervals of each dimension of a state.

    Attributes:
        edges: ends of the intervals, of shape (O, V + 1).
    """

    edges: Float[np.ndarray, "O edges"]

    @property
    def widths(self) -> Float[np.ndarray, " O"]:
        """Width of a cell of each dimension."""
        return (self.edges[:, -1] - self.edges[:, 0]) / (self.edges.shape[1] - 1)

    @property
    def oracle(self) -> float:
        """Log-likelihood in nats if all probability is in the true cells (appendix B)."""
        return float(-np.log(self.widths).sum())

    def holding(self, states: Float[np.ndarray, "T O"]) -> Integer[np.ndarray, "T O"]:
        """Number of the cell that each value counts into."""
        numbers = np.floor((states - self.edges[:, 0]) / self.widths)
        return np.clip(numbers, 0, self.edges.shape[1] - 2).astype(np.int64)

    def ends(
        self, states: Float[np.ndarray, "T O"]
    ) -> tuple[Float[np.ndarray, "T O"], Float[np.ndarray, "T O"]]:
        """Lower and upper edge of the cell that each value falls into."""
        numbers, columns = self.holding(states), np.arange(len(self.edges))
        return self.edges[columns, numbers], self.edges[columns, numbers + 1]


def cells_of(discretizer: Discretizer, observation_dim: int) -> Cells:
    """Equal cells over the range of a discretiser, as many as it has bins."""
    edges = discretizer.edges[:observation_dim]
    return Cells(np.linspace(edges[:, 0], edges[:, -1], edges.shape[1], axis=1))


@dataclass(frozen=True)
class Shares:
    """Shares of a marginal's probability for each true value.

    Attributes:
        inside: share in the cell of the true value.
        below: share below that cell.
    """

    inside: Float[np.ndarray, "T O"]
    below: Float[np.ndarray, "T O"]


def binned_shares(
    marginals: Float[np.ndarray, "T O V"],
    bins: Float[np.ndarray, "O edges"],
    states: Float[np.ndarray, "T O"],
    cells: Cells,
) -> Shares:
    """Shares of marginals over a model's bins, with even probability in each bin.

    Args:
        marginals: probability of each bin.
        bins: ends of the model's bins, which have the same range as the cells.
        states: true values.
        cells: cells of the values.
    """
    below_bins = np.concatenate([np.zeros_like(marginals[..., :1]), marginals.cumsum(axis=-1)], -1)

    def up_to(ends: Float[np.ndarray, "T O"]) -> Float[np.ndarray, "T O"]:
        shares = np.empty_like(ends)
        for t, i in np.ndindex(*ends.shape):
            shares[t, i] = np.interp(ends[t, i], bins[i], below_bins[t, i])
        return shares

    low, high = cells.ends(states)
    below = up_to(low)
    return Shares(up_to(high) - below, below)


def gaussian_shares(
    means: Float[np.ndarray, "T N O"],
    log_variances: Float[np.ndarray, "T N O"],
    states: Float[np.ndarray, "T O"],
    cells: Cells,
) -> Shares:
    """Shares of mixtures of N equally probable Gaussians."""
    deviations = np.exp(0.5 * log_variances.astype(np.float64))

    def up_to(ends: Float[np.ndarray, "T O"]) -> Float[np.ndarray, "T O"]:
        return ndtr((ends[:, None] - means) / deviations).mean(axis=1)

    low, high = cells.ends(states)
    numbers = cells.holding(states)
    below = np.where(numbers == 0, 0.0, up_to(low))
    through = np.where(numbers == cells.edges.shape[1] - 2, 1.0, up_to(high))
    return Shares(through - below, below)


@dataclass(frozen=True)
class Scores:
    """Scores of the true states of one episode under a model's marginals.

    Attributes:
        log_likelihood: log-likelihood of each state in nats, summed over dimensions.
        covered: share of the dimensions whose value is in the predicted central 90 % interval.
        out_of_range: share of the dimensions whose value is outside all cells.
    """

    log_likelihood: Float[np.ndarray, " T"]
    covered: Float[np.ndarray, " T"]
    out_of_range: Float[np.ndarray, " T"]


def score(
    shares: Shares, states: Float[np.ndarray, "T O"], cells: Cells, *, trajectories: int
) -> Scores:
    """Score the true states by their likelihood and coverage.

    Args:
        shares: shares of the model's marginals.
        states: true values.
        cells: cells of the values.
        trajectories: number N of trajectories in a marginal, to which an even one is added.

    Raises:
        TTOError: a share is not a probability.
    """
    inside = shares.inside
    if not ((inside > -1e-6) & (inside < 1 + 1e-6)).all():
        raise TTOError(
            "likelihood: expected shares of probability within [0, 1], got others; check whether "
            "the model's predictions overflow"
        )
    inside = inside.clip(0.0, 1.0)
    even = 1 / (cells.edges.shape[1] - 1)
    mixed = (trajectories * inside + even) / (trajectories + 1)
    low, high = cells.ends(states)
    within = ((states - low) / (high - low)).clip(0.0, 1.0)
    rank = shares.below + inside * within  # predicted probability below the true value
    outside = (states < cells.edges[:, 0]) | (states > cells.edges[:, -1])
    return Scores(
        log_likelihood=np.log(mixed / cells.widths).sum(axis=1),
        covered=(np.abs(rank - 0.5) <= LEVEL / 2).mean(axis=1),
        out_of_range=outside.mean(axis=1),
    )
