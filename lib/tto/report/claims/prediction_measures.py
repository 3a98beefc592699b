"""Numbers behind claims about prediction: log-likelihoods of held-out states, answers and times.

Likelihoods are compared on the same states, of the same episodes, in nats a state, and paired over
training seeds; of the paper's robot, the humanoid, alone where both models predict it. The
Transformer draws its own actions where the run lets it; the ensemble follows the recorded ones.
Shares of attention have a module of their own (`tto.report.claims.attention_measures`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tto.analysis.log_likelihoods import MARGINAL
from tto.data.environments import robot_of
from tto.report.claims.claim import Measure, Measured, Untested
from tto.report.claims.evidence import Evidence
from tto.report.numbers.names import label_of
from tto.report.numbers.statistics import Estimate, estimate, values_by_seed

TRANSFORMER, MARKOVIAN, GAUSSIAN, ENSEMBLE = (
    "transformer",
    "markovian",
    "gaussian",
    "ensemble_ts_inf",
)
_STATE = ["dataset", "seed", "episode", "step"]


def lead(ours: str, theirs: str) -> Measure:
    """Log-likelihood of one model less another's where all is seen, mean over all steps."""
    return lambda evidence: Measured(_estimate(_differences(_full(evidence), ours, theirs)))


def lead_at(step: int, ours: str, theirs: str) -> Measure:
    """The same at one step; a run that predicts fewer does not test it."""

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        steps = _steps(rows)
        if steps < step:
            raise Untested(f"{steps} steps are predicted in this run, not {step}")
        return Measured(_estimate(_differences(_at(rows, step), ours, theirs)))

    return measure


def slower_decay(ours: str, theirs: str) -> Measure:
    """How much less of one model's log-likelihood is lost from the first step to the last."""

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        first, last = (_differences(_at(rows, t), ours, theirs) for t in (1, _steps(rows)))
        return Measured(_estimate(_minus(last, first)))

    return measure


def loss_of(model: str) -> Measure:
    """A model's log-likelihood at the first step less that at the last."""

    def measure(evidence: Evidence) -> Measured:
        rows = _of_humanoid(_of(_full(evidence), model))
        first, last = (_by_seed(_at(rows, t)) for t in (1, _steps(rows)))
        return Measured(_estimate(_minus(first, last)))

    return measure


def useful_steps(model: str, *, claimed: int) -> Measure:
    """The first step at which a model is worse than the training data's own marginal.

    Of each seed: the first step at which its log-likelihood, mean over episodes, falls below the
    marginal's. Where it never does, the true number is larger than the steps that are predicted;
    one more than they are counts then, the least that it can be, and it judges only against the
    claim.

    Args:
        claimed: the most steps that the claim allows.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        ours = _of_humanoid(_of(rows, model))
        marginal = _of(rows, MARGINAL)
        steps, first = _steps(ours), {}
        for _, part in ours.groupby(["seed", "dataset"]):
            seed, dataset = part["seed"].iloc[0], part["dataset"].iloc[0]
            level = _by_step(_where(marginal, marginal["dataset"] == dataset))
            below = _by_step(part) < level
            fallen = int(below.argmax()) + 1 if below.any() else steps + 1
            first.setdefault(int(seed), []).append(fallen)
        by_seed = {seed: float(np.mean(values)) for seed, values in first.items()}
        never = sum(steps + 1 in values for values in first.values())
        found = _estimate(by_seed)
        if never and not (found.low is not None and found.low > claimed):
            return Measured(found, f"at least: of {never} seeds never within {steps} steps")
        return Measured(found)

    return measure


def right_answers(model: str) -> Measure:
    """Per cent of a classifier's answers that are right: is a trajectory predicted or real?"""

    def measure(evidence: Evidence) -> Measured:
        if evidence.answers is None:
            raise Untested("no classifier was asked about predicted trajectories in this run")
        rows = _of(evidence.answers, model)
        share = 100 * rows["right"] / rows["asked"]
        return Measured(_estimate(dict(zip(rows["seed"].tolist(), share.tolist(), strict=True))))

    return measure


def slowdown(slower: str, faster: str) -> Measure:
    """How many times as long one model's predicted step takes, by its median repetition."""

    def measure(evidence: Evidence) -> Measured:
        if evidence.times is None:
            raise Untested("no predicted step was timed in this run")
        ours, theirs = (_medians(_of(evidence.times, model)) for model in (slower, faster))
        common = ours.keys() & theirs.keys()
        return Measured(_estimate({seed: ours[seed] / theirs[seed] for seed in common}))

    return measure


