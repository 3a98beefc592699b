"""Measures of claims about prediction: log-likelihoods of held-out states, answers and times.

A measure takes a run's `Evidence`; functions with other arguments return a measure. Likelihoods are
compared on the same states of the same episodes, in nats per state, and paired over training seeds.
All seeds predict the same episodes, so an interval covers those over seeds and over episodes.
If both models predict the paper's robot, the humanoid, only its states count. The Transformer
samples its own actions if the run lets it, and the collecting policy acts on the ensemble's states;
else both get the recorded actions. Of the ensemble's two ways to propagate, the better one counts.
Measures of attention are in `tto.report.claims.attention_measures`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.analysis.log_likelihoods import MARGINAL, select
from tto.data.environments import robot_of
from tto.report.claims.claim import SINGLE, Measure, Measured, Untested
from tto.report.claims.evidence import Evidence, where
from tto.report.numbers.names import label_of
from tto.report.numbers.statistics import (
    Estimate,
    estimate,
    highest,
    in_percent,
    lowest,
    shared_trial_difference,
    shared_trial_mean,
    success_rate,
    values_by_seed,
)

TRANSFORMER, MARKOVIAN, GAUSSIAN = "transformer", "markovian", "gaussian"
ENSEMBLES = ("ensemble_ts_inf", "ensemble_ts1")  # one ensemble, propagated in two ways
_STATE = ["dataset", "seed", "episode", "step"]


def lead(ours: str, *theirs: str) -> Measure:
    """Return a measure: a model's log-likelihood less the best of others', all steps."""
    return lambda evidence: Measured(_lead(_full(evidence), ours, theirs))


def lead_at(step: int, ours: str, *theirs: str) -> Measure:
    """Return a measure: the same as `lead` at one step, untested if a run predicts fewer steps."""

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        steps = _steps(rows)
        if steps < step:
            raise Untested(f"{steps} steps are predicted in this run, not {step}")
        return Measured(_lead(select(rows, step=step), ours, theirs))

    return measure


def slower_decay(ours: str, *theirs: str) -> Measure:
    """Return a measure: how much less log-likelihood one model loses from first to last step."""

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        ends = [select(rows, step=step) for step in (1, _steps(rows))]
        losses = []
        for other in _present(rows, theirs):
            first, last = (_differences(part, ours, other) for part in ends)
            losses.append(_careful(last - first))
        return Measured(lowest(losses))

    return measure


def good_then_poor(*models: str) -> Measure:
    """Return a measure: how far models are above the marginal at first, and below it at last.

    The lowest number counts, of all models: the log-likelihood at the first step less that of the
    training data's marginal, and the marginal's at the last step less the model's.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        found = []
        for model in _present(rows, models):
            leads = _over_marginal(rows, model)
            found.append(_estimate({seed: lead[0] for seed, lead in leads.items()}))
            found.append(_estimate({seed: -lead[-1] for seed, lead in leads.items()}))
        return Measured(lowest(found))

    return measure


def accurate_steps(*models: str, claimed: int) -> Measure:
    """Return a measure: the first step at which a model is no better than the marginal.

    The marginal of the training data ignores the start. For each seed the first step counts at
    which the model's log-likelihood, mean over episodes, is no more than the marginal's, and of
    several models the one that lasts longest. If that step never comes, the true number exceeds the
    number of predicted steps. Then the smallest possible value counts, one more than the predicted
    steps, and the result is evidence only if it contradicts the claim.

    Args:
        models: names of the models.
        claimed: largest number of steps that agrees with the claim.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        steps, never, found = _steps(rows), 0, []
        for model in _present(rows, models):
            first = {}
            for seed, lead in _over_marginal(rows, model).items():
                lost = lead <= 0
                first[seed] = float(lost.argmax()) + 1 if lost.any() else steps + 1.0
            never = max(never, sum(step > steps for step in first.values()))
            found.append(_estimate(first))
        longest = highest(found)
        if never and not (longest.low is not None and longest.low > claimed):
            return Measured(longest, f"at least: of {never} seeds never within {steps} steps")
        return Measured(longest)

    return measure


def right_answers(model: str) -> Measure:
    """Return a measure: per cent of right answers of a classifier: is a trajectory predicted?"""

    def measure(evidence: Evidence) -> Measured:
        if evidence.answers is None:
            raise Untested("no classifier judged predicted trajectories in this run")
        rows = _of(evidence.answers, model)
        pairs = zip(rows["right"].astype(int), rows["asked"].astype(int), strict=True)
        answers = [np.arange(asked) < right for right, asked in pairs]
        return Measured(in_percent(success_rate(answers)), SINGLE if len(answers) == 1 else None)

    return measure


def slowdown(slower: str, faster: str) -> Measure:
    """Return a measure: CPU time of a step of one model / another's, medians of repetitions."""

    def measure(evidence: Evidence) -> Measured:
        if evidence.times is None:
            raise Untested("no predicted step was timed in this run")
        ours, theirs = (_medians(_of(evidence.times, model)) for model in (slower, faster))
        common = ours.keys() & theirs.keys()
        return Measured(_estimate({seed: ours[seed] / theirs[seed] for seed in common}))

    return measure


