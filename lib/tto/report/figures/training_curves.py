"""Losses against tokens, from the metrics.csv files of trainings."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tto.errors import TTOError
from tto.files import StrPath
from tto.report.drawing.style import (
    PAGE_WIDTH,
    Look,
    draw_legend,
    look_of,
    paper_style,
    save_figure,
)

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
_SECONDS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
_COLUMNS, _HEIGHT, _PAGE_HEIGHT = 3, 1.75, 8.5  # panels in a row; heights in inches


def draw_training_curves(
    metrics: Mapping[tuple[str, int], StrPath],
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw training and held-out loss of each seed in nats a token, a panel for each dataset.

    Titles say how long a training took, on average over seeds.

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
    columns = min(_COLUMNS, len(datasets))
    rows = -(-len(datasets) // columns)
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.5 + rows * min(_HEIGHT, _PAGE_HEIGHT / rows)))
        grid = figure.subplots(rows, columns, squeeze=False)
        for axis, dataset in itertools.zip_longest(grid.flatten(), datasets):
            if dataset is None:
                axis.set_axis_off()
                continue
            part = {seed: run for (name, seed), run in runs.items() if name == dataset}
            _draw(axis, part, looks)
            seconds = float(np.mean([run["seconds"].max() for run in part.values()]))
            axis.set_title(
                f"{dataset.removesuffix('-v2')}, {_time(seconds)}", loc="left", fontsize=8
            )
        for axis in grid[:, 0]:
            axis.set_ylabel("nats a token")
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


def _draw(axis: Axes, runs: Mapping[int, pd.DataFrame], looks: Mapping[int, Look]) -> None:
    """Draw all seeds of a dataset; the axis is in the largest unit of which it has two or more."""
    largest = max(run["tokens"].to_numpy().max() for run in runs.values())
    unit, name = next((unit for unit in _TOKENS if largest >= 2 * unit[0]), _TOKENS[-1])
    for seed, run in sorted(runs.items()):
        look = looks[seed]
        axis.plot(run["tokens"] / unit, run["train_loss"], color=look.color, linewidth=1.0)
        held_out = run[run["held_out_loss"].notna()]
        axis.plot(
            held_out["tokens"] / unit,
            held_out["held_out_loss"],
            color=look.color,
            marker=look.marker,
            markevery=-(-len(held_out) // _MARKERS) or 1,
            **_HELD_OUT,
        )
    axis.set_xlim(left=0)
    axis.set_xlabel(f"tokens ({name})" if name else "tokens", fontsize=8, labelpad=1)


def _time(seconds: float) -> str:
    unit, name = next((unit for unit in _SECONDS if seconds >= 2 * unit[0]), _SECONDS[-1])
    return f"{seconds / unit:.0f} {name}"


def _draw_legend(figure: Figure, looks: Mapping[int, Look]) -> None:
    handles = [
        Line2D([], [], color="black", linewidth=1.0, label="training"),
        Line2D([], [], color="black", label="held out", **_HELD_OUT),
    ]
    handles += [
        Line2D([], [], color=look.color, marker=look.marker, markersize=4, label=f"seed {seed}")
        for seed, look in looks.items()
    ]
    entries = {str(handle.get_label()): handle for handle in handles}
    draw_legend(figure, entries, loc="outside upper center", columns=8)
