"""Results on data of one's own: each method's returns beside those of the data's episodes."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from tto.data.environments import normalized_score
from tto.methods import OURS
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.names import OUR_METHODS, OURS_FIRST
from tto.report.numbers.statistics import INTERVALS, Estimate, difference_of, values_by_seed
from tto.report.numbers.summary import Spread, Summary, summarize
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables

_LESS = ("tto_less", "tto_less_low", "tto_less_high")  # TTO's returns less a method's
DATA, BEST = "data", "data_best"  # names of the rows of the dataset's own episodes
_LABELS = OUR_METHODS | {DATA: "data, mean", BEST: "data, best"}
_ORDER = (*OURS_FIRST, DATA, BEST)


def write_returns(
    results: pd.DataFrame, statistics: Iterable[DatasetStatistics], files: TableFiles
) -> None:
    """Write a row for each method on each dataset, and two for the dataset itself.

    Args:
        results: rows of `rollouts.csv` (`tto.evaluation.results.read_results`).
        statistics: statistics of the datasets.
        files: paths of the table.
    """
    rows = [
        _of_method(summary) | _difference(results, summary)
        for summary in summarize(results)
        if summary.method in _ORDER
    ]
    rows += [row for one in statistics for row in _of_data(one)]
    rows.sort(key=lambda row: (row["dataset"], _ORDER.index(row["method"])))
    notes = [
        "return: sum of the rewards of an episode, mean ± standard deviation over episodes. "
        "episodes: models x episodes of each."
    ]
    if any(row["score_mean"] is not None for row in rows):
        notes.append("score: 100 (return - random) / (expert - random), with D4RL's references.")
    if any(row["tto_less"] is not None for row in rows):
        over = "first states" if all(row["models"] in (1, None) for row in rows) else "models"
        notes.append(f"TTO less this: mean difference of returns, with 95 % intervals over {over}.")
    if any(row["iqm_low"] is not None for row in rows):
        notes.append(f"IQM: mean of the middle half of a model's returns, with its {INTERVALS}")
    else:
        notes.append("One model shows no interval: seeds: [0, 1, 2] trains three.")
    write_tables(files, rows, [Table(_columns(rows))], notes, title="Returns")


def _of_method(summary: Summary) -> dict[str, Any]:
    iqm = summary.return_iqm
    return {
        "dataset": summary.dataset,
        "env": summary.env,
        "method": summary.method,
        "return_mean": summary.returns.mean,
        "return_std": summary.returns.std,
        "score_mean": summary.score and summary.score.mean,
        "score_std": summary.score and summary.score.std,
        "iqm": iqm.value,
        "iqm_low": iqm.low,
        "iqm_high": iqm.high,
        "models": summary.seeds,
        "episodes": summary.count,
    }


def _difference(results: pd.DataFrame, summary: Summary) -> dict[str, float | None]:
    """TTO's returns less those of another method on the same data, with an interval."""
    of_data = results.loc[results["dataset"] == summary.dataset]
    ours, theirs = (
        values_by_seed(of_data.loc[of_data["method"] == name].sort_values("rollout"), "return")
        for name in (OURS, summary.method)
    )
    found = None if summary.method == OURS else difference_of(ours, theirs)
    value, low, high = found or (None, None, None)
    return dict(zip(_LESS, (value, low, high), strict=True))


def _of_data(data: DatasetStatistics) -> list[dict[str, Any]]:
    names = {"dataset": data.dataset, "env": data.env}
    nothing = dict.fromkeys(("score_std", "iqm", "iqm_low", "iqm_high", "models", *_LESS))
    best = normalized_score(data.env, data.return_max)
    mean = {"return_mean": data.return_mean, "return_std": data.return_std}
    return [
        {**names, "method": DATA, **mean, "score_mean": data.score_mean, **nothing}
        | {"episodes": data.episodes},
        {**names, "method": BEST, "return_mean": data.return_max, "return_std": None}
        | {"score_mean": best, **nothing, "episodes": 1},
    ]


def _columns(rows: Sequence[dict[str, Any]]) -> list[Column]:
    """Columns that have a value; the dataset's name only where there are several."""
    digits = digits_of([row["return_mean"] for row in rows])
    spreads = [cell_text(Spread(row["return_mean"], row["return_std"]), digits) for row in rows]
    columns = [Column("", "method", [_LABELS[row["method"]] for row in rows], numeric=False)]
    if len({row["dataset"] for row in rows}) > 1:
        columns.insert(0, Column("", "dataset", [row["dataset"] for row in rows], numeric=False))
    columns.append(Column("", "return", spreads))
    if any(row["score_mean"] is not None for row in rows):
        columns.append(Column("", "score", [cell_text(row["score_mean"]) for row in rows]))
    if any(row["iqm_low"] is not None for row in rows):
        cells = [_interval(row, digits) for row in rows]
        columns.append(Column("", "IQM", cells))
    if any(row["tto_less"] is not None for row in rows):
        columns.append(Column("", "TTO less this", [_less(row, digits) for row in rows]))
    return [*columns, Column("", "episodes", [_count(row) for row in rows])]


def digits_of(returns: Sequence[float]) -> int:
    """Digits after the point that returns of this size need."""
    largest = max(map(abs, returns))
    return 2 if largest < 10 else 1 if largest < 1000 else 0


def _less(row: dict[str, Any], digits: int) -> str:
    if row["tto_less"] is None:
        return ""
    return Estimate(*(row[name] for name in _LESS)).text(digits, signed=True)


def _interval(row: dict[str, Any], digits: int) -> str:
    if row["iqm_low"] is None:
        return ""
    return f"{row['iqm']:.{digits}f} [{row['iqm_low']:.{digits}f}, {row['iqm_high']:.{digits}f}]"


def _count(row: dict[str, Any]) -> str:
    models, episodes = row["models"], row["episodes"]
    if models is None or episodes % models:
        return f"{episodes:,}"
    return f"{models} x {episodes // models}"
