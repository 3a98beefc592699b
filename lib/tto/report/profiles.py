"""Performance profiles of our methods: the share of rollouts that score above each value.

After Agarwal et al. 2021 (arXiv:2108.13264). Each dataset weighs the same; bands are pointwise 95 %
intervals, by a bootstrap that draws models within each dataset. Models that were trained on D4RL's
data and those trained on other data stand in panels of their own.
"""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tto.report.statistics import Band, mean_band, values_by_seed
from tto.report.style import PAGE_WIDTH, look_of, paper_style, save_figure
from tto.report.table1_rows import OUR_METHODS

_POINTS = 201
_TITLES = {True: "D4RL's data", False: "data other than D4RL's"}


def profile(rows: pd.DataFrame, thresholds: Float[np.ndarray, " T"], *, seed: int = 0) -> Band:
    """Share of scores above each threshold, of the rows of one method, with its interval."""
    strata = []
    for _, part in rows.groupby("dataset", sort=True):
        units = values_by_seed(part, "score").values()
        strata.append(np.stack([(scores[:, None] > thresholds).mean(axis=0) for scores in units]))
    return mean_band(strata, seed=seed)


def draw_profiles(
    results: pd.DataFrame,
    paths: Sequence[str | os.PathLike[str]],
    *,
    seed: int = 0,
    dpi: int = 150,
) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`); rows without a
            score are left out.
        seed: of the resampling.
    """
    scored = results.loc[results["score"].notna() & results["method"].isin(list(OUR_METHODS))]
    on_d4rl = scored["source"] == "d4rl"
    panels = [(_TITLES[side], scored.loc[on_d4rl == side]) for side in (True, False)]
    panels = [(title, rows) for title, rows in panels if len(rows)] or [("no scores", scored)]
    with paper_style():
        width = PAGE_WIDTH * (0.55 if len(panels) == 1 else 1.0)
        figure = Figure(figsize=(width, 2.6))
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (title, rows) in zip(axes, panels, strict=True):
            _draw_panel(axis, rows, seed)
            count = len(set(rows["dataset"]))
            axis.set_title(f"{title}, {count} dataset{'s' if count != 1 else ''}", loc="left")
            axis.set_xlabel("normalised score")
        axes[0].set_ylabel("rollouts above it")
        axes[0].set_ylim(0, 1.02)
        axes[0].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
        save_figure(figure, paths, dpi=dpi)


def _draw_panel(axis: Axes, rows: pd.DataFrame, seed: int) -> None:
    if rows.empty:
        return
    scores = rows["score"].to_numpy(dtype=float)
    thresholds = np.linspace(min(0.0, scores.min()), scores.max(), _POINTS)
    for index, (method, name) in enumerate(OUR_METHODS.items()):
        part = rows.loc[rows["method"] == method]
        if part.empty:
            continue
        values, low, high = profile(part, thresholds, seed=seed)
        look = look_of(index)
        axis.plot(thresholds, values, color=look.color, linestyle=look.line, label=name)
        if low is not None and high is not None:
            axis.fill_between(thresholds, low, high, color=look.color, alpha=0.15, linewidth=0)
    axis.set_xlim(thresholds[0], thresholds[-1])
