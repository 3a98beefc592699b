"""Loss on held-out episodes for each dimension, which shows what is hard to predict."""

import csv
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

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
) -> tuple[Float[np.ndarray, " D"], Int[np.ndarray, " D"]]:
    """Sum of the losses, in nats, and number of tokens, both for each dimension.

    Args:
        losses: computes the losses of a batch of windows.
        count: number of windows, at most; all windows are used if there are fewer.
        seed: seed of the windows; the same seed draws the same windows each time.
    """
    D = windows.file.tokens.shape[1]
    sums, counts = np.zeros(D), np.zeros(D, dtype=np.int64)
    count = min(count, len(windows))
    chosen = np.random.default_rng([seed, 3]).choice(len(windows), size=count, replace=False)
    for batch in np.array_split(chosen, math.ceil(count / batch_size)) if count else []:
        of_tokens, counted = losses(batch)
        counted = counted[:, 1:]
        for values, into in ((of_tokens.double() * counted, sums), (counted, counts)):
            of_positions = np.append(0, values.sum(dim=0).cpu().numpy())  # token 0 is given
            into += of_positions.reshape(-1, D).sum(axis=0).astype(into.dtype)
    return sums, counts


def write_dimension_losses(
    path: StrPath,
    config: ModelConfig,
    sums: Float[np.ndarray, " D"],
    counts: Int[np.ndarray, " D"],
) -> None:
    """Write a table with a row for each dimension: its kind and mean held-out loss in nats."""
    kinds = ["observation"] * config.observation_dim + ["action"] * config.action_dim
    kinds += ["reward", "reward_to_go"]
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["dimension", "kind", "held_out_loss", "tokens"])
        for i, kind in enumerate(kinds):
            loss = f"{sums[i] / counts[i]:.6f}" if counts[i] else ""
            writer.writerow([i, kind, loss, counts[i]])
