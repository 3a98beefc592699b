"""A picture of one plan: sequences that the search keeps, drops and chooses."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tto.errors import TTOError
from tto.files import StrPath
from tto.planning.levels import Level, chosen_path, surviving
from tto.report.drawing.style import BLUE, ORANGE, PAGE_WIDTH, paper_style, save_figure

_DROPPED = "#BDBDBD"
_PALEST = 0.25  # place of the worst first action in the colour map


def draw_beam(
    levels: Sequence[Level],
    paths: Sequence[StrPath],
    *,
    dimension: int = 0,
    score: str = "return",
    dpi: int = 150,
) -> None:
    """Draw scores by depth, the candidates for the first action, and planned observations.

    The first panel shows scores less the best one at their depth, because scores differ more
    between depths than at one depth.

    Args:
        levels: levels of a beam search (`tto.planning.levels.beam_levels`).
        paths: files to write, in the formats of their suffixes.
        dimension: dimension of the observation in the third panel.
        score: name of the levels' scores.
        dpi: resolution of pixel formats.

    Raises:
        TTOError: there is no level, or no such dimension.
    """
    if not levels:
        raise TTOError("beam: expected at least one level, got none; plan with a horizon above 0")
    O = levels[0].observations.shape[-1]
    if not 0 <= dimension < O:
        raise TTOError(f"beam: expected a dimension below {O}, got {dimension}")
    levels = list(levels)
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, 2.35))
        values, actions, path = figure.subplots(1, 3, width_ratios=(1.1, 1.0, 1.1))
        _draw_values(values, levels)
        values.set(
            xlabel="transitions planned",
            ylabel=f"{score}, less the best",
            title="(a) sequences kept",
        )
        _draw_actions(actions, levels[0], chosen_path(levels)[0])
        actions.set(xlabel="action dimension", title="(b) first actions (darker: better)")
        _draw_observations(path, levels, dimension)
        path.set(xlabel="transitions ahead", title=f"(c) observation {dimension} predicted")
        _draw_legend(figure)
        save_figure(figure, paths, dpi=dpi)


def _draw_values(axis: Axes, levels: list[Level]) -> None:
    """Draw a tree of sequences by depth and score; a line joins each to the one it continues."""
    alive, best = surviving(levels), chosen_path(levels)
    behind = [level.scores - level.scores.max() for level in levels]
    edges: dict[str, list[np.ndarray]] = {_DROPPED: [], BLUE: []}
    for depth in range(1, len(levels)):
        for w, parent in enumerate(levels[depth].parents):
            ends = [(depth, behind[depth - 1][parent]), (depth + 1, behind[depth][w])]
            edges[BLUE if w in alive[depth] else _DROPPED].append(np.array(ends))
    for color, lines in edges.items():
        axis.add_collection(LineCollection(lines, colors=color, linewidths=0.5, alpha=0.7))
    for depth, (scores, kept) in enumerate(zip(behind, alive, strict=True), start=1):
        dropped = np.setdiff1d(np.arange(len(scores)), kept)
        for rows, color in ((dropped, _DROPPED), (kept, BLUE)):
            x = np.full(len(rows), depth)
            axis.plot(x, scores[rows], "o", markersize=2.4, color=color, markeredgewidth=0)
    chosen = [scores[w] for scores, w in zip(behind, best, strict=True)]
    axis.plot(range(1, len(levels) + 1), chosen, "-o", color=ORANGE, markersize=3.5, linewidth=1.6)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_actions(axis: Axes, level: Level, best: int) -> None:
    """Draw each kept first action as a line over its dimensions; darker ones are better."""
    dimensions = np.arange(1, level.actions.shape[-1] + 1)
    worst_first = np.argsort(level.scores)
    lines = [np.stack([dimensions, level.actions[w, 0]], axis=1) for w in worst_first]
    span = max(float(np.ptp(level.scores)), 1e-9)
    shades = _PALEST + (1 - _PALEST) * (level.scores[worst_first] - level.scores.min()) / span
    axis.add_collection(LineCollection(lines, colors=colormaps["Blues"](shades), linewidths=0.8))
    axis.plot(dimensions, level.actions[best, 0], "-o", color=ORANGE, markersize=3.5, linewidth=1.6)
    axis.set_xticks(dimensions)
    axis.margins(x=0.08, y=0.08)
    axis.autoscale_view()


def _draw_observations(axis: Axes, levels: list[Level], dimension: int) -> None:
    """Draw one dimension of observations; a path is wider if more sequences share it."""
    alive = surviving(levels)
    for depth, (level, kept) in enumerate(zip(levels, alive, strict=True)):
        last = depth == len(levels) - 1
        ended = kept if last else np.setdiff1d(np.arange(len(level.scores)), kept)
        lines, counts = np.unique(
            level.observations[ended, :, dimension], axis=0, return_counts=True
        )
        for line, count in zip(lines, counts, strict=True):
            width = 0.6 + 3.4 * np.sqrt(count / len(level.scores))
            color = BLUE if last else _DROPPED
            axis.plot(line, color=color, linewidth=width, alpha=0.6, zorder=2 if last else 1)
    axis.plot(
        levels[-1].observations[0, :, dimension], "-o", color=ORANGE, markersize=3.5, linewidth=1.6
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_legend(figure: Figure) -> None:
    entries = ((ORANGE, 1.6, "chosen"), (BLUE, 0.9, "kept to the end"), (_DROPPED, 0.9, "dropped"))
    handles = [Line2D([], [], color=c, linewidth=width, label=text) for c, width, text in entries]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
