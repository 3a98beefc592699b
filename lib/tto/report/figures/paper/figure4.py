"""Figure 4 of the paper: scores of offline reinforcement learning, published and ours, as bars."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from tto.files import StrPath
from tto.report.drawing.style import PAGE_WIDTH, paper_style, save_figure
from tto.report.numbers.published import PAPER_ROWS, ROBOTS, PaperRow, paper_row, read_published
from tto.report.numbers.summary import Spread, Summary, summarize

_HATCH = "/////"
_HALO = withStroke(linewidth=1.4, foreground="white")  # shows black lines on dark bars
_GAP = 1.6  # distance between groups, in widths of a bar


class BarLook(NamedTuple):
    """A method's name and colour."""

    label: str
    color: str


# From light to dark within the published and within ours, so that print in grey keeps the order.
PUBLISHED_LOOKS = {
    "bc": BarLook("BC", "#E0E0E0"),
    "mbop": BarLook("MBOP", "#9BD3F3"),
    "mopo": BarLook("MOPO", "#E69F00"),
    "cql": BarLook("CQL", "#009E73"),
    "tto": BarLook("TTO (paper)", "#98350F"),
}
OUR_LOOKS = {"bc": BarLook("BC (ours)", "#8C8C8C"), "tto": BarLook("TTO (ours)", "#0B3C6F")}


class Bar(NamedTuple):
    """One bar: its look and normalised score, and the source of the training data."""

    look: BarLook
    score: Spread
    source: str = "d4rl"

    @property
    def hatched(self) -> bool:
        """Whether the training data is not D4RL's, so that published bars do not compare."""
        return self.source != "d4rl"


class BarGroup(NamedTuple):
    """Bars over one label of the horizontal axis."""

    label: str
    bars: Sequence[Bar]


class Panel(NamedTuple):
    """A title and groups of bars."""

    title: str
    groups: Sequence[BarGroup]


def draw_figure4(results: pd.DataFrame, paths: Sequence[StrPath], *, dpi: int = 150) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Each robot has a panel with the paper's three kinds of data, published bars first, ours last.
    Bars of models that were trained on data other than D4RL's are hatched. Datasets of the run that
    are not in the paper share a last panel, if they have a score. Error bars are standard
    deviations over seeds x rollouts, as in the paper.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        paths: files to write.
        dpi: resolution of pixel formats.
    """
    panels = make_panels(summarize(results))
    with paper_style():
        height = 2.75
        widths = [max(6.0, sum(len(g.bars) + _GAP for g in panel.groups)) for panel in panels]
        figure = Figure(figsize=(PAGE_WIDTH, height))
        axes = figure.subplots(1, len(panels), width_ratios=widths, sharey=True, squeeze=False)[0]
        for axis, panel in zip(axes, panels, strict=True):
            _draw_panel(axis, panel)
        axes[0].set_ylabel("normalised score")
        axes[0].set_ylim(*_limits(panels))
        _draw_legend(figure, panels)
        save_figure(figure, paths, dpi=dpi)


def make_panels(summaries: Sequence[Summary]) -> list[Panel]:
    """Return all bars of the figure."""
    shown = [s for s in summaries if s.method in OUR_LOOKS and s.score is not None]
    published = read_published()
    panels = []
    for robot in ROBOTS:
        rows = [row for row in PAPER_ROWS if row.robot == robot]
        groups = [group for row in rows for group in _groups(row, published[row], shown)]
        panels.append(Panel(robot, groups))
    others = dict.fromkeys(s.dataset for s in shown if paper_row(s.dataset) is None)
    if others:
        panels.append(
            Panel("other data", [BarGroup(name, _our_bars(shown, name)) for name in others])
        )
    return panels


def _groups(
    row: PaperRow, published: Mapping[str, Spread], shown: Sequence[Summary]
) -> list[BarGroup]:
    """Return a group for a row of the paper, or more if the run has several datasets for it."""
    bars = [Bar(look, published[method]) for method, look in PUBLISHED_LOOKS.items()]
    names = list(dict.fromkeys(s.dataset for s in shown if paper_row(s.dataset) == row))
    if len(names) <= 1:
        return [
            BarGroup(row.label, bars + [bar for name in names for bar in _our_bars(shown, name)])
        ]
    versions = [(name.rsplit("-", 1)[-1], _our_bars(shown, name)) for name in names]
    return [BarGroup(row.label, bars), *(BarGroup(*version) for version in versions)]


def _our_bars(shown: Sequence[Summary], dataset: str) -> list[Bar]:
    ours = {s.method: s for s in shown if s.dataset == dataset}
    return [
        Bar(look, score, source=ours[method].source)
        for method, look in OUR_LOOKS.items()
        if method in ours and (score := ours[method].score) is not None
    ]


def _draw_panel(axis: Axes, panel: Panel) -> None:
    position, ticks = 0.0, []
    for group in panel.groups:
        ticks.append(position + (len(group.bars) - 1) / 2)
        for bar in group.bars:
            axis.bar(
                position,
                bar.score.mean,
                width=0.92,
                color=bar.look.color,
                edgecolor="white" if bar.hatched else bar.look.color,
                linewidth=0.0,
                hatch=_HATCH if bar.hatched else None,
            )
            if bar.score.std is not None:
                bars = axis.errorbar(position, *bar.score, color="black", lw=0.7, capsize=1.3)
                bars.lines[2][0].set_path_effects([_HALO])
            position += 1
        position += _GAP
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xticks(ticks, [group.label for group in panel.groups])
    axis.tick_params(axis="x", length=0)
    axis.set_xlim(-1.2, position - _GAP + 0.2)
    axis.set_title(panel.title)


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    """Return limits from 0, or below the lowest bar, to above the highest error bar."""
    bars = [bar for panel in panels for group in panel.groups for bar in group.bars]
    spans = [(bar.score.mean, bar.score.std or 0.0) for bar in bars]
    low = min(0.0, *(mean for mean, _ in spans))
    return 1.2 * low, 1.05 * max(mean + std for mean, std in spans)


def _draw_legend(figure: Figure, panels: Sequence[Panel]) -> None:
    bars = [bar for panel in panels for group in panel.groups for bar in group.bars]
    handles = [
        Patch(facecolor=look.color, label=look.label)
        for look in (*PUBLISHED_LOOKS.values(), *OUR_LOOKS.values())
        if any(bar.look == look for bar in bars)
    ]
    sources = {bar.source for bar in bars if bar.hatched}
    if sources:
        label = "data collected locally" if sources == {"collect"} else "data other than D4RL's"
        handles.append(
            Patch(facecolor="#555555", edgecolor="white", hatch=_HATCH, linewidth=0, label=label)
        )
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        handlelength=1.2,
        handleheight=0.9,
        columnspacing=1.1,
        handletextpad=0.4,
    )
