"""A picture of a dataset: returns, episode lengths, and how often its tokens use each bin."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Integer, Real
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tto.data.episodes import EpisodeDataset
from tto.files import StrPath
from tto.report.drawing.style import BLUE, ORANGE, PAGE_WIDTH, paper_style, save_figure
from tto.tokens.token_file import TokenFile
from tto.tokens.tokenize import transition_matrix

_BINS = 40
_EMPTY = "#C4C4C4"


def bin_occupancy(
    tokens: Integer[np.ndarray, "rows D"], vocabulary: int
) -> Float[np.ndarray, "D V"]:
    """Return the share of each dimension's values in each of its bins; rows sum to 1.

    Tokens of hidden values, which are larger than those of the bins, do not count.

    Args:
        tokens: one row for each transition.
        vocabulary: number V of bins.
    """
    counts = [np.bincount(column, minlength=vocabulary)[:vocabulary] for column in tokens.T]
    seen = np.stack(counts).astype(np.float64)
    return seen / np.maximum(seen.sum(axis=1, keepdims=True), 1)


def clipped_share(dataset: EpisodeDataset, file: TokenFile) -> Float[np.ndarray, " D"]:
    """Return the share of each dimension's values that are clipped to the bins at the ends.

    It is zero for the dataset that the bins were fitted to. `dataset` is read as a stream.
    """
    low, high = file.discretizer.edges[:, 0], file.discretizer.edges[:, -1]
    outside, rows = np.zeros(len(low)), 0
    for episode in dataset:
        values = transition_matrix(episode, **file.attributes.reward_settings)
        outside += ((values < low) | (values >= high)).sum(axis=0)
        rows += len(values)
    return outside / rows


def draw_dataset_card(
    file: TokenFile,
    paths: Sequence[StrPath],
    *,
    returns: Float[np.ndarray, " episodes"],
    lengths: Integer[np.ndarray, " episodes"],
    clipped: Float[np.ndarray, " D"],
    title: str,
    dpi: int = 150,
) -> None:
    """Draw the card and write it to each path, in the format of its suffix.

    Args:
        file: the dataset's tokens.
        paths: files to write.
        returns, lengths: returns and lengths of its episodes.
        clipped: share of values outside the bins (`clipped_share`).
        title: title of the figure.
        dpi: resolution of pixel formats.
    """
    occupancy = bin_occupancy(file.tokens, file.attributes.vocabulary)
    labels = _dimension_labels(file)
    with paper_style():
        height = 2.8 + max(2.0, 0.11 * len(labels))
        figure = Figure(figsize=(PAGE_WIDTH, height))
        figure.suptitle(title, fontsize=11, fontweight="bold", x=0.01, ha="left")
        grid = figure.add_gridspec(2, 1, height_ratios=[1.5, height - 2.1])
        left, right = grid[0].subgridspec(1, 2).subplots(squeeze=False)[0]
        _histogram(left, returns, "return of an episode", BLUE)
        left.set_ylabel("episodes")
        _histogram(right, lengths, "transitions of an episode", BLUE)
        lower = grid[1].subgridspec(1, 2, width_ratios=[4, 1.3])
        heat, bars = lower.subplots(sharey=True, squeeze=False)[0]
        _heat_map(figure, heat, occupancy, labels)
        _end_shares(bars, occupancy, clipped)
        save_figure(figure, paths, dpi=dpi)


def _dimension_labels(file: TokenFile) -> list[str]:
    attributes = file.attributes
    return [
        *(f"$s_{{{i + 1}}}$" for i in range(attributes.observation_dim)),
        *(f"$a_{{{i + 1}}}$" for i in range(attributes.action_dim)),
        "$r$",
        "$R$",
    ]


def _histogram(axis: Axes, values: Real[np.ndarray, " episodes"], label: str, color: str) -> None:
    axis.hist(values, bins=_BINS, color=color, edgecolor="white", linewidth=0.3)
    mean = float(np.mean(values))
    axis.axvline(mean, color=ORANGE, linewidth=1.2)
    axis.set_xlabel(label)
    axis.ticklabel_format(axis="x", useOffset=False)
    axis.xaxis.set_major_locator(MaxNLocator(5, min_n_ticks=2))
    axis.set_title(
        f"mean {mean:,.0f} ± {np.std(values):,.0f}, {len(values):,} episodes",
        fontsize=8.5,
        loc="right",
        color=ORANGE,
    )


def _heat_map(
    figure: Figure, axis: Axes, occupancy: Float[np.ndarray, "D V"], labels: list[str]
) -> None:
    """Draw occupancy relative to equal use of all bins; empty bins are grey."""
    relative = occupancy * occupancy.shape[1]
    shown = np.where(relative > 0, relative, np.nan)
    image = axis.imshow(
        shown,
        aspect="auto",
        interpolation="nearest",
        cmap="YlGnBu",
        norm=LogNorm(vmin=1e-2, vmax=occupancy.shape[1]),
    )
    axis.grid(False)
    axis.set_facecolor(_EMPTY)
    step = 1 if len(labels) <= 30 else int(np.ceil(len(labels) / 30))
    ticks = sorted({*range(0, len(labels), step), len(labels) - 2, len(labels) - 1})
    axis.set_yticks(ticks, [labels[tick] for tick in ticks], fontsize=7)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("bin")
    axis.set_title("occupancy of bins (1: equal use; grey: empty)", fontsize=8.5, loc="left")
    figure.colorbar(image, ax=axis, pad=0.015, aspect=35)


def _end_shares(
    axis: Axes, occupancy: Float[np.ndarray, "D V"], clipped: Float[np.ndarray, " D"]
) -> None:
    rows = np.arange(len(occupancy))
    axis.barh(rows, 100 * (occupancy[:, 0] + occupancy[:, -1]), color="#BBBBBB", height=0.8)
    axis.barh(rows, 100 * clipped, color=ORANGE, height=0.4)
    axis.grid(True, axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("% of values")
    axis.set_title("end bins (grey), clipped (orange)", fontsize=8.5, loc="right")
