"""Loss on held-out episodes for each dimension and place, which shows what is hard to predict.

The place of a transition is the number of transitions before it in its window.
"""

import csv
import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.model.transformer import ModelConfig
from tto.training.windows import Windows

# From the numbers of a batch of windows to the losses of tokens 1..L-1 and to which tokens count.
Losses = Callable[
    [Integer[np.ndarray, " B"]], tuple[Float[Tensor, "B predicted"], Bool[Tensor, "B L"]]
]


@torch.no_grad()
def held_out_losses(
    windows: Windows, losses: Losses, *, count: int, batch_size: int, seed: int
) -> tuple[Float[np.ndarray, "T D"], Int[np.ndarray, "T D"]]:
    """Sum of the losses, in nats, and number of tokens, both for each place and dimension.

    Args:
        losses: computes the losses of a batch of windows.
        count: number of windows, at most; all windows are used if there are fewer.
        seed: seed of the windows; the same seed draws the same windows each time.
    """
    T, D = windows.transitions, windows.file.tokens.shape[1]
    sums, counts = np.zeros((T, D)), np.zeros((T, D), dtype=np.int64)
    count = min(count, len(windows))
    chosen = np.random.default_rng([seed, 3]).choice(len(windows), size=count, replace=False)
    for batch in np.array_split(chosen, math.ceil(count / batch_size)) if count else []:
        of_tokens, counted = losses(batch)
        counted = counted[:, 1:]
        for values, into in ((of_tokens.double() * counted, sums), (counted, counts)):
            of_positions = np.append(0, values.sum(dim=0).cpu().numpy())  # token 0 is given
            into += of_positions.reshape(T, D).astype(into.dtype)
    return sums, counts


KINDS = ("observation", "action", "reward", "reward_to_go")
_COLUMNS = ("dimension", "kind", "place", "held_out_loss", "tokens")


def write_dimension_losses(
    path: StrPath,
    config: ModelConfig,
    sums: Float[np.ndarray, "T D"],
    counts: Int[np.ndarray, "T D"],
) -> None:
    """Write a row for each dimension at each place: its kind and mean held-out loss in nats."""
    numbers = (config.observation_dim, config.action_dim, 1, 1)
    kinds = np.repeat(KINDS, numbers)
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for (i, kind), place in itertools.product(enumerate(kinds), range(len(sums))):
            count = counts[place, i]
            loss = f"{sums[place, i] / count:.6f}" if count else ""
            writer.writerow([i, kind, place, loss, count])


def read_dimension_losses(path: StrPath) -> pd.DataFrame:
    """Read what `write_dimension_losses` wrote.

    Raises:
        TTOError: the file is missing, lacks a column, is empty, or has an unknown kind.
    """
    try:
        table = pd.read_csv(path)
        known = set(table["kind"]) <= set(KINDS) and set(table) >= set(_COLUMNS)
    except (OSError, ValueError, KeyError) as error:
        raise TTOError(f"{path}: expected a dimensions.csv, got {error}; train again") from error
    if not known or table.empty:
        raise TTOError(
            f"{path}: expected {', '.join(_COLUMNS)} of each dimension and place, got the columns "
            f"{', '.join(table.columns)} in {len(table)} rows; train again"
        )
    return table


def mean_losses(table: pd.DataFrame, by: str | list[str]) -> pd.Series:
    """Mean loss of the tokens of each group of rows of `read_dimension_losses`."""
    means = {}
    for key, part in table.groupby(by):
        losses, tokens = part["held_out_loss"].to_numpy(), part["tokens"].to_numpy()
        means[key] = np.nansum(losses * tokens) / tokens.sum() if tokens.any() else math.nan
    return pd.Series(means)
