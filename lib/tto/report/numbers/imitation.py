"""Imitation (section 4.2): returns in per cent of the expert data's own mean return.

This measure works for data collected locally, too. The paper's numbers are normalised returns.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tto.data.environments import robot_of
from tto.errors import TTOError
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.names import BASELINE
from tto.report.numbers.statistics import Estimate, estimate, values_by_seed
from tto.report.numbers.summary import Spread, spread

PAPER_PERCENT = {"hopper": 104.0, "walker2d": 109.0}  # section 4.2, normalised returns
_SEARCH = re.compile(r"imitation_h(\d+)")


@dataclass(frozen=True)
class ImitationRow:
    """One method on one expert dataset.

    Attributes:
        dataset, method: names, as in `rollouts.csv`.
        predicted: number of transitions that the search predicts; None for behaviour cloning.
        percent: mean return in per cent of the data's own, with its interval over seeds.
        returns: undiscounted returns.
        score: normalised scores; None if the environment has no reference.
        expert_return: mean return of the data.
        paper: published per cent; None for behaviour cloning and other robots.
        seeds, count: number of models, and of rollouts of all models together.
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
    """Return one row for each expert dataset and method, sorted by dataset.

    Within a dataset, searches are sorted by the number of predicted transitions, and behaviour
    cloning (`bc`) is last.

    Args:
        results: rows of `rollouts.csv`. Only the methods `imitation_h<transitions>` are used, and
            `bc` on datasets that have such a method.
        statistics: statistics of the expert datasets; those of other datasets are ignored.

    Raises:
        TTOError: no row has a method `imitation_h<transitions>`, or a dataset lacks statistics or
            has a mean return <= 0, of which no percentage can be taken.
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
                f"{experts.get(dataset)}; use data of an expert"
            )
    keys = [(d, _order(method), method) for d, method in groups if d in imitated]
    return [
        _row(groups[dataset, method], method, experts[dataset])
        for dataset, _, method in sorted((d, o, m) for d, o, m in keys if o is not None)
    ]


def _order(method: str) -> float | None:
    """Return predicted transitions, infinity for behaviour cloning, None for other methods."""
    match = _SEARCH.fullmatch(method)
    return float(match[1]) if match else np.inf if method == BASELINE else None


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
