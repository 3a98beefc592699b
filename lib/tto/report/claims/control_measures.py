"""Measures of claims about control: offline RL, imitation, goal reaching, sweeps, times.

A measure takes a run's `Evidence` and returns a number with its interval over models. Functions
with other arguments return a measure. A number over several datasets is averaged over datasets for
each seed first, so that each dataset weighs the same.
"""

import contextlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from tto.data.environments import STEP_MS, robot_of
from tto.errors import TTOError
from tto.methods import OURS
from tto.report.claims.claim import SINGLE, Measure, Measured, Untested
from tto.report.claims.evidence import Evidence, where
from tto.report.claims.rules import SCORE_MARGIN
from tto.report.numbers.dataset_statistics import DatasetStatistics
from tto.report.numbers.goal_reaching import goal_reaching_rows
from tto.report.numbers.imitation import ImitationRow, imitation_rows
from tto.report.numbers.names import BASELINE
from tto.report.numbers.paper_rows import PaperRow, paper_row
from tto.report.numbers.published import PUBLISHED_METHODS, read_published
from tto.report.numbers.statistics import (
    Estimate,
    Values,
    estimate,
    in_percent,
    lowest,
    paired_difference,
    shared_seeds,
    values_by_seed,
)

# Sizes of the paper's model (appendix A) and search (the authors' poster)
PAPER_PLAN = {"layers": 4, "width": 192, "beam_width": 256, "horizon": 10}
PRIOR_METHODS = [method for method in PUBLISHED_METHODS if method != OURS]
PriorScore = Literal["best on average", "best", "mean"]
UNLEARNED = "methods before it score below cloning or the data here: they learned too little"
NOT_D4RL = "not D4RL's data, so not comparable with published numbers"


def score_of(row: PaperRow) -> Measure:
    """Return a measure: our normalised score on the data of a row of table 1."""

    def measure(evidence: Evidence) -> Measured:
        rows = _rows_of(evidence, row, OURS)
        return Measured(estimate(list(_scores(rows).values())), _published(rows))

    return measure


def minus_prior(rows: Iterable[PaperRow], which: PriorScore) -> Measure:
    """Return a measure: TTO's score less that of the methods before it, mean over rows of table 1.

    On D4RL's data these are the published scores. On other data they are the scores of CQL, MOPO
    and MBOP as the run trained them on the same data, paired over seeds; CQL must be one of them,
    and behaviour cloning has claims of its own. A method that scores more than `SCORE_MARGIN`
    below the data's mean or the run's cloning on a row learned too little to be evidence there: a
    mean leaves it out, and a comparison with it alone is not tested.

    Args:
        rows: rows of table 1.
        which: "best on average" is the method with the highest mean over the rows, "best" that with
            the highest score in each row, "mean" the mean of all methods that learned enough.
    """
    wanted = list(rows)

    def measure(evidence: Evidence) -> Measured:
        parts = [_rows_of(evidence, row, OURS) for row in wanted]
        ours = [_scores(part) for part in parts]
        sources = set(pd.concat(parts)["source"])
        if sources == {"d4rl"}:
            published = [read_published()[row] for row in wanted]
            priors = [
                {m: dict.fromkeys(part, np.array([scores[m].mean])) for m in PRIOR_METHODS}
                for part, scores in zip(ours, published, strict=True)
            ]
        elif "d4rl" in sources:
            raise Untested("some data are D4RL's and some are not")
        else:
            priors = [_priors(evidence, row) for row in wanted]
        learned = [
            list(prior) if "d4rl" in sources else _learned(evidence, row, prior)
            for row, prior in zip(wanted, priors, strict=True)
        ]
        chosen = _chosen(priors, learned, which)
        differences = [
            {
                seed: part[seed].mean() - np.mean([prior[m][seed].mean() for m in methods])
                for seed in part
                if all(seed in prior[m] for m in methods)
            }
            for part, prior, methods in zip(ours, priors, chosen, strict=True)
        ]
        fit = all(set(names) <= set(of) for names, of in zip(chosen, learned, strict=True))
        return Measured(_mean_over(differences), None if fit else UNLEARNED)

    return measure


