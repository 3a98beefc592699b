"""Numbers behind claims about control: offline RL, imitation, goal reaching, sweeps, times.

Each function takes what a claim is about and returns its measure, which takes a run's `Evidence`.
Intervals are over models; a number over several datasets is, of each model's seed, the mean over
datasets, so that each dataset weighs the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tto.data.environments import robot_of
from tto.report.claims.claim import Measure, Measured, Untested
from tto.report.claims.evidence import Evidence
from tto.report.numbers.comparison import BASELINE, OURS
from tto.report.numbers.goal_reaching import goal_reaching_rows, in_percent
from tto.report.numbers.imitation import ImitationRow, imitation_rows
from tto.report.numbers.published import PaperRow, paper_row
from tto.report.numbers.statistics import (
    Estimate,
    estimate,
    paired_difference,
    shared_seeds,
    values_by_seed,
)

# What passes in the simulator between two actions, in milliseconds.
STEP_MS = {"hopper": 8.0, "walker2d": 8.0, "halfcheetah": 50.0}
NOT_D4RL = "not D4RL's data, so not comparable with published numbers"


def score_of(row: PaperRow) -> Measure:
    """Our normalised score on the data of a row of table 1."""

    def measure(evidence: Evidence) -> Measured:
        rows = _rows_of(evidence, row, OURS)
        return Measured(estimate(list(_scores(rows).values())), _published(rows))

    return measure


def mean_score(rows: Iterable[PaperRow]) -> Measure:
    """Our normalised score, mean over rows of table 1."""
    wanted = list(rows)

    def measure(evidence: Evidence) -> Measured:
        parts = [_rows_of(evidence, row, OURS) for row in wanted]
        return Measured(_mean_over([_scores(part) for part in parts]), _published(pd.concat(parts)))

    return measure


def minus_bc(row: PaperRow) -> Measure:
    """TTO's score less behaviour cloning's on the data of a row of table 1, paired over seeds."""

    def measure(evidence: Evidence) -> Measured:
        ours, theirs = (_scores(_rows_of(evidence, row, name)) for name in (OURS, BASELINE))
        paired = paired_difference(ours, theirs)
        if paired is None:
            raise Untested("no seed with both TTO and BC")
        return Measured(paired.difference)

    return measure


def mean_minus_bc(evidence: Evidence) -> Measured:
    """TTO's score less behaviour cloning's, mean over the datasets of offline RL."""
    by_dataset = _offline(evidence)
    pairs = [(_of(rows, OURS), _of(rows, BASELINE)) for rows in by_dataset]
    pairs = [(ours, theirs) for ours, theirs in pairs if len(theirs)]
    if not pairs:
        raise Untested("no behaviour cloning beside TTO in this run")
    differences = []
    for pair in pairs:
        a, b = map(_scores, pair)
        differences.append({seed: a[seed].mean() - b[seed].mean() for seed in a.keys() & b.keys()})
    return Measured(_mean_over(differences))


def mean_minus_data(evidence: Evidence) -> Measured:
    """TTO's score less the mean score of the data's own episodes, mean over datasets."""
    differences = []
    for rows in _offline(evidence):
        data = evidence.statistics.get(str(rows["dataset"].iloc[0]))
        if data is not None and data.score_mean is not None:
            scores = _scores(_of(rows, OURS))
            differences.append({s: values.mean() - data.score_mean for s, values in scores.items()})
    if not differences:
        raise Untested("no statistics of the data in this run")
    return Measured(_mean_over(differences))


def planning_time(evidence: Evidence) -> Measured:
    """Time of a plan for one episode alone over the time until the next action, mean of datasets.

    That time is what passes in the simulator between two actions.
    """
    ratios = []
    for rows in _offline(evidence):
        step = STEP_MS.get(robot_of(str(rows["env"].iloc[0])))
        if step is not None:
            ours = _of(rows, OURS)
            ratios.append(values_by_seed(ours.assign(ratio=ours["plan_ms_median"] / step), "ratio"))
    if not ratios:
        raise Untested(f"no robot out of {', '.join(STEP_MS)} in this run")
    return Measured(_mean_over(ratios))


def training_time(evidence: Evidence) -> Measured:
    """Hours of a model's training; another processor than the paper's judges nothing."""
    if not evidence.training_hours:
        raise Untested("no training times in this run")
    hours = estimate([np.array([value]) for value in evidence.training_hours])
    return Measured(hours, "another machine than the paper's V100, and other sizes")


def imitation_score(robot: str) -> Measure:
    """Normalised score of likelihood search with the longest prediction, on a robot's expert."""

    def measure(evidence: Evidence) -> Measured:
        row = _longest(_imitated(evidence, robot))
        assert evidence.rollouts is not None
        rows = _of(evidence.rollouts, row.method)
        rows = _where(rows, rows["dataset"] == row.dataset)
        return Measured(estimate(list(_scores(rows).values())), _published(rows))

    return measure


def imitation_percent(*robots: str, baseline: bool = False) -> Measure:
    """Return in per cent of the expert's own mean, of the robot where it is least.

    Of the search with the longest prediction, or of behaviour cloning. The interval reaches from
    the least lower end of all robots to the least upper end, so that all of them must meet what a
    claim asks.
    """

    def measure(evidence: Evidence) -> Measured:
        found = [_imitated(evidence, robot) for robot in robots]
        if baseline:
            rows = [row for part in found for row in part if row.predicted is None]
            if len(rows) < len(robots):
                raise Untested("no behaviour cloning on expert data in this run")
        else:
            rows = [_longest(part) for part in found]
        values, lows, highs = zip(*(row.percent for row in rows), strict=True)
        if None in lows or None in highs:
            return Measured(Estimate(min(values), None, None))
        return Measured(Estimate(min(values), min(lows), min(highs)))

    return measure