def context_share(evidence: Evidence) -> Measured:
    """Per cent of the lead over the ensemble that is lost without context."""
    rows = _full(evidence)
    whole = _estimate(_differences(rows, TRANSFORMER, ENSEMBLE)).value
    if whole <= 0:
        raise Untested("the Transformer has no lead over the ensemble in this run")
    gains = _differences(rows, TRANSFORMER, MARKOVIAN)
    return Measured(_estimate({seed: 100 * gain / whole for seed, gain in gains.items()}))


def masked_gain(evidence: Evidence) -> Measured:
    """What context is worth where parts of the state are hidden, less where all is seen."""
    rows = _likelihoods(evidence)
    states: dict[str, set[str]] = {}
    for env, state in zip(rows["env"], rows["state"], strict=True):
        states.setdefault(robot_of(env), set()).add(state)
    both = [robot for robot, seen in states.items() if seen >= {"full", "masked"}]
    if not both:
        raise Untested("no robot with full and with masked states in this run")
    rows = _where(rows, [robot_of(env) in both for env in rows["env"]])
    masked, full = (
        _differences(_where(rows, rows["state"] == state), TRANSFORMER, MARKOVIAN)
        for state in ("masked", "full")
    )
    return Measured(_estimate(_minus(masked, full)))


def _likelihoods(evidence: Evidence) -> pd.DataFrame:
    if evidence.likelihoods is None:
        raise Untested("no model analysis in this run")
    return evidence.likelihoods


def _full(evidence: Evidence) -> pd.DataFrame:
    rows = _likelihoods(evidence)
    rows = _where(rows, rows["state"] == "full")
    if rows.empty:
        raise Untested("no fully observed states in this run's model analysis")
    return rows


def _where(rows: pd.DataFrame, mask: Any) -> pd.DataFrame:
    return rows.loc[np.asarray(mask, dtype=bool)]


def _of(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    rows = _where(rows, rows["model"] == model)
    if rows.empty:
        raise Untested(f"no {label_of(model)} in this run's model analysis")
    return rows


def _of_humanoid(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the humanoid, of which section 4.1 speaks; all rows where there are none."""
    humanoid = _where(rows, [robot_of(env) == "humanoid" for env in rows["env"]])
    return rows if humanoid.empty else humanoid


def _steps(rows: pd.DataFrame) -> int:
    return int(rows["step"].to_numpy().max())


def _at(rows: pd.DataFrame, step: int) -> pd.DataFrame:
    return _where(rows, rows["step"] == step)


def _medians(times: pd.DataFrame) -> dict[int, float]:
    """Of the repetitions of each seed, in seconds."""
    seconds = values_by_seed(times, "seconds")
    return {seed: float(np.median(values)) for seed, values in seconds.items()}


def _by_step(rows: pd.DataFrame) -> np.ndarray:
    """Mean log-likelihood over episodes at each step, in their order."""
    means = rows.pivot_table(index="step", values="log_likelihood", aggfunc="mean")
    return means["log_likelihood"].to_numpy()


def _differences(rows: pd.DataFrame, ours: str, theirs: str) -> dict[int, float]:
    """Mean of each seed over the states that both models were asked for."""
    pairs = _of(rows, ours).merge(_of(rows, theirs), on=_STATE, suffixes=("", "_theirs"))
    pairs = _of_humanoid(pairs)
    return _by_seed(
        pairs.assign(log_likelihood=pairs["log_likelihood"] - pairs["log_likelihood_theirs"])
    )


def _by_seed(rows: pd.DataFrame) -> dict[int, float]:
    """Mean log-likelihood of each seed; each dataset weighs the same."""
    values: dict[int, list[float]] = {}
    for _, part in rows.groupby(["seed", "dataset"]):
        mean = float(part["log_likelihood"].to_numpy().mean())
        values.setdefault(int(part["seed"].iloc[0]), []).append(mean)
    return {seed: float(np.mean(means)) for seed, means in values.items()}


def _minus(a: Mapping[int, float], b: Mapping[int, float]) -> dict[int, float]:
    return {seed: a[seed] - b[seed] for seed in a.keys() & b.keys()}


def _estimate(by_seed: Mapping[int, float]) -> Estimate:
    """Mean over seeds, with its interval."""
    if not by_seed:
        raise Untested("no seed that both models have")
    return estimate([np.array([by_seed[seed]]) for seed in sorted(by_seed)])