def _learned(
    evidence: Evidence, row: PaperRow, prior: Mapping[str, Mapping[int, Values]]
) -> list[str]:
    """Return the methods that are at least equal to the data and to the run's cloning."""
    needed = []
    with contextlib.suppress(Untested):
        needed += _mean_scores({BASELINE: _scores(_rows_of(evidence, row, BASELINE))}).values()
    data = _statistics_of(evidence, _rows_of(evidence, row, OURS))
    if data is not None and data.score_mean is not None:
        needed.append(data.score_mean)
    least = max(needed, default=-math.inf) - SCORE_MARGIN
    return [method for method, score in _mean_scores(prior).items() if score >= least]


def _mean_scores(scores: Mapping[str, Mapping[int, Values]]) -> dict[str, float]:
    """Return the mean over models of each method."""
    return {m: float(np.mean([v.mean() for v in of.values()])) for m, of in scores.items()}


def _priors(evidence: Evidence, row: PaperRow) -> dict[str, dict[int, Values]]:
    """Return scores by seed of the methods before TTO that the run has on a row's data."""
    found = {}
    for method in (name for name in PRIOR_METHODS if name != BASELINE):
        with contextlib.suppress(Untested):
            found[method] = _scores(_rows_of(evidence, row, method))
    if "cql" not in found:
        raise Untested(
            f"no CQL on the same data of {row.robot} {row.label} in this run; {NOT_D4RL}"
        )
    return found


def _chosen(
    priors: Sequence[Mapping[str, Mapping[int, Values]]],
    learned: Sequence[Sequence[str]],
    which: PriorScore,
) -> list[list[str]]:
    """Return the methods of each row that TTO is compared with."""
    shared = [m for m in PRIOR_METHODS if all(m in prior for prior in priors)]
    means = [_mean_scores(prior) for prior in priors]
    if which == "mean":
        return [[m for m in shared if m in of] or shared for of in learned]
    if which == "best on average":
        best = max(shared, key=lambda m: sum(row[m] for row in means))
        return [[best] for _ in priors]
    return [[max(shared, key=lambda m: row[m])] for row in means]


def minus_bc(row: PaperRow) -> Measure:
    """Return a measure: TTO's score less BC's on a row of table 1, paired over seeds."""

    def measure(evidence: Evidence) -> Measured:
        ours, theirs = (_scores(_rows_of(evidence, row, name)) for name in (OURS, BASELINE))
        paired = paired_difference(ours, theirs)
        if paired is None:
            raise Untested("no seed with both TTO and BC")
        return Measured(paired.difference)

    return measure


def mean_minus_bc(evidence: Evidence) -> Measured:
    """Return TTO's score less behaviour cloning's, mean over the datasets of offline RL."""
    differences = []
    for rows in _offline(evidence):
        ours, theirs = _of(rows, OURS), _of(rows, BASELINE)
        if theirs.empty:
            raise Untested(f"no behaviour cloning of {rows['dataset'].iloc[0]} in this run")
        differences.append(_differences(_scores(ours), _scores(theirs)))
    return Measured(_mean_over(differences))


def mean_minus_data(evidence: Evidence) -> Measured:
    """Return TTO's score less the mean score of the data's own episodes, mean over datasets."""
    differences = []
    for rows in _offline(evidence):
        data = _statistics_of(evidence, rows)
        if data is None or data.score_mean is None:
            name = rows["dataset"].iloc[0]
            raise Untested(f"no normalised score of the data of {name} in this run")
        scores = _scores(_of(rows, OURS))
        differences.append({s: values.mean() - data.score_mean for s, values in scores.items()})
    return Measured(_mean_over(differences))


