"""Performance profiles of our methods: the share of rollouts that score above each value.

Where no environment has a score, each dataset has a panel, of returns.

They follow Agarwal et al. 2021 (arXiv:2108.13264). A model's share is its mean over datasets, so
each dataset weighs the same. Bands are pointwise 95 % intervals, Student's t over models. Models
trained on D4RL's data and models trained on other data have separate panels.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from tto.files import StrPath
from tto.report.drawing.style import PAGE_WIDTH, draw_legend, look_of, paper_style, save_figure
from tto.report.numbers.names import OUR_METHODS, OURS_FIRST
from tto.report.numbers.statistics import Band, band, require_shared_seeds, values_by_seed
from tto.report.numbers.summary import Unit

_POINTS = 201
_ACROSS = 2  # most panels side by side
_TITLES = {True: "D4RL's data", False: "data other than D4RL's"}


def profile(rows: pd.DataFrame, thresholds: Float[np.ndarray, " T"], unit: Unit = "score") -> Band:
    """Return the share of scores above each threshold, with its 95 % interval cut to [0, 1].

    Only seeds that are present in every dataset are used; each dataset weighs the same.

    Args:
        rows: rows of `rollouts.csv` that belong to one method.
        thresholds: scores, or returns, to compare with.
        unit: column of `rows` that is compared.

    Raises:
        TTOError: no seed is in all datasets.
    """
    parts = [
        {
            seed: (scores[:, None] > thresholds).mean(axis=0)
            for seed, scores in values_by_seed(part, unit).items()
        }
        for _, part in rows.groupby("dataset", sort=True)
    ]
    seeds = require_shared_seeds(parts, "profiles")
    shares = np.array([np.mean([part[seed] for part in parts], axis=0) for seed in seeds])
    values, low, high = band(shares)
    if low is None or high is None:
        return Band(values, None, None)
    return Band(values, np.clip(low, 0, 1), np.clip(high, 0, 1))


def draw_profiles(
    results: pd.DataFrame,
    paths: Sequence[StrPath],
    *,
    dpi: int = 150,
) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`); rows without a
            score are left out, unless all are.
        paths: files to write.
        dpi: resolution of pixel formats.
    """
    ours = results.loc[results["method"].isin(list(OUR_METHODS))]
    panels, unit = _panels(ours)
    across = min(_ACROSS, len(panels))
    down = -(-len(panels) // across)
    with paper_style():
        width = PAGE_WIDTH * (0.55 if across == 1 else 1.0)
        figure = Figure(figsize=(width, 2.6 * down))
        axes = figure.subplots(down, across, sharey=True, squeeze=False)
        for axis, (title, rows) in zip(axes.flat, panels, strict=False):
            _draw_panel(axis, rows, unit)
            axis.set_title(title, loc="left")
            axis.set_xlabel("normalised score" if unit == "score" else "return")
        for axis in axes.flat[len(panels) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel("rollouts above it")
        axes[0, 0].set_ylim(0, 1.02)
        axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        handles, labels = axes[0, 0].get_legend_handles_labels()
        draw_legend(figure, dict(zip(labels, handles, strict=True)))
        save_figure(figure, paths, dpi=dpi)


def _panels(rows: pd.DataFrame) -> tuple[list[tuple[str, pd.DataFrame]], Unit]:
    """Titles and rows of the panels, and what they show."""
    scored = rows.loc[rows["score"].notna()]
    if scored.empty:
        return [(str(dataset), part) for dataset, part in rows.groupby("dataset")], "return"
    on_d4rl = scored["source"] == "d4rl"
    panels = [(_TITLES[side], scored.loc[on_d4rl == side]) for side in (True, False)]
    counts = {title: len(set(part["dataset"])) for title, part in panels}
    named = [
        (f"{title}, {counts[title]} dataset{'s' if counts[title] != 1 else ''}", part)
        for title, part in panels
    ]
    return [(title, part) for title, part in named if len(part)], "score"


def _draw_panel(axis: Axes, rows: pd.DataFrame, unit: Unit) -> None:
    scores = rows[unit].to_numpy(dtype=float)
    thresholds = np.linspace(min(0.0, scores.min()), scores.max(), _POINTS)
    for index, method in enumerate(OURS_FIRST):
        part = rows.loc[rows["method"] == method]
        if part.empty:
            continue
        values, low, high = profile(part, thresholds, unit)
        look, name = look_of(index), OUR_METHODS[method]
        axis.plot(thresholds, values, color=look.color, linestyle=look.line, label=name)
        if low is not None and high is not None:
            axis.fill_between(thresholds, low, high, color=look.color, alpha=0.15, linewidth=0)
    axis.set_xlim(thresholds[0], thresholds[-1])
