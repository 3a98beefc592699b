"""What a predicted marginal is worth: likelihood and coverage of the true states (section 4.1).

All models answer one question: what share of their probability lies in the cell of the true value?
The cells of a dimension are V equal intervals of its range, whatever bins a model has; the density
there is that share over the cell's width. The same rules hold for all:

- A marginal is a mixture of N conditional distributions, one for each sampled trajectory: of bins,
  over each of which probability is even, or of Gaussians.
- What lies beyond the range counts into the outermost cells, of predictions and of true values (as
  the bins do it), so that a model's shares of the cells sum to 1.
- One trajectory more, which spreads its probability evenly over the range, joins the N. N of them
  cannot tell a probability far below 1 / N from nothing; without it a single value that all
  Gaussians miss would decide on the mean of everything.

A share is at most 1, so the log-likelihood of a state is at most the oracle's, sum_i log(1 / width
of dimension i's cells), which is that of appendix B.

Letters: N trajectories, T steps, O observation dimensions, V bins.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import ndtr

from tto.errors import TTOError
from tto.tokens.discretizer import Discretizer

LEVEL = 0.9  # of the central interval whose coverage is counted


@dataclass(frozen=True)
class Cells:
    """V equal intervals of each dimension of a state, of shape (O, V + 1) with their ends."""

    edges: Float[np.ndarray, "O edges"]

    @property
    def widths(self) -> Float[np.ndarray, " O"]:
        """Of a cell of each dimension."""
        return (self.edges[:, -1] - self.edges[:, 0]) / (self.edges.shape[1] - 1)

    @property
    def oracle(self) -> float:
        """The log-likelihood of all probability in the true cells (appendix B), in nats."""
        return float(-np.log(self.widths).sum())

    def holding(self, states: Float[np.ndarray, "T O"]) -> Integer[np.ndarray, "T O"]:
        """Number of the cell that each value counts into."""
        numbers = np.floor((states - self.edges[:, 0]) / self.widths)
        return np.clip(numbers, 0, self.edges.shape[1] - 2).astype(np.int64)

    def ends(
        self, states: Float[np.ndarray, "T O"]
    ) -> tuple[Float[np.ndarray, "T O"], Float[np.ndarray, "T O"]]:
        """Lower and upper end of the cell of each value."""
        numbers, columns = self.holding(states), np.arange(len(self.edges))
        return self.edges[columns, numbers], self.edges[columns, numbers + 1]


def cells_of(discretizer: Discretizer, observation_dim: int) -> Cells:
    """As many equal cells over the same range as the discretiser has bins."""
    edges = discretizer.edges[:observation_dim]
    return Cells(np.linspace(edges[:, 0], edges[:, -1], edges.shape[1], axis=1))


@dataclass(frozen=True)
class Shares:
    """Of a model's marginals: the share of the probability in and below each true value's cell."""

    inside: Float[np.ndarray, "T O"]
    below: Float[np.ndarray, "T O"]


def binned_shares(
    marginals: Float[np.ndarray, "T O V"],
    bins: Float[np.ndarray, "O edges"],
    states: Float[np.ndarray, "T O"],
    cells: Cells,
) -> Shares:
    """Of marginals over a model's bins, each of which spreads its probability evenly.

    Args:
        bins: the ends of the model's bins, over the same range as the cells.
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
    """Of mixtures of N equally probable Gaussians."""
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
    """Of one episode's true states under a model's marginals.

    Attributes:
        log_likelihood: of the T states, summed over dimensions, in nats.
        covered: share of the dimensions whose value lies in the predicted central 90 % interval.
        out_of_range: share of the dimensions whose value lies outside all cells.
    """

    log_likelihood: Float[np.ndarray, " T"]
    covered: Float[np.ndarray, " T"]
    out_of_range: Float[np.ndarray, " T"]


def score(
    shares: Shares, states: Float[np.ndarray, "T O"], cells: Cells, *, trajectories: int
) -> Scores:
    """Likelihood of the true states, and whether they lie where they were expected.

    Args:
        trajectories: N, of which the marginals are a mean; an even one joins them.

    Raises:
        TTOError: shares that are no probabilities.
    """
    inside = shares.inside
    if not ((inside > -1e-6) & (inside < 1 + 1e-6)).all():
        raise TTOError(
            "likelihood: expected shares of probability within [0, 1], got others: did the model's "
            "predictions overflow?"
        )
    inside = inside.clip(0.0, 1.0)
    even = 1 / (cells.edges.shape[1] - 1)
    mixed = (trajectories * inside + even) / (trajectories + 1)
    low, high = cells.ends(states)
    within = ((states - low) / (high - low)).clip(0.0, 1.0)
    rank = shares.below + inside * within  # of the value among the predicted ones
    outside = (states < cells.edges[:, 0]) | (states > cells.edges[:, -1])
    return Scores(
        log_likelihood=np.log(mixed / cells.widths).sum(axis=1),
        covered=(np.abs(rank - 0.5) <= LEVEL / 2).mean(axis=1),
        out_of_range=outside.mean(axis=1),
    )