def planning_time(evidence: Evidence) -> Measured:
    """Return the time of a plan of the paper's size / the simulated time of a step, slowest robot.

    It is one model's, so it has no interval.
    """
    rows = evidence.plan_times
    if rows is None:
        raise Untested("no plan was timed in this run")
    if not all((rows[name].to_numpy() == size).all() for name, size in PAPER_PLAN.items()):
        raise Untested("plans of other sizes than the paper's were timed in this run")
    pairs = zip(rows["env"], rows["plan_ms"], strict=True)
    return Measured(Estimate(max(ms / STEP_MS[robot_of(env)] for env, ms in pairs), None, None))


def training_time(evidence: Evidence) -> Measured:
    """Return the hours of a model's training; they are no evidence on another processor."""
    if not evidence.training_hours:
        raise Untested("no training times in this run")
    hours = estimate([np.array([value]) for value in evidence.training_hours])
    return Measured(hours, "another machine than the paper's V100, and other sizes")


def imitation_score(robot: str) -> Measure:
    """Return a measure: score of likelihood search with the longest prediction, on expert data."""

    def measure(evidence: Evidence) -> Measured:
        row = _longest(_imitated(evidence, robot))
        assert evidence.rollouts is not None
        rows = _of(evidence.rollouts, row.method)
        rows = where(rows, rows["dataset"] == row.dataset)
        return Measured(estimate(list(_scores(rows).values())), _published(rows))

    return measure


def imitation_percent(*robots: str, baseline: bool = False) -> Measure:
    """Return a measure: return in per cent of the expert's own mean, on the worst robot.

    All robots must meet the claim's condition (`tto.report.numbers.statistics.lowest`).

    Args:
        robots: names of the robots.
        baseline: whether to measure behaviour cloning, not the search with the longest prediction.
    """

    def measure(evidence: Evidence) -> Measured:
        found = [_imitated(evidence, robot) for robot in robots]
        if baseline:
            rows = [row for part in found for row in part if row.predicted is None]
            if len(rows) < len(robots):
                raise Untested("no behaviour cloning on expert data in this run")
        else:
            rows = [_longest(part) for part in found]
        return Measured(lowest(row.percent for row in rows))

    return measure


def goal_success(evidence: Evidence) -> Measured:
    """Return the share of reached goals in per cent (`tto.report.numbers.goal_reaching`)."""
    row = goal_reaching_rows(_goals(evidence))[0]
    return Measured(in_percent(row.success), SINGLE if row.models == 1 else None)


def path_ratio(evidence: Evidence) -> Measured:
    """Return the length of our paths over the collector's, mean over pairs that both reached."""
    row = goal_reaching_rows(_goals(evidence))[0]
    if row.to_collector is None:
        raise Untested("no goal that both TTO and the collector reached")
    return Measured(row.to_collector, SINGLE if row.models == 1 else None)


def switched(
    sweep: str, on: str, off: str, *, row: PaperRow | None = None, in_scores: bool = False
) -> Measure:
    """Return a measure: results with one value of a setting less those with another value.

    Results are paired over seeds. They are scores, or returns if the environment has no score. The
    two values are values or lines of a sweep; trials that differ in another setting are averaged.

    Args:
        sweep: name of the sweep.
        on, off: the two values.
        row: row of table 1 whose data is used; None uses all datasets of the sweep.
        in_scores: whether returns are no evidence, since the claim has a margin in points of score.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = evidence.sweeps.get(sweep)
        if rows is None:
            raise Untested(f"no sweep {sweep} in this run")
        if row is not None:
            rows = where(rows, [paper_row(name) == row for name in rows["dataset"]])
        unit = "return" if rows["score"].isna().to_numpy().any() else "score"
        differences = []
        for _, part in rows.assign(state=_states(rows, on, off)).groupby("dataset"):
            a, b = (values_by_seed(where(part, part["state"] == s), unit) for s in (on, off))
            differences.append(_differences(a, b))
        if not any(differences):
            data = f" on {row.robot} {row.label}" if row else ""
            raise Untested(f"no {on} beside {off} in a sweep {sweep}{data} in this run")
        unfit = "no normalised score in this sweep" if in_scores and unit == "return" else None
        return Measured(_mean_over([part for part in differences if part]), unfit)

    return measure


def _states(rows: pd.DataFrame, on: str, off: str) -> list[str]:
    """Return the switched value of each trial; a line has it after the dataset's name."""
    return [
        value if value in (on, off) else line.rsplit(", ", 1)[-1]
        for value, line in zip(rows["value"], rows["line"], strict=True)
    ]


