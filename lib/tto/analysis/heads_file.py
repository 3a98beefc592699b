"""The attention maps of figure 3 in one small HDF5 file, and the measures of all heads.

`measure_model` makes both from a trained model and windows of held-out episodes. The measures are
means over all windows; the maps are those of the window in the middle. A model of the same sizes
with random weights is measured on the same windows, to show the effect of the architecture alone.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from tto.analysis.heads import (
    PATTERNS,
    SHARES,
    clearest_heads,
    measure_heads,
    record_attention,
)
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.hdf5 import new_hdf5, read_hdf5
from tto.model.trained import TrainedModel
from tto.model.transformer import TrajectoryTransformer
from tto.row_files import read_rows
from tto.tokens.token_file import mask_tokens
from tto.tokens.tokenize import transition_matrix

FORMAT_VERSION = 1
KINDS = {"head", "random", "even"}  # the model's heads, a random model's heads, even attention
_BATCH = 16  # windows in a batch, whose attention weights are in memory at once


@dataclass(frozen=True)
class AttentionMaps:
    """Maps of the chosen heads on one window; row l belongs to the prediction of token l + 1.

    Attributes:
        dataset: dataset of the window.
        observation_dim: number of observation tokens of a transition.
        action_dim: number of action tokens of a transition; reward and reward-to-go follow them.
        heads: layer and head, from 1, by pattern.
        maps: attention weights of that head, by pattern.
    """

    dataset: str
    observation_dim: int
    action_dim: int
    heads: dict[str, tuple[int, int]]
    maps: dict[str, Float[np.ndarray, "L L"]]


def held_out_windows(
    model: TrainedModel, held_out: EpisodeDataset, *, count: int
) -> Integer[np.ndarray, "B L"]:
    """Cut episodes into whole blocks of tokens and choose up to `count` of these evenly.

    Raises:
        TTOError: every episode is shorter than a block.
    """
    settings = model.tokens
    transitions, blocks = model.config.block_transitions, []
    for episode in held_out:
        rows = transition_matrix(episode, **settings.reward_settings)
        tokens = model.discretizer.encode(rows)
        if episode.observed is not None:
            tokens = mask_tokens(tokens, episode.observed[:-1], settings.vocabulary)
        whole = len(tokens) // transitions
        blocks.append(tokens[: whole * transitions].reshape(whole, transitions * tokens.shape[1]))
    windows = np.concatenate(blocks)
    if len(windows) == 0:
        raise TTOError(
            f"attention: expected an episode of {transitions} or more transitions in "
            f"{held_out.path}, got shorter ones; lower model.block_tokens"
        )
    chosen = np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int)
    return windows[chosen]


def measure_model(
    model: TrainedModel, windows: Integer[np.ndarray, "B L"], *, seed: int
) -> tuple[pd.DataFrame, AttentionMaps]:
    """Rows of `measure_heads` over all windows, and the maps of the clearest heads.

    Args:
        model: trained model.
        windows: tokens of held-out episodes.
        seed: seed of the random model's weights.

    Raises:
        TTOError: the windows are too short, or the model has goals or a single head.
    """
    network, device = model.network, model.network.output.device
    tokens = torch.as_tensor(windows.astype(np.int64), device=device)
    shown = record_attention(network, tokens[len(tokens) // 2][None])[0]
    generator = torch.Generator().manual_seed(seed)
    untrained = TrajectoryTransformer(network.config, generator=generator).to(device)
    rows = measure_heads(
        _mean_attention(network, tokens),
        network.config,
        untrained=_mean_attention(untrained, tokens),
    )
    heads = clearest_heads(rows)
    maps = {
        name: shown[layer - 1, 0, head - 1].float().cpu().numpy()
        for name, (layer, head) in heads.items()
    }
    O, A = network.config.observation_dim, network.config.action_dim
    return rows, AttentionMaps(model.tokens.dataset, O, A, heads, maps)


def _mean_attention(
    network: TrajectoryTransformer, tokens: Integer[Tensor, "B L"]
) -> Float[Tensor, "N 1 H L L"]:
    """Mean attention weights of every layer and head over the windows."""
    sums: Tensor | float = 0.0
    for batch in tokens.split(_BATCH):
        sums = sums + record_attention(network, batch)[0].double().sum(dim=1, keepdim=True)
    return torch.as_tensor(sums) / len(tokens)


def write_attention(path: StrPath, attention: AttentionMaps) -> None:
    """Write an HDF5 file with one array for each pattern; layer and head are its attributes."""
    with atomic_path(path) as temporary, new_hdf5(temporary) as file:
        for name, weights in attention.maps.items():
            stored = file.create_dataset(name, data=weights.astype(np.float16), compression="gzip")
            stored.attrs["layer"], stored.attrs["head"] = attention.heads[name]
        file.attrs["format_version"] = FORMAT_VERSION
        for name in ("dataset", "observation_dim", "action_dim"):
            file.attrs[name] = getattr(attention, name)


def read_attention(path: StrPath) -> AttentionMaps:
    """Read what `write_attention` wrote; weights are rounded to half precision.

    Raises:
        TTOError: the file is missing, damaged or of another format version.
    """
    expected, remedy = "a file of attention maps", "analyse again"
    with read_hdf5(path, expected=expected, remedy=remedy) as file:
        attributes: dict[str, Any] = dict(file.attrs)
        version = int(attributes["format_version"])
        found: dict[str, Any] = {name: file[name] for name in PATTERNS}
        attention = AttentionMaps(
            dataset=str(attributes["dataset"]),
            observation_dim=int(attributes["observation_dim"]),
            action_dim=int(attributes["action_dim"]),
            heads={
                name: (int(stored.attrs["layer"]), int(stored.attrs["head"]))
                for name, stored in found.items()
            },
            maps={name: np.asarray(stored, np.float32) for name, stored in found.items()},
        )
    if version != FORMAT_VERSION:
        raise TTOError(
            f"{path}: expected attention format version {FORMAT_VERSION}, got {version}; analyse "
            "again"
        )
    return attention


def read_heads(path: StrPath) -> pd.DataFrame:
    """Read the rows of `attention.csv`.

    Raises:
        TTOError: the columns are wrong, or a kind of heads is missing.
    """
    rows = read_rows(path, ("kind", "layer", "head", *SHARES), what="heads", remedy="analyse again")
    if set(rows["kind"]) != KINDS:
        raise TTOError(
            f"{path}: expected rows of heads, of a random model's heads and of even attention, got "
            f"{', '.join(sorted(set(rows['kind'])))}; analyse again"
        )
    return rows
