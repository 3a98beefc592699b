"""Imitation (section 4.2): return against the number of predicted transitions."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tto.files import StrPath
from tto.report.drawing.interval_plot import draw_estimates, set_numeric_axis
from tto.report.drawing.style import LOOKS, PAGE_WIDTH, draw_legend, paper_style, save_figure
from tto.report.numbers.imitation import ImitationRow


def draw_imitation(
    rows: Sequence[ImitationRow], paths: Sequence[StrPath], *, dpi: int = 150
) -> None:
    """Draw return against predicted length, a panel for each dataset.

    The expert's mean and behaviour cloning are horizontal lines. Bands and error bars are the
    intervals of the rows.

    Args:
        rows: rows of the imitation table (`tto.report.numbers.imitation.imitation_rows`).
        paths: files to write, in the formats of their suffixes.
        dpi: resolution of pixel formats.
    """
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    with paper_style():
        figure = Figure(figsize=(min(PAGE_WIDTH, 0.3 + 2.6 * len(datasets)), 2.5))
        axes = figure.subplots(1, len(datasets), sharey=True, squeeze=False)[0]
        for axis, dataset in zip(axes, datasets, strict=True):
            _draw_panel(axis, [row for row in rows if row.dataset == dataset])
            axis.set_title(dataset)
        axes[0].set_ylabel("return (% of the expert's mean)")
        handles = {
            label: handle
            for axis in axes
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        draw_legend(figure, handles)
        save_figure(figure, paths, dpi=dpi)


def _draw_panel(axis: Axes, rows: Sequence[ImitationRow]) -> None:
    search, cloning, *_ = LOOKS
    axis.axhline(100, color="black", linewidth=0.9, label="mean of the expert's data")
    for row in rows:
        if row.predicted is None:
            value, low, high = row.percent
            axis.axhline(
                value, color=cloning.color, linestyle=cloning.line, label="behaviour cloning"
            )
            if low is not None and high is not None:
                axis.axhspan(low, high, color=cloning.color, alpha=0.15, linewidth=0)
    searches = {float(row.predicted): row.percent for row in rows if row.predicted is not None}
    draw_estimates(axis, searches, look=search, label="beam search (TTO)")
    set_numeric_axis(axis, list(searches))
    axis.set_xlabel("predicted transitions")
