"""What figure 3 draws: attention maps of the chosen heads, in one small HDF5 file.

`measure_model` makes its content from a trained model and windows of held-out episodes: the numbers
are means over all windows, a map is that of the first one.
"""

import os
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer

from tto.analysis.attention import (
    PATTERNS,
    clearest_heads,
    measure_heads,
    record_attention,
)
from tto.errors import TTOError
from tto.files import atomic_path
from tto.model.trained import TrainedModel

FORMAT_VERSION = 1
_BATCH = 16  # windows at a time; memory is that of their weights


@dataclass(frozen=True)
class AttentionMaps:
    """Maps of the chosen heads on one window; row l is of the token after token l.

    Attributes:
        dataset: of the window.
        observation_dim, action_dim: O and A of a transition, which two more tokens end.
        heads: layer and head, from 1, of each pattern.
        maps: attention weights of each pattern's head.
    """

    dataset: str
    observation_dim: int
    action_dim: int
    heads: dict[str, tuple[int, int]]
    maps: dict[str, Float[np.ndarray, "L L"]]


def measure_model(
    model: TrainedModel, windows: Integer[np.ndarray, "B L"]
) -> tuple[pd.DataFrame, AttentionMaps]:
    """Rows of `measure_heads`, over all windows, and the maps of the clearest heads.

    Raises:
        TTOError: no window, windows too short, or a model with a goal or a single head.
    """
    if len(windows) == 0:
        raise TTOError(
            f"attention: expected a held-out window that an episode of {model.tokens.dataset} "
            "fills, got none; collect longer episodes or lower model.block_tokens"
        )
    network, device = model.network, model.network.output.device
    tokens = torch.as_tensor(windows.astype(np.int64), device=device)
    sums, count = 0.0, 0
    first = record_attention(network, tokens[:1])[0]
    for batch in tokens.split(_BATCH):
        weights, _ = record_attention(network, batch)
        sums, count = sums + weights.double().sum(dim=1, keepdim=True), count + len(batch)
    rows = measure_heads(sums / count, network.config)
    heads = clearest_heads(rows)
    maps = {
        name: first[layer - 1, 0, head - 1].float().cpu().numpy()
        for name, (layer, head) in heads.items()
    }
    O, A = network.config.observation_dim, network.config.action_dim
    return rows, AttentionMaps(model.tokens.dataset, O, A, heads, maps)


def write_attention(path: str | os.PathLike[str], attention: AttentionMaps) -> None:
    """Write an HDF5 file: a dataset a pattern, with its layer and head as attributes."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for name, weights in attention.maps.items():
            stored = file.create_dataset(name, data=weights.astype(np.float16), compression="gzip")
            stored.attrs["layer"], stored.attrs["head"] = attention.heads[name]
        file.attrs["format_version"] = FORMAT_VERSION
        for name in ("dataset", "observation_dim", "action_dim"):
            file.attrs[name] = getattr(attention, name)


def read_attention(path: str | os.PathLike[str]) -> AttentionMaps:
    """Read what `write_attention` wrote; weights are rounded to half precision.

    Raises:
        TTOError: the file is missing, damaged or of another format version.
    """
    try:
        with h5py.File(path, "r") as file:
            version = int(file.attrs["format_version"])
            found = {name: file[name] for name in PATTERNS}
            attention = AttentionMaps(
                dataset=str(file.attrs["dataset"]),
                observation_dim=int(file.attrs["observation_dim"]),
                action_dim=int(file.attrs["action_dim"]),
                heads={
                    name: (int(stored.attrs["layer"]), int(stored.attrs["head"]))
                    for name, stored in found.items()
                },
                maps={name: np.asarray(stored, np.float32) for name, stored in found.items()},
            )
    except (OSError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise TTOError(
            f"{path}: expected a file of attention maps, got {reason}; make it again"
        ) from error
    if version != FORMAT_VERSION:
        raise TTOError(
            f"{path}: expected attention format version {FORMAT_VERSION}, got {version}; make it "
            "again"
        )
    return attention
