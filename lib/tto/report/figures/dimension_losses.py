"""Held-out loss of each dimension of a transition, and of each place in a window."""

import itertools
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

_FEW, _HEIGHT, _PAGE_HEIGHT = 5, 1.55, 8.5  # datasets of a page with one a row; inches
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
        across = 1 if len(datasets) <= _FEW else 2  # datasets in a row
        rows = -(-len(datasets) // across)
        figure = Figure(figsize=(PAGE_WIDTH, 0.5 + rows * min(_HEIGHT, _PAGE_HEIGHT / rows)))
        axes = figure.subplots(rows, 2 * across, squeeze=False, width_ratios=[2.4, 1] * across)
        pairs = axes.reshape(-1, 2)
        for (left, right), dataset in itertools.zip_longest(pairs, datasets):
            if dataset is None:
                left.set_axis_off()
                right.set_axis_off()
                continue
            of_dataset = [table for (name, _), table in tables.items() if name == dataset]
            _draw_dimensions(left, of_dataset, small=across > 1)
            left.set_title(dataset.removesuffix("-v2"), loc="left", fontsize=8)
            _draw_places(right, of_dataset)
            right.set_title("less later places", loc="left", fontsize=7)
        for axis in axes[:, 0]:
            axis.set_ylabel("nats a token")
        for _, right in pairs[len(datasets) - across : len(datasets)]:
            right.set_xlabel("transitions before", fontsize=8)
        handles = [
            Patch(color=color, label=kind.replace("_", "-")) for kind, (_, color) in _KINDS.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
        save_figure(figure, paths, dpi=dpi)


def _draw_dimensions(axis: Axes, tables: Sequence[pd.DataFrame], *, small: bool) -> None:
    losses = np.stack([mean_losses(table, "dimension").to_numpy() for table in tables])
    kinds = tables[0].groupby("dimension")["kind"].first().tolist()
    places = np.arange(len(kinds))
    axis.bar(places, losses.mean(axis=0), color=[_KINDS[kind][1] for kind in kinds], width=0.75)
    for of_seed in losses:
        axis.plot(places, of_seed, "o", markersize=2.2, color="black", markeredgewidth=0)
    labels = _labels(kinds)
    step = -(-len(kinds) // (_LEAST if small else 2 * _LEAST))  # labels that do not overlap
    shown = [i for i in places if i % step == 0 or kinds.count(kinds[i]) == 1]
    axis.set_xticks(shown, [labels[i] for i in shown], fontsize=7)
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
