"""Where return is lost between the data's policies and the planner, one bar for each rung."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tto.evaluation.loss_ladder import RUNGS
from tto.files import StrPath
from tto.report.drawing.style import BLUE, GREEN, ORANGE, PAGE_WIDTH, paper_style, save_figure
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.statistics import values_by_seed

# Colours of the rungs: the data's policies, perceptrons, the Transformer.
_COLORS = dict(zip(RUNGS, [GREEN] * 2 + [ORANGE] * 2 + [BLUE] * 4, strict=True))


def draw_loss_ladder(
    rows: pd.DataFrame,
    statistics: Iterable[DatasetStatistics],
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw a panel for each dataset: mean return over models as bars, each model as a dot.

    A dashed line is the mean return of the dataset's episodes.

    Args:
        rows: rows of `tto.evaluation.loss_ladder.play_ladder`.
        statistics: statistics of the datasets.
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.
    """
    datasets = list(dict.fromkeys(rows["dataset"]))
    means = {row.dataset: row.return_mean for row in statistics}
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 0.5 + 1.7 * len(datasets)))
        axes = figure.subplots(len(datasets), 1, squeeze=False)[:, 0]
        for axis, dataset in zip(axes, datasets, strict=True):
            _draw(axis, rows.loc[rows["dataset"].to_numpy() == dataset])
            axis.axvline(means[dataset], color="0.4", linewidth=0.8, linestyle="--", zorder=0)
            axis.set_title(f"{dataset} (dashed: mean of the data)", loc="left")
        axes[-1].set_xlabel("return")
        save_figure(figure, paths, dpi=dpi)


def _draw(axis: Axes, rows: pd.DataFrame) -> None:
    rungs = [rung for rung in RUNGS if rung in set(rows["rung"])]
    for place, rung in enumerate(rungs):
        models = values_by_seed(rows.loc[rows["rung"].to_numpy() == rung], "return")
        of_models = [float(np.mean(values)) for values in models.values()]
        axis.barh(place, np.mean(of_models), color=_COLORS[rung], height=0.7)
        axis.plot(of_models, [place] * len(of_models), "o", markersize=2.5, color="black")
    axis.set_yticks(range(len(rungs)), rungs)
    axis.invert_yaxis()
