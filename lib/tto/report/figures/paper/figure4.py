"""Figure 4 of the paper: scores of offline reinforcement learning, published and ours, as bars."""

import itertools
from collections.abc import Collection, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from tto.files import StrPath
from tto.report.drawing.style import PAGE_WIDTH, paper_style, save_figure
from tto.report.numbers.names import OUR_METHODS
from tto.report.numbers.paper_rows import PAPER_ROWS, ROBOTS, PaperRow, paper_row
from tto.report.numbers.published import read_published
from tto.report.numbers.summary import Spread, Summary, summarize

_HATCH = "/////"
_EDGE = "#4D4D4D"  # around pale bars
_HALO = withStroke(linewidth=1.4, foreground="white")  # shows black lines on dark bars
_GAP = 1.6  # distance between groups, in widths of a bar
_LEAST = 10.0  # smallest width of a panel, in widths of a bar


class BarLook(NamedTuple):
    """A method's name and colour."""

    label: str
    color: str


# From light to dark within the published and within ours, so that print in grey keeps the order.
PUBLISHED_LOOKS = {
    "bc": BarLook("BC", "#D6D6D6"),
    "mbop": BarLook("MBOP", "#8AC9EF"),
    "mopo": BarLook("MOPO", "#E69F00"),
    "cql": BarLook("CQL", "#009E73"),
    "tto": BarLook("TTO (paper)", "#98350F"),
}
_OUR_COLORS = {
    "bc": "#D6D6D6",
    "mbop": "#8AC9EF",
    "mopo": "#E69F00",
    "cql": "#009E73",
    "tto": "#0B3C6F",
    "iql": "#CC79A7",
    "dt": "#8A5A9E",
    "td3_bc": "#333333",
}
OUR_LOOKS = {name: BarLook(OUR_METHODS[name], color) for name, color in _OUR_COLORS.items()}


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

    The first row has the published bars, a panel for each robot with the paper's three kinds of
    data. The second row has ours, on the same axes; if some are of models that were trained on
    D4RL's data and some are not, the others are hatched. Datasets of the run that are not in the
    paper share a last panel, if they have a score. Error bars are standard deviations over seeds x
    rollouts, as in the paper.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        paths: files to write.
        dpi: resolution of pixel formats.
    """
    summaries = summarize(results)
    rows = [row for row in (published_panels(), our_panels(summaries)) if row]
    columns = max(map(len, rows))
    with paper_style():
        widths = [
            max(
                _LEAST,
                *(sum(len(g.bars) + _GAP for g in row[i].groups) for row in rows if i < len(row)),
            )
            for i in range(columns)
        ]
        figure = Figure(figsize=(PAGE_WIDTH, 0.5 + 2.25 * len(rows)))
        shape = {"squeeze": False, "width_ratios": widths, "sharey": True}
        axes = figure.subplots(len(rows), columns, **shape)
        sources = {bar.source for bar in _bars(rows[1:])}
        for row, of_row in zip(rows, axes, strict=True):
            for axis, panel in itertools.zip_longest(of_row, row):
                if panel is None or not panel.groups:
                    axis.set_axis_off()
                else:
                    _draw_panel(axis, panel, hatch=len(sources) > 1)
        for words, of_row in zip(("published", f"ours, {_data_of(sources)}"), axes, strict=False):
            first = next(axis for axis in of_row if axis.axison)
            first.set_ylabel(f"score ({words})")
            first.tick_params(labelleft=True)
        axes[0, 0].set_ylim(*_limits(rows))
        for row, of_row in zip(rows, axes, strict=True):
            _draw_legend(of_row[len(row) - 1], row)
        save_figure(figure, paths, dpi=dpi)


def published_panels() -> list[Panel]:
    """Return the published bars: a panel for each robot, a group for each kind of data."""
    published = read_published()
    return [
        Panel(
            robot,
            [
                BarGroup(
                    row.label,
                    [Bar(look, published[row][method]) for method, look in PUBLISHED_LOOKS.items()],
                )
                for row in PAPER_ROWS
                if row.robot == robot
            ],
        )
        for robot in ROBOTS
    ]


def our_panels(summaries: Sequence[Summary]) -> list[Panel]:
    """Return the bars of the run: a panel for each robot, then one for other data; or nothing."""
    shown = [s for s in summaries if s.method in OUR_LOOKS and s.score is not None]
    if not shown:
        return []
    panels = []
    for robot in ROBOTS:
        rows = [row for row in PAPER_ROWS if row.robot == robot]
        panels.append(Panel(robot, [group for row in rows for group in _groups(row, shown)]))
    others = dict.fromkeys(s.dataset for s in shown if paper_row(s.dataset) is None)
    if others:
        groups = [BarGroup(name, _our_bars(shown, name)) for name in others]
        panels.append(Panel("other data", groups))
    return panels


def _groups(row: PaperRow, shown: Sequence[Summary]) -> list[BarGroup]:
    """Return a group for each dataset of the run that is this row of the paper's."""
    names = list(dict.fromkeys(s.dataset for s in shown if paper_row(s.dataset) == row))
    several = len(names) > 1
    return [
        BarGroup(
            f"{row.label} {name.rsplit('-', 1)[-1]}" if several else row.label,
            _our_bars(shown, name),
        )
        for name in names
    ]