def context_share(evidence: Evidence) -> Measured:
    """Return the per cent of the lead over the ensemble that is lost without context.

    Both are of datasets on which the Transformer, its variant and the ensemble predicted.
    """
    rows = _full(evidence)
    needed = (TRANSFORMER, MARKOVIAN, *_present(rows, ENSEMBLES))
    for model in needed:
        rows = where(rows, rows["dataset"].isin(_of(rows, model)["dataset"]))
    whole = _lead(rows, TRANSFORMER, ENSEMBLES)
    if whole.low is not None and whole.low <= 0:
        raise Untested("the Transformer has no sure lead over the ensemble in this run")
    return Measured(_careful(100 / whole.value * _differences(rows, TRANSFORMER, MARKOVIAN)))


def masked_gain(evidence: Evidence) -> Measured:
    """Return the gain by context with partially observed states less that with full ones.

    The two have different episodes, so the interval over episodes is Welch's.
    """
    rows = _likelihoods(evidence)
    states: dict[str, set[str]] = {}
    for env, state in zip(rows["env"], rows["state"], strict=True):
        states.setdefault(robot_of(env), set()).add(state)
    both = [robot for robot, seen in states.items() if seen >= {"full", "masked"}]
    if not both:
        raise Untested("no robot with full and with masked states in this run")
    rows = where(rows, [robot_of(env) in both for env in rows["env"]])
    masked, full = (
        _differences(select(rows, state=state), TRANSFORMER, MARKOVIAN)
        for state in ("masked", "full")
    )
    seeds = masked.index.intersection(full.index)
    parts = [_complete(part.loc[seeds]).to_numpy() for part in (masked, full)]
    return Measured(shared_trial_difference(*parts))


def _likelihoods(evidence: Evidence) -> pd.DataFrame:
    if evidence.likelihoods is None:
        raise Untested("no model analysis in this run")
    return evidence.likelihoods


def _full(evidence: Evidence) -> pd.DataFrame:
    rows = _likelihoods(evidence)
    rows = select(rows, state="full")
    if rows.empty:
        raise Untested("no fully observed states in this run's model analysis")
    return rows


def _of(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    rows = select(rows, model=model)
    if rows.empty:
        raise Untested(f"no {label_of(model)} in this run's model analysis")
    return rows


def _present(rows: pd.DataFrame, models: Sequence[str]) -> list[str]:
    """Return those of the models that a run has."""
    found = [model for model in models if len(select(rows, model=model))]
    if not found:
        raise Untested(f"no {label_of(models[0])} in this run's model analysis")
    return found


def _lead(rows: pd.DataFrame, ours: str, theirs: Sequence[str]) -> Estimate:
    """Return a model's log-likelihood less the best of others'."""
    others = _present(rows, theirs)
    return lowest(_careful(_differences(rows, ours, other)) for other in others)


def _over_marginal(rows: pd.DataFrame, model: str) -> dict[int, Float[np.ndarray, " steps"]]:
    """Return a model's log-likelihood at each step less the marginal's, for each seed."""
    marginal = _of(rows, MARGINAL)
    leads: dict[int, list[Float[np.ndarray, " steps"]]] = {}
    for _, part in _of_humanoid(_of(rows, model)).groupby(["seed", "dataset"]):
        level = _by_step(select(marginal, dataset=part["dataset"].iloc[0]))
        leads.setdefault(int(part["seed"].iloc[0]), []).append(_by_step(part) - level)
    return {seed: np.mean(parts, axis=0) for seed, parts in leads.items()}


def _of_humanoid(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of the humanoid, the robot of section 4.1, or all rows if there are none."""
    humanoid = where(rows, [robot_of(env) == "humanoid" for env in rows["env"]])
    return rows if humanoid.empty else humanoid


def _steps(rows: pd.DataFrame) -> int:
    return int(rows["step"].to_numpy().max())


def _medians(times: pd.DataFrame) -> dict[int, float]:
    """Return the median over repetitions for each seed, in seconds."""
    seconds = values_by_seed(times, "seconds")
    return {seed: float(np.median(values)) for seed, values in seconds.items()}


def _by_step(rows: pd.DataFrame) -> Float[np.ndarray, " steps"]:
    """Return the mean log-likelihood over episodes at each step."""
    means = rows.pivot_table(index="step", values="log_likelihood", aggfunc="mean")
    return means["log_likelihood"].to_numpy()


def _differences(rows: pd.DataFrame, ours: str, theirs: str) -> pd.DataFrame:
    """Return the mean difference over steps: a row for each seed, a column for each episode."""
    pairs = _of(rows, ours).merge(_of(rows, theirs), on=_STATE, suffixes=("", "_theirs"))
    pairs = _of_humanoid(pairs)
    pairs = pairs.assign(lead=pairs["log_likelihood"] - pairs["log_likelihood_theirs"])
    return pairs.pivot_table(index="seed", columns=["dataset", "episode"], values="lead")


def _careful(differences: pd.DataFrame) -> Estimate:
    """Return the mean of `_differences`, with an interval over seeds and over episodes."""
    return shared_trial_mean(_complete(differences).to_numpy())


def _complete(differences: pd.DataFrame) -> pd.DataFrame:
    """Return the episodes that all seeds predicted."""
    shared = differences.dropna(axis="columns")
    if shared.empty:
        raise Untested("no seed and episode that both models have")
    return shared


def _estimate(by_seed: Mapping[int, float]) -> Estimate:
    """Return the mean over seeds, with its interval."""
    if not by_seed:
        raise Untested("no seed that both models have")
    return estimate([np.array([by_seed[seed]]) for seed in sorted(by_seed)])
