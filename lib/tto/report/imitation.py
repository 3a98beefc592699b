"""Imitation (section 4.2): likelihood-maximising search on expert data, by predicted length.

Returns are per cent of the expert data's own mean return, so that data collected locally has a
yardstick of its own. The paper's normalised returns stand beside them.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tto.data.environments import robot_of
from tto.errors import TTOError
from tto.report.dataset_statistics import DatasetStatistics
from tto.report.interval_plot import draw_estimates, set_numeric_axis
from tto.report.statistics import INTERVALS, Estimate, estimate, values_by_seed
from tto.report.style import LOOKS, PAGE_WIDTH, paper_style, save_figure
from tto.report.summary import Spread, spread
from tto.report.tables import (
    NOTHING,
    Column,
    Table,
    html_page,
    markdown_page,
    write_csv,
    write_text,
)

PAPER_PERCENT = {"hopper": 104.0, "walker2d": 109.0}  # section 4.2, normalised returns
_SEARCH = re.compile(r"imitation_h(\d+)")
_BASELINE = "bc"
_NOTES = (
    "Return: per cent of the mean return of the expert data that the models were trained on. "
    "Score: D4RL's normalised score, mean ± standard deviation over rollouts. Predicted: "
    "transitions that the search looks ahead; BC: behaviour cloning with a feedforward network. "
    f"n: models x rollouts. In brackets the {INTERVALS}",
    "Paper: normalised return of beam search on D4RL's expert data (arXiv:2106.02039v1, section "
    "4.2), which states neither its predicted length nor its spread.",
)


@dataclass(frozen=True)
class ImitationRow:
    """One method on one expert dataset.

    Attributes:
        predicted: transitions that the search predicts; None for behaviour cloning.
        percent: mean return in per cent of the data's own, with its interval over seeds.
        score: normalised; None where the environment has no reference.
        expert_return: mean return of the data.
        paper: the published per cent; None for behaviour cloning and other robots.
        seeds, count: models, and rollouts of all models together.
    """

    dataset: str
    method: str
    predicted: int | None
    percent: Estimate
    returns: Spread
    score: Spread | None
    expert_return: float
    paper: float | None
    seeds: int
    count: int


def imitation_rows(
    results: pd.DataFrame, statistics: Iterable[DatasetStatistics]
) -> list[ImitationRow]:
    """Rows of the datasets that were imitated, by dataset: shortest prediction first, BC last.

    Args:
        results: rows of `rollouts.csv`; methods `imitation_h<transitions>` and `bc` are taken, of
            datasets that have one of the former.
        statistics: of those datasets at least.

    Raises:
        TTOError: no such row, or a dataset without statistics or with a mean return <= 0.
    """
    experts = {row.dataset: row.return_mean for row in statistics}
    groups = {
        (str(rows["dataset"].iloc[0]), str(rows["method"].iloc[0])): rows
        for _, rows in results.groupby(["dataset", "method"])
    }
    imitated = sorted({dataset for dataset, method in groups if _SEARCH.fullmatch(method)})
    if not imitated:
        raise TTOError("imitation: expected rollouts of methods imitation_h1, ..., got none")
    for dataset in imitated:
        if not experts.get(dataset, 0.0) > 0:
            raise TTOError(
                f"imitation: expected statistics of {dataset} with a mean return above 0, got "
                f"{experts.get(dataset)}: is it an expert's data?"
            )
    keys = [(d, _order(method), method) for d, method in groups if d in imitated]
    return [
        _row(groups[dataset, method], method, experts[dataset])
        for dataset, _, method in sorted((d, o, m) for d, o, m in keys if o is not None)
    ]


def _order(method: str) -> float | None:
    """Predicted transitions, infinity for behaviour cloning, None for other methods."""
    match = _SEARCH.fullmatch(method)
    return float(match[1]) if match else np.inf if method == _BASELINE else None


def _row(rows: pd.DataFrame, method: str, expert: float) -> ImitationRow:
    units = [100 * values / expert for values in values_by_seed(rows, "return").values()]
    scores = rows["score"].to_numpy(dtype=float)
    match = _SEARCH.fullmatch(method)
    return ImitationRow(
        dataset=str(rows["dataset"].iloc[0]),
        method=method,
        predicted=int(match[1]) if match else None,
        percent=estimate(units),
        returns=spread(rows["return"].to_numpy(dtype=float)),
        score=None if np.isnan(scores).any() else spread(scores),
        expert_return=expert,
        paper=PAPER_PERCENT.get(robot_of(str(rows["env"].iloc[0]))) if match else None,
        seeds=len(units),
        count=len(rows),
    )


def write_imitation(
    rows: Sequence[ImitationRow],
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
) -> None:
    """Write the table in three formats."""
    write_csv(csv, [_csv_cells(row) for row in rows])
    columns = [
        Column("", "dataset", [row.dataset for row in rows], numeric=False),
        Column("", "method", [_method(row) for row in rows], numeric=False),
        Column("", "predicted", [_predicted(row) for row in rows]),
        Column("", "return (% of expert's)", [row.percent.text() for row in rows]),
        Column("", "score", [row.score.text() if row.score else NOTHING for row in rows]),
        Column("", "paper", [f"{row.paper:.0f} %" if row.paper else NOTHING for row in rows]),
        Column("", "n", [f"{row.seeds} x {row.count / row.seeds:g}" for row in rows]),
    ]
    write_text(markdown, markdown_page([Table(columns)], _NOTES))
    write_text(html, html_page([Table(columns)], _NOTES, title="Imitation"))


def _method(row: ImitationRow) -> str:
    return "BC" if row.predicted is None else "search"


def _predicted(row: ImitationRow) -> str:
    return NOTHING if row.predicted is None else str(row.predicted)


def _csv_cells(row: ImitationRow) -> dict[str, object]:
    return {
        "dataset": row.dataset,
        "method": row.method,
        "predicted_transitions": row.predicted,
        "percent": row.percent.value,
        "percent_low": row.percent.low,
        "percent_high": row.percent.high,
        "return_mean": row.returns.mean,
        "return_std": row.returns.std,
        "score_mean": row.score and row.score.mean,
        "score_std": row.score and row.score.std,
        "expert_return_mean": row.expert_return,
        "paper_percent": row.paper,
        "seeds": row.seeds,
        "count": row.count,
    }


def draw_imitation(
    rows: Sequence[ImitationRow], paths: Sequence[str | os.PathLike[str]], *, dpi: int = 150
) -> None:
    """Return against predicted length, a panel a dataset, with the expert's mean and BC as lines.

    Bands and error bars are the intervals of the rows.
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
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles)
        )
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
