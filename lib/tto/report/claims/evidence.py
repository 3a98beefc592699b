"""Rows of a run's files that claims are tested with.

The files are of evaluated episodes, goal reaching, statistics of datasets, sweeps, log-likelihoods
of held-out states, shares of attention, a classifier's answers about predicted trajectories, and
times of predicted steps, of plans and of trainings.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tto.analysis.heads_file import read_heads
from tto.analysis.indistinguishable import read_indistinguishable
from tto.analysis.log_likelihoods import read_log_likelihoods
from tto.analysis.prediction_times import read_prediction_times
from tto.errors import TTOError
from tto.evaluation.goal_rows import read_goal_rows
from tto.evaluation.plan_times import read_plan_times
from tto.evaluation.results import read_results
from tto.evaluation.sweeps import read_sweep
from tto.files import StrPath
from tto.report.numbers.dataset_statistics import DatasetStatistics, read_statistics


@dataclass(frozen=True)
class Evidence:
    """Rows of a run; None, or empty, for an experiment that it does not have.

    Attributes:
        rollouts: rows of `rollouts.csv`.
        goals: rows of `goal_reaching.csv`.
        statistics: statistics of datasets, by name.
        sweeps: rows of `sweeps/<name>.csv`, by name.
        likelihoods: rows of `log_likelihoods.csv`.
        heads: shares of attention of the model in figure 3.
        answers: a classifier's answers to whether trajectories on figure 1's dataset are predicted
            or real.
        times: CPU seconds of a predicted step.
        plan_times: milliseconds of a plan, with its sizes and device, by environment.
        training_hours: training time of each model of offline RL.
    """

    rollouts: pd.DataFrame | None = None
    goals: pd.DataFrame | None = None
    statistics: Mapping[str, DatasetStatistics] = field(default_factory=dict)
    sweeps: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    likelihoods: pd.DataFrame | None = None
    heads: pd.DataFrame | None = None
    answers: pd.DataFrame | None = None
    times: pd.DataFrame | None = None
    plan_times: pd.DataFrame | None = None
    training_hours: Sequence[float] = ()


def read_evidence(
    *,
    rollouts: StrPath | None = None,
    goals: StrPath | None = None,
    statistics: Iterable[StrPath] = (),
    sweeps: Iterable[StrPath] = (),
    likelihoods: StrPath | None = None,
    heads: StrPath | None = None,
    answers: Sequence[StrPath] = (),
    times: Sequence[StrPath] = (),
    plan_times: StrPath | None = None,
    metrics: Iterable[StrPath] = (),
) -> Evidence:
    """Read and check a run's files; pass None for an experiment that it does not have.

    Args:
        heads: `attention.csv` of the model in figure 3.
        answers, times: files of `tto.analysis.indistinguishable` and `prediction_times`.
        plan_times: file of `tto.evaluation.plan_times`.
        metrics: `metrics.csv` of the models of offline RL.

    Raises:
        TTOError: a file is missing or damaged.
    """
    found = [read_sweep(path) for path in sweeps]
    return Evidence(
        rollouts=read_results(rollouts) if rollouts else None,
        goals=read_goal_rows(goals) if goals else None,
        statistics={row.dataset: row for row in read_statistics(statistics)},
        sweeps={str(rows["sweep"].iloc[0]): rows for rows in found},
        likelihoods=next(read_log_likelihoods([likelihoods])) if likelihoods else None,
        heads=read_heads(heads) if heads else None,
        answers=read_indistinguishable(answers) if answers else None,
        times=read_prediction_times(times) if times else None,
        plan_times=read_plan_times(plan_times) if plan_times else None,
        training_hours=[_training_hours(path) for path in metrics],
    )


def where(rows: pd.DataFrame, mask: Any) -> pd.DataFrame:
    """Return the rows at which a mask (one boolean for each row) is true."""
    return rows.loc[np.asarray(mask, dtype=bool)]


def _training_hours(path: StrPath) -> float:
    """Return the training time of one model in hours, from the last row of its metrics."""
    try:
        return float(pd.read_csv(path)["seconds"].iloc[-1]) / 3600
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise TTOError(
            f"{os.fspath(path)}: expected a training's metrics with seconds, got {error}; train "
            "again"
        ) from error