def _our_bars(shown: Sequence[Summary], dataset: str) -> list[Bar]:
    ours = {s.method: s for s in shown if s.dataset == dataset}
    return [
        Bar(look, score, source=ours[method].source)
        for method, look in OUR_LOOKS.items()
        if method in ours and (score := ours[method].score) is not None
    ]


def _data_of(sources: Collection[str]) -> str:
    """Return words for the data of our bars."""
    if sources == {"d4rl"}:
        return "D4RL's data"
    return "data collected here" if sources == {"collect"} else "other data"


def _bars(rows: Sequence[Sequence[Panel]]) -> list[Bar]:
    return [bar for row in rows for panel in row for group in panel.groups for bar in group.bars]


def _draw_panel(axis: Axes, panel: Panel, *, hatch: bool) -> None:
    position, ticks = 0.0, []
    for group in panel.groups:
        ticks.append(position + (len(group.bars) - 1) / 2)
        for i, bar in enumerate(group.bars):
            hatched = hatch and bar.hatched
            axis.bar(
                position + i,
                bar.score.mean,
                width=0.92,
                color=bar.look.color,
                edgecolor="white" if hatched else _EDGE,
                linewidth=0.0 if hatched else 0.4,
                hatch=_HATCH if hatched else None,
            )
            if bar.score.std is not None:
                bars = axis.errorbar(position + i, *bar.score, color="black", lw=0.7, capsize=1.3)
                bars.lines[2][0].set_path_effects([_HALO])
        position += len(group.bars) + _GAP
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xticks(ticks, [group.label for group in panel.groups], fontsize=7)
    axis.tick_params(axis="x", length=0)
    axis.set_xlim(-1.2, max(position - _GAP, _LEAST) + 0.2)
    axis.set_title(panel.title)


def _limits(rows: Sequence[Sequence[Panel]]) -> tuple[float, float]:
    """Return limits from 0, or below the lowest bar, to above the highest error bar."""
    spans = [(bar.score.mean, bar.score.std or 0.0) for bar in _bars(rows)]
    low = min(0.0, *(mean for mean, _ in spans))
    return 1.2 * low, 1.05 * max(mean + std for mean, std in spans)


def _draw_legend(axis: Axes, row: Sequence[Panel]) -> None:
    """Draw the legend of a row beside its last panel."""
    bars = _bars([row])
    looks = dict.fromkeys((*PUBLISHED_LOOKS.values(), *OUR_LOOKS.values()))
    handles = [
        Patch(facecolor=look.color, label=look.label)
        for look in looks
        if any(bar.look == look for bar in bars)
    ]
    sources = {bar.source for bar in bars}
    if len(sources) > 1:
        words = "data other than D4RL's"
        handles.append(
            Patch(facecolor="#555555", edgecolor="white", hatch=_HATCH, linewidth=0, label=words)
        )
    axis.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        handlelength=1.2,
        handleheight=0.9,
        handletextpad=0.4,
    )
