"""Held-out loss of each dimension of a transition, and of each place in a window."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

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
from tto.training.held_out import mean_losses, read_dimension_losses

_LEAST = 15  # least number of places in a row, so that bars of few dimensions are not wide
# Symbol and colour of each of `tto.training.held_out.KINDS`.
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
    """Draw two panels for each dataset, with means over seeds and each seed as dots.

    Left: the loss of each dimension. Right: the losses of the kinds of token by place, the number
    of transitions before the token's own in the window, less their mean over later places.

    Args:
        losses: path of the dimensions.csv (nats per token) of each (dataset, seed).
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.

    Raises:
        TTOError: there is no training, or a file is no dimensions.csv.
    """
    if not losses:
        raise TTOError("dimension losses: expected at least one dimensions.csv, got none")
    tables = {key: read_dimension_losses(path) for key, path in losses.items()}
    datasets = list(dict.fromkeys(dataset for dataset, _ in tables))
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.5 + 1.55 * len(datasets)))
        axes = figure.subplots(len(datasets), 2, squeeze=False, width_ratios=[2.4, 1])
        for (left, right), dataset in zip(axes, datasets, strict=True):
            of_dataset = [table for (name, _), table in tables.items() if name == dataset]
            _draw_dimensions(left, of_dataset)
            left.set_title(dataset, loc="left")
            left.set_ylabel("nats per token")
            _draw_places(right, of_dataset)
            right.set_ylabel("less later places")
        axes[-1, 1].set_xlabel("transitions before")
        handles = [
            Patch(color=color, label=kind.replace("_", "-")) for kind, (_, color) in _KINDS.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        save_figure(figure, paths, dpi=dpi)


def _draw_dimensions(axis: Axes, tables: Sequence[pd.DataFrame]) -> None:
    losses = np.stack([mean_losses(table, "dimension").to_numpy() for table in tables])
    kinds = tables[0].groupby("dimension")["kind"].first().tolist()
    places = np.arange(len(kinds))
    axis.bar(places, losses.mean(axis=0), color=[_KINDS[kind][1] for kind in kinds], width=0.75)
    for of_seed in losses:
        axis.plot(places, of_seed, "o", markersize=2.2, color="black", markeredgewidth=0)
    axis.set_xticks(places, _labels(kinds), fontsize=8 if len(kinds) <= 30 else 5)
    axis.set_xlim(-0.6, max(len(kinds), _LEAST) - 0.4)


def _draw_places(axis: Axes, tables: Sequence[pd.DataFrame]) -> None:
    losses = [mean_losses(table, ["kind", "place"]) for table in tables]
    axis.axhline(0, color="0.7", linewidth=0.6)
    for kind, (_, color) in _KINDS.items():
        of_kind = np.stack([loss.xs(kind).to_numpy() for loss in losses])
        excess = of_kind - of_kind[:, min(1, of_kind.shape[1] - 1) :].mean(axis=1, keepdims=True)
        if kind == "observation":
            excess[:, 0] = np.nan  # nothing before it tells where the window begins
        places = np.arange(of_kind.shape[1])
        axis.plot(places, excess.mean(axis=0), color=color)
        for of_seed in excess:
            axis.plot(places, of_seed, "o", markersize=2.2, color=color, markeredgewidth=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _labels(kinds: Sequence[str]) -> list[str]:
    labels = []
    for place, kind in enumerate(kinds):
        letter, number = _KINDS[kind][0], place - kinds.index(kind) + 1
        labels.append(f"${letter}$" if kinds.count(kind) == 1 else f"${letter}_{{{number}}}$")
    return labels