def goal_success(evidence: Evidence) -> Measured:
    """Share of reached goals in per cent, with its interval (`tto.report.tables.goal_reaching`)."""
    return Measured(in_percent(goal_reaching_rows(_goals(evidence))[0].success))


def path_ratio(evidence: Evidence) -> Measured:
    """Length of our paths over the collector's, mean over pairs that both reached."""
    ratio = goal_reaching_rows(_goals(evidence))[0].to_collector
    if ratio is None:
        raise Untested("no goal that both TTO and the collector reached")
    return Measured(ratio)


def switched(sweep: str, on: str, off: str, *, row: PaperRow | None = None) -> Measure:
    """What a setting is worth: trials with one value less those with another, paired over seeds.

    The two stand in a sweep as values or as lines; trials that differ in something else, too, are
    averaged. In scores, or in returns where the environment has none.

    Args:
        row: of table 1, on whose data alone; None takes all data of the sweep.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = evidence.sweeps.get(sweep)
        if rows is None:
            raise Untested(f"no sweep {sweep} in this run")
        if row is not None:
            rows = _where(rows, [paper_row(name) == row for name in rows["dataset"]])
        unit = "return" if rows["score"].isna().to_numpy().any() else "score"
        differences = []
        for _, part in rows.assign(state=_states(rows, on, off)).groupby("dataset"):
            a, b = (values_by_seed(_where(part, part["state"] == s), unit) for s in (on, off))
            shared = a.keys() & b.keys()
            differences.append({seed: a[seed].mean() - b[seed].mean() for seed in shared})
        if not any(differences):
            where = f" on {row.robot} {row.label}" if row else ""
            raise Untested(f"no {on} beside {off} in a sweep {sweep}{where} in this run")
        return Measured(_mean_over([part for part in differences if part]))

    return measure


def _states(rows: pd.DataFrame, on: str, off: str) -> list[str]:
    """Of each trial the value that is switched; a line's stands after the dataset's name."""
    return [
        value if value in (on, off) else line.rsplit(", ", 1)[-1]
        for value, line in zip(rows["value"], rows["line"], strict=True)
    ]


def _where(rows: pd.DataFrame, mask: Any) -> pd.DataFrame:
    return rows.loc[np.asarray(mask, dtype=bool)]


def _of(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    return _where(rows, rows["method"] == method)


def _offline(evidence: Evidence) -> list[pd.DataFrame]:
    """Rows of each dataset that TTO planned on."""
    rollouts = evidence.rollouts
    parts = [] if rollouts is None else [rows for _, rows in rollouts.groupby("dataset")]
    parts = [rows for rows in parts if OURS in set(rows["method"])]
    if not parts:
        raise Untested("no offline RL in this run")
    return parts


def _rows_of(evidence: Evidence, row: PaperRow, method: str) -> pd.DataFrame:
    """Rows of one method on the data of a row of table 1, D4RL's own where there are several."""
    parts = [part for part in _offline(evidence) if paper_row(part["dataset"].iloc[0]) == row]
    parts = [part for part in (_of(part, method) for part in parts) if len(part)]
    if not parts:
        raise Untested(f"no {method.upper()} on {row.robot} {row.label} in this run")
    return min(parts, key=lambda part: part["source"].iloc[0] != "d4rl")


def _scores(rows: pd.DataFrame) -> dict[int, np.ndarray]:
    if rows["score"].isna().to_numpy().any():
        raise Untested(f"no normalised score for {rows['env'].iloc[0]}")
    return values_by_seed(rows, "score")


def _published(rows: pd.DataFrame) -> str | None:
    return None if set(rows["source"]) == {"d4rl"} else NOT_D4RL


def _mean_over(parts: Iterable[Mapping[int, Any]]) -> Estimate:
    """Mean over datasets of each seed that all of them have, with its interval over seeds."""
    means = [{seed: float(np.mean(values)) for seed, values in part.items()} for part in parts]
    seeds = shared_seeds(means)
    if not seeds:
        raise Untested("no seed that all datasets have")
    return estimate([np.array([np.mean([part[seed] for part in means])]) for seed in seeds])


def _imitated(evidence: Evidence, robot: str) -> list[ImitationRow]:
    """Rows of the imitation table of a robot."""
    if evidence.rollouts is not None:
        for _, rows in evidence.rollouts.groupby("dataset"):
            searched = any(str(method).startswith("imitation_h") for method in rows["method"])
            if searched and robot_of(str(rows["env"].iloc[0])) == robot:
                return imitation_rows(rows, evidence.statistics.values())
    raise Untested(f"no imitation of a {robot} expert in this run")


def _longest(rows: Iterable[ImitationRow]) -> ImitationRow:
    """The search that predicts farthest; the paper states no length, and a best one is a choice."""
    return max((row for row in rows if row.predicted), key=lambda row: row.predicted or 0)


def _goals(evidence: Evidence) -> pd.DataFrame:
    if evidence.goals is None or "goal" not in set(evidence.goals["method"]):
        raise Untested("no goal reaching in this run")
    return evidence.goals
