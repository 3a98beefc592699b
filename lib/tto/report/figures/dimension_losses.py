"""Held-out loss of each dimension of a transition."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tto.errors import TTOError
from tto.files import StrPath
from tto.report.drawing.style import (
    BLUE,
    GREEN,
    ORANGE,
    PAGE_WIDTH,
    PURPLE,
    paper_style,
    save_figure,
)

_LEAST = 15  # least number of places in a row, so that bars of few dimensions are not wide
# Symbol and colour of each kind.
_KINDS = {
    "observation": ("s", BLUE),
    "action": ("a", ORANGE),
    "reward": ("r", GREEN),
    "reward_to_go": ("R", PURPLE),
}


def draw_dimension_losses(
    losses: Mapping[tuple[str, int], StrPath],
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw a panel for each dataset, with the mean over seeds as bars and each seed as dots.

    Args:
        losses: path of the dimensions.csv (nats per token) of each (dataset, seed).
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.

    Raises:
        TTOError: there is no training, or a file is no dimensions.csv.
    """
    if not losses:
        raise TTOError("dimension losses: expected at least one dimensions.csv, got none")
    tables = {key: _read(path) for key, path in losses.items()}
    datasets = list(dict.fromkeys(dataset for dataset, _ in tables))
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.5 + 1.55 * len(datasets)))
        for axis, dataset in zip(
            figure.subplots(len(datasets), 1, squeeze=False)[:, 0], datasets, strict=True
        ):
            _draw(axis, [table for (name, _), table in tables.items() if name == dataset])
            axis.set_title(dataset, loc="left")
            axis.set_ylabel("nats per token")
        handles = [
            Patch(color=color, label=kind.replace("_", "-")) for kind, (_, color) in _KINDS.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        save_figure(figure, paths, dpi=dpi)


def _read(path: StrPath) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
        known = set(table["kind"]) <= set(_KINDS) and "held_out_loss" in table
    except (OSError, ValueError, KeyError) as error:
        raise TTOError(f"{path}: expected a dimensions.csv, got {error}; train again") from error
    if not known or table.empty:
        raise TTOError(
            f"{path}: expected kind and held_out_loss of each dimension, got the columns "
            f"{', '.join(table.columns)} in {len(table)} rows; train again"
        )
    return table


def _draw(axis: Axes, tables: Sequence[pd.DataFrame]) -> None:
    losses = np.stack([table["held_out_loss"].to_numpy(dtype=float) for table in tables])
    kinds = tables[0]["kind"].tolist()
    places = np.arange(len(kinds))
    axis.bar(places, losses.mean(axis=0), color=[_KINDS[kind][1] for kind in kinds], width=0.75)
    for of_seed in losses:
        axis.plot(places, of_seed, "o", markersize=2.2, color="black", markeredgewidth=0)
    axis.set_xticks(places, _labels(kinds), fontsize=8 if len(kinds) <= 30 else 5)
    axis.set_xlim(-0.6, max(len(kinds), _LEAST) - 0.4)


def _labels(kinds: Sequence[str]) -> list[str]:
    labels = []
    for place, kind in enumerate(kinds):
        letter, number = _KINDS[kind][0], place - kinds.index(kind) + 1
        labels.append(f"${letter}$" if kinds.count(kind) == 1 else f"${letter}_{{{number}}}$")
    return labels
