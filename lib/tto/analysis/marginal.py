"""The marginal of the training data: a prediction of states without any model (figure 2).

It is the share of the training states in each cell of each dimension, the same at all steps. A
model with a lower likelihood would predict better if it ignored how the episode began. The marginal
is scored like the models (`tto.analysis.likelihood`).
"""

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.analysis.likelihood import Cells, binned_shares, score
from tto.analysis.log_likelihoods import MARGINAL, Truth
from tto.data.episodes import EpisodeDataset

NO_SEED = 0  # seed in the rows, since nothing is trained


def training_marginal(dataset: EpisodeDataset, cells: Cells) -> Float[np.ndarray, "O V"]:
    """Share of the training states in each cell of each dimension; hidden values do not count."""
    O, V = cells.edges.shape[0], cells.edges.shape[1] - 1
    counts = np.zeros((O, V))
    for episode in dataset:
        states = episode.observations[:-1].astype(np.float64)  # the states in the training data
        numbers = cells.holding(states)
        seen = np.ones(states.shape, bool) if episode.observed is None else episode.observed[:-1]
        for i in range(O):
            counts[i] += np.bincount(numbers[seen[:, i], i], minlength=V)
    return counts / counts.sum(axis=1, keepdims=True)


def marginal_rows(
    marginal: Float[np.ndarray, "O V"], truth: Truth, *, trajectories: int
) -> pd.DataFrame:
    """Rows of the marginal, one for each held-out state, with the seed `NO_SEED`.

    Args:
        marginal: marginal of the training data.
        truth: held-out episodes.
        trajectories: number of trajectories of the models that the marginal is compared with; an
            even one is added to as many here.
    """
    parts = []
    for number in truth.episodes:
        states = truth.states(number)
        repeated = np.broadcast_to(marginal, (len(states), *marginal.shape))
        shares = binned_shares(repeated, truth.cells.edges, states, truth.cells)
        scores = score(shares, states, truth.cells, trajectories=trajectories)
        parts.append(truth.rows(MARGINAL, NO_SEED, number, scores))
    return pd.concat(parts, ignore_index=True)