def _of(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    return where(rows, rows["method"] == method)


def _offline(evidence: Evidence) -> list[pd.DataFrame]:
    """Return the rows of each dataset that TTO planned on."""
    rollouts = evidence.rollouts
    parts = [] if rollouts is None else [rows for _, rows in rollouts.groupby("dataset")]
    parts = [rows for rows in parts if OURS in set(rows["method"])]
    if not parts:
        raise Untested("no offline RL in this run")
    return parts


def _statistics_of(evidence: Evidence, rows: pd.DataFrame) -> DatasetStatistics | None:
    """Return the statistics of the dataset of some rows."""
    return evidence.statistics.get(str(rows["dataset"].iloc[0]))


def _rows_of(evidence: Evidence, row: PaperRow, method: str) -> pd.DataFrame:
    """Return a method's rows on the data of a row of table 1; D4RL's if there are several."""
    parts = [part for part in _offline(evidence) if paper_row(part["dataset"].iloc[0]) == row]
    parts = [part for part in (_of(part, method) for part in parts) if len(part)]
    if not parts:
        raise Untested(f"no {method.upper()} on {row.robot} {row.label} in this run")
    return min(parts, key=_not_published)


def _scores(rows: pd.DataFrame) -> dict[int, Values]:
    """Return normalised scores by seed."""
    if rows["score"].isna().to_numpy().any():
        raise Untested(f"no normalised score for {rows['env'].iloc[0]}")
    return values_by_seed(rows, "score")


def _published(rows: pd.DataFrame) -> str | None:
    """Return why rows do not compare with published numbers, or None if they do."""
    return None if set(rows["source"]) == {"d4rl"} else NOT_D4RL


def _not_published(rows: pd.DataFrame) -> bool:
    return _published(rows) is not None


def _differences(ours: Mapping[int, Values], theirs: Mapping[int, Values]) -> dict[int, float]:
    """Return mean of `ours` less mean of `theirs` for each seed that both have."""
    return {s: ours[s].mean() - theirs[s].mean() for s in ours.keys() & theirs.keys()}


def _mean_over(parts: Iterable[Mapping[int, Any]]) -> Estimate:
    """Return the mean over datasets, for seeds that all have, with its interval over seeds."""
    means = [{seed: float(np.mean(values)) for seed, values in part.items()} for part in parts]
    seeds = shared_seeds(means)
    if not seeds:
        raise Untested("no seed that all datasets have")
    return estimate([np.array([np.mean([part[seed] for part in means])]) for seed in seeds])


def _imitated(evidence: Evidence, robot: str) -> list[ImitationRow]:
    """Return the rows of the imitation table of a robot; of D4RL's data if there are several."""
    found = []
    for _, rows in () if evidence.rollouts is None else evidence.rollouts.groupby("dataset"):
        searched = any(str(method).startswith("imitation_h") for method in rows["method"])
        if searched and robot_of(str(rows["env"].iloc[0])) == robot:
            found.append(rows)
    if not found:
        raise Untested(f"no imitation of a {robot} expert in this run")
    rows = min(found, key=_not_published)
    try:
        return imitation_rows(rows, evidence.statistics.values())
    except TTOError as error:
        raise Untested(str(error)) from error


def _longest(rows: Iterable[ImitationRow]) -> ImitationRow:
    """Return the search with the longest prediction: the paper states none, so do not choose."""
    return max((row for row in rows if row.predicted), key=lambda row: row.predicted or 0)


def _goals(evidence: Evidence) -> pd.DataFrame:
    if evidence.goals is None or "goal" not in set(evidence.goals["method"]):
        raise Untested("no goal reaching in this run")
    return evidence.goals
