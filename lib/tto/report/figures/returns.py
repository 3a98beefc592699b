"""Returns of each method on data of one's own, beside those of the data, by dataset."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tto.files import StrPath
from tto.methods import OURS
from tto.report.drawing.style import BLUE, ORANGE, PAGE_WIDTH, paper_style, save_figure
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.names import OUR_METHODS, OURS_FIRST

_ACROSS = 2  # most panels side by side


def draw_returns(
    results: pd.DataFrame,
    statistics: Iterable[DatasetStatistics],
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw bars of mean returns, with a dot for each episode and lines for the data.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        statistics: statistics of the datasets.
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.
    """
    data = {row.dataset: row for row in statistics}
    datasets = sorted(set(results["dataset"]))
    across = min(_ACROSS, len(datasets))
    down = -(-len(datasets) // across)
    with paper_style():
        size = (PAGE_WIDTH * (0.62 if across == 1 else 1.0), 0.35 + 2.3 * down)
        figure = Figure(figsize=size)
        axes = [*figure.subplots(down, across, squeeze=False).flat]
        for axis, dataset in zip(axes, datasets, strict=False):
            _draw(axis, results.loc[results["dataset"] == dataset], data[dataset])
        for axis in axes[len(datasets) :]:
            axis.set_axis_off()
        save_figure(figure, paths, dpi=dpi)


def _draw(axis: Axes, rows: pd.DataFrame, data: DatasetStatistics) -> None:
    methods = [method for method in OURS_FIRST if method in set(rows["method"])]
    for place, method in enumerate(methods):
        returns = rows.loc[rows["method"] == method, "return"].to_numpy(dtype=float)
        color = BLUE if method == OURS else "#B8C4CE"
        axis.bar(place, returns.mean(), width=0.7, color=color, zorder=1)
        aside = np.linspace(-0.2, 0.2, len(returns)) if len(returns) > 1 else np.zeros(1)
        axis.plot(place + aside, returns, "o", markersize=2.6, color="black", zorder=3)
    lines = ((data.return_mean, "-", "the data, on average"), (data.return_max, ":", "its best"))
    for value, line, label in lines:
        axis.axhline(value, color=ORANGE, linestyle=line, linewidth=1.1, label=label, zorder=2)
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xticks(range(len(methods)), [OUR_METHODS[method] for method in methods])
    axis.tick_params(axis="x", length=0)
    axis.set_ylabel("return")
    axis.set_title(data.dataset, loc="left")
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
