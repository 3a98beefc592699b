"""Ablations: return against one setting, with all others kept."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tto.files import StrPath
from tto.report.drawing.interval_plot import draw_estimates, set_numeric_axis
from tto.report.drawing.style import PAGE_WIDTH, draw_legend, look_of, paper_style, save_figure
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.statistics import Estimate, estimate, values_by_seed

_LEVEL_LABEL = "mean of the data"
_SWITCH = {"true": "on", "false": "off"}

Series = dict[str, dict[float | str, Estimate]]  # estimates by line and swept value


def sweep_estimates(rows: pd.DataFrame, unit: str) -> Series:
    """Return the mean over models for each curve and swept value, with its interval over models.

    The swept values are floats if all of them are numbers. Otherwise they are text, as in the rows,
    with on and off for true and false.

    Args:
        rows: rows of a sweep (`tto.evaluation.sweeps.read_sweep`).
        unit: `score` or `return`.
    """
    texts = [str(text) for text in dict.fromkeys(rows["value"])]
    names: dict[str, float | str] = {}
    try:
        names |= {text: float(text) for text in texts}
    except ValueError:
        names |= {text: _SWITCH.get(text.lower(), text) for text in texts}
    groups = {
        (str(part["line"].iloc[0]), str(part["value"].iloc[0])): part
        for _, part in rows.groupby(["line", "value"])
    }
    lines = list(dict.fromkeys(str(line) for line in rows["line"]))
    series: Series = {line: {} for line in lines}
    for line, value in sorted(groups, key=lambda key: (lines.index(key[0]), texts.index(key[1]))):
        units = list(values_by_seed(groups[line, value], unit).values())
        series[line][names[value]] = estimate(units)
    return series


def draw_ablation(
    rows: pd.DataFrame,
    paths: Sequence[StrPath],
    *,
    statistics: Iterable[DatasetStatistics] = (),
    label: str | None = None,
    line_key: str = "",
    dpi: int = 150,
) -> None:
    """Draw one sweep: lines if its values are numbers, bars if they are texts.

    The figure shows scores if every rollout has one, else returns. A thin line is the mean of a
    dataset's own episodes.

    Args:
        rows: rows of a sweep (`tto.evaluation.sweeps.read_sweep`).
        paths: files to write, in the formats of their suffixes.
        statistics: statistics of datasets; those of other datasets than the sweep's are ignored.
        label: label of the horizontal axis; None takes the sweep's name.
        line_key: setting in which lines differ, if any; names the lines that are on or off.
        dpi: resolution of pixel formats.
    """
    unit = "return" if rows["score"].isna().to_numpy().any() else "score"
    series = sweep_estimates(rows, unit)
    levels = {
        row.dataset: row.return_mean if unit == "return" else row.score_mean for row in statistics
    }
    numeric = all(isinstance(value, float) for values in series.values() for value in values)
    with paper_style():
        figure = Figure(figsize=(0.55 * PAGE_WIDTH, 2.35 + 0.17 * (len(series) + 1)))
        axis = figure.subplots()
        (_draw_lines if numeric else _draw_bars)(axis, series)
        datasets = rows.drop_duplicates("dataset")
        first = dict(zip(map(str, datasets["line"]), map(str, datasets["dataset"]), strict=True))
        known = {line: level for line in first if (level := levels.get(first[line])) is not None}
        _draw_levels(axis, known, list(series), marked=numeric and len(known) > 1)
        axis.set_xlabel(label or str(rows["sweep"].iloc[0]).replace("_", " "))
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
        axis.set_ylabel("return" if unit == "return" else "normalised score")
        found = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
        names = {name: line_name(name, line_key) for name in series}
        names |= {_LEVEL_LABEL: _LEVEL_LABEL} if known else {}
        draw_legend(
            figure,
            {text: found[name] for name, text in names.items()},
            loc="outside upper left",
            columns=2 if len(series) > 2 else 1,
        )
        save_figure(figure, paths, dpi=dpi)


def line_name(line: str, key: str) -> str:
    """Return a line's name in the legend.

    `hopper, true` with the key `planning.reward_to_go` becomes `hopper, reward-to-go on`.
    """
    dataset, _, value = line.rpartition(", ")
    if value not in _SWITCH or not key:
        return line
    return f"{dataset}, {key.split('.')[-1].replace('_', '-')} {_SWITCH[value]}"


def _draw_lines(axis: Axes, series: Series) -> None:
    for index, (name, estimates) in enumerate(series.items()):
        places = {float(value): found for value, found in estimates.items()}
        draw_estimates(axis, places, look=look_of(index), label=name)
    set_numeric_axis(axis, [float(value) for values in series.values() for value in values])


def _draw_levels(
    axis: Axes, levels: Mapping[str, float], lines: Sequence[str], *, marked: bool
) -> None:
    """Draw the mean of each dataset's own episodes, with a marker at the right if `marked`."""
    for line_name, level in levels.items():
        look = look_of(lines.index(line_name))
        line = axis.axhline(level, color=look.color, linewidth=0.9, linestyle=(0, (1, 1.5)))
        line.set_path_effects([withStroke(linewidth=2.2, foreground="white")])
        if marked:
            axis.plot(
                [1.0],
                [level],
                marker=look.marker,
                color=look.color,
                markersize=3.5,
                transform=axis.get_yaxis_transform(),
                clip_on=False,
            )
    if levels:
        axis.plot([], [], color="black", linewidth=0.9, linestyle=(0, (1, 1.5)), label=_LEVEL_LABEL)


def _draw_bars(axis: Axes, series: Series) -> None:
    """Draw a group of bars for each value, a bar for each line."""
    values = list(dict.fromkeys(value for estimates in series.values() for value in estimates))
    width = 0.8 / len(series)
    for index, (dataset, estimates) in enumerate(series.items()):
        places = [values.index(value) + (index + 0.5) * width - 0.4 for value in estimates]
        heights = [found.value for found in estimates.values()]
        look = look_of(index)
        axis.bar(
            places,
            heights,
            width=0.92 * width,
            color=look.color,
            edgecolor="white",
            linewidth=0,
            hatch=look.hatch,
            label=dataset,
        )
        for place, (_, low, high) in zip(places, estimates.values(), strict=True):
            if low is not None and high is not None:
                bar = axis.vlines(place, low, high, color="black", linewidth=0.9)
                bar.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
    axis.axhline(0, color="black", linewidth=0.6)
    axis.set_xticks(range(len(values)), [str(value) for value in values])
    axis.tick_params(axis="x", length=0)
