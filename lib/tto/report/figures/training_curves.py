"""Losses against tokens and against time, from the metrics.csv files of trainings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tto.errors import TTOError
from tto.files import StrPath
from tto.report.drawing.style import PAGE_WIDTH, Look, look_of, paper_style, save_figure

_REQUIRED = ("tokens", "seconds", "train_loss", "held_out_loss")
_HELD_OUT: dict[str, Any] = {
    "linewidth": 0.9,
    "linestyle": (0, (4, 2)),
    "markersize": 2.6,
    "markerfacecolor": "white",
    "markeredgewidth": 0.8,
}
_MARKERS = 10  # largest number on a line, so that five seeds stay readable
_TOKENS = ((1e9, "billions"), (1e6, "millions"), (1e3, "thousands"), (1.0, ""))
_SECONDS = ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


def draw_training_curves(
    metrics: Mapping[tuple[str, int], StrPath],
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw training and held-out loss (nats per token) of each seed, a row for each dataset.

    Args:
        metrics: path of the metrics.csv of each (dataset, seed). Held-out cells may be empty
            between evaluations.
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.

    Raises:
        TTOError: there is no training, or one lacks a column, a row or finite losses.
    """
    runs = {key: _read(path) for key, path in metrics.items()}
    if not runs:
        raise TTOError("training curves: expected at least one metrics.csv, got none")
    datasets = list(dict.fromkeys(dataset for dataset, _ in runs))
    seeds = sorted({seed for _, seed in runs})
    looks = {seed: look_of(index) for index, seed in enumerate(seeds)}
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.55 + 1.85 * len(datasets)))
        grid = figure.subplots(len(datasets), 2, sharey="row", squeeze=False)
        for (left, right), dataset in zip(grid, datasets, strict=True):
            part = {seed: run for (name, seed), run in runs.items() if name == dataset}
            _draw(left, part, "tokens", _TOKENS, looks)
            _draw(right, part, "seconds", _SECONDS, looks)
            left.set_title(dataset, loc="left")
            left.set_ylabel("loss (nats per token)")
        for column, label in zip(grid.T, ("tokens seen", "training time"), strict=True):
            _label_column(column, label)
        _draw_legend(figure, looks)
        save_figure(figure, paths, dpi=dpi)


def _read(path: StrPath) -> pd.DataFrame:
    try:
        run = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise TTOError(f"{path}: expected a metrics.csv, got {error}") from error
    missing = [column for column in _REQUIRED if column not in run.columns]
    if missing or run.empty:
        raise TTOError(
            f"{path}: expected rows with {', '.join(_REQUIRED)}, got {len(run)} rows without "
            f"{', '.join(missing) or 'a missing column'}; train again"
        )
    if not np.isfinite(run[["tokens", "seconds", "train_loss"]].to_numpy(dtype=float)).all():
        raise TTOError(f"{path}: expected finite losses, got NaN or infinite ones; train again")
    return run


def _draw(
    axis: Axes,
    runs: Mapping[int, pd.DataFrame],
    column: str,
    units: Sequence[tuple[float, str]],
    looks: Mapping[int, Look],
) -> None:
    """Draw all seeds of a dataset; the axis is in the largest unit of which it has two or more."""
    largest = max(run[column].to_numpy().max() for run in runs.values())
    unit, unit_name = next((unit for unit in units if largest >= 2 * unit[0]), units[-1])
    for seed, run in sorted(runs.items()):
        look = looks[seed]
        axis.plot(run[column] / unit, run["train_loss"], color=look.color, linewidth=1.0)
        held_out = run[run["held_out_loss"].notna()]
        axis.plot(
            held_out[column] / unit,
            held_out["held_out_loss"],
            color=look.color,
            marker=look.marker,
            markevery=-(-len(held_out) // _MARKERS) or 1,
            **_HELD_OUT,
        )
    axis.set_xlim(left=0)
    axis.set_xlabel(unit_name)


def _label_column(column: Sequence[Axes], label: str) -> None:
    """Put the full label below the last panel; others show their unit only if it differs."""
    unit = column[-1].get_xlabel()
    for axis in column[:-1]:
        axis.set_xlabel("" if axis.get_xlabel() == unit else axis.get_xlabel())
    column[-1].set_xlabel(f"{label} ({unit})" if unit else label)


def _draw_legend(figure: Figure, looks: Mapping[int, Look]) -> None:
    handles = [
        Line2D([], [], color="black", linewidth=1.0, label="training"),
        Line2D([], [], color="black", label="held out", **_HELD_OUT),
    ]
    handles += [
        Line2D([], [], color=look.color, marker=look.marker, markersize=4, label=f"seed {seed}")
        for seed, look in looks.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 8))
