"""Measures of claims about prediction: log-likelihoods of held-out states, answers and times.

A measure takes a run's `Evidence`; functions with other arguments return a measure. Likelihoods are
compared on the same states of the same episodes, in nats per state, and paired over training seeds.
If both models predict the paper's robot, the humanoid, only its states count. The Transformer
samples its own actions if the run lets it; the ensemble follows the recorded ones. Measures of
attention are in `tto.report.claims.attention_measures`.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.analysis.log_likelihoods import MARGINAL, select
from tto.data.environments import robot_of
from tto.report.claims.claim import Measure, Measured, Untested
from tto.report.claims.evidence import Evidence, where
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
    """Return a measure: a model's log-likelihood less another's, fully observed, all steps."""
    return lambda evidence: Measured(_estimate(_differences(_full(evidence), ours, theirs)))


def lead_at(step: int, ours: str, theirs: str) -> Measure:
    """Return a measure: the same as `lead` at one step, untested if a run predicts fewer steps."""

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        steps = _steps(rows)
        if steps < step:
            raise Untested(f"{steps} steps are predicted in this run, not {step}")
        return Measured(_estimate(_differences(select(rows, step=step), ours, theirs)))

    return measure


def slower_decay(ours: str, theirs: str) -> Measure:
    """Return a measure: how much less log-likelihood one model loses from first to last step."""

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        first, last = (_differences(select(rows, step=t), ours, theirs) for t in (1, _steps(rows)))
        return Measured(_estimate(_minus(last, first)))

    return measure


def loss_of(model: str) -> Measure:
    """Return a measure: a model's log-likelihood at the first step less that at the last."""

    def measure(evidence: Evidence) -> Measured:
        rows = _of_humanoid(_of(_full(evidence), model))
        first, last = (_by_seed(select(rows, step=t)) for t in (1, _steps(rows)))
        return Measured(_estimate(_minus(first, last)))

    return measure


def useful_steps(model: str, *, claimed: int) -> Measure:
    """Return a measure: the first step at which a model is worse than the data's own marginal.

    For each seed it is the first step at which the log-likelihood, mean over episodes, falls below
    that of the training data's marginal. If it never does, the true number exceeds the number of
    predicted steps. Then the smallest possible value counts, one more than the predicted steps, and
    the result is evidence only if it contradicts the claim.

    Args:
        model: name of the model.
        claimed: largest number of steps that agrees with the claim.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        ours = _of_humanoid(_of(rows, model))
        marginal = _of(rows, MARGINAL)
        steps, first = _steps(ours), {}
        for _, part in ours.groupby(["seed", "dataset"]):
            seed, dataset = part["seed"].iloc[0], part["dataset"].iloc[0]
            level = _by_step(select(marginal, dataset=dataset))
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
    """Return a measure: per cent of right answers of a classifier: is a trajectory predicted?"""

    def measure(evidence: Evidence) -> Measured:
        if evidence.answers is None:
            raise Untested("no classifier judged predicted trajectories in this run")
        rows = _of(evidence.answers, model)
        share = 100 * rows["right"] / rows["asked"]
        return Measured(_estimate(dict(zip(rows["seed"].tolist(), share.tolist(), strict=True))))

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
    """Return the per cent of the lead over the ensemble that is lost without context."""
    rows = _full(evidence)
    whole = _estimate(_differences(rows, TRANSFORMER, ENSEMBLE)).value
    if whole <= 0:
        raise Untested("the Transformer has no lead over the ensemble in this run")
    gains = _differences(rows, TRANSFORMER, MARKOVIAN)
    return Measured(_estimate({seed: 100 * gain / whole for seed, gain in gains.items()}))


def masked_gain(evidence: Evidence) -> Measured:
    """Return the gain by context with partially observed states less that with full ones."""
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
    return Measured(_estimate(_minus(masked, full)))


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


def _differences(rows: pd.DataFrame, ours: str, theirs: str) -> dict[int, float]:
    """Return the mean difference for each seed, over states that both models predicted."""
    pairs = _of(rows, ours).merge(_of(rows, theirs), on=_STATE, suffixes=("", "_theirs"))
    pairs = _of_humanoid(pairs)
    return _by_seed(
        pairs.assign(log_likelihood=pairs["log_likelihood"] - pairs["log_likelihood_theirs"])
    )


def _by_seed(rows: pd.DataFrame) -> dict[int, float]:
    """Return the mean log-likelihood for each seed; each dataset weighs the same."""
    values: dict[int, list[float]] = {}
    for _, part in rows.groupby(["seed", "dataset"]):
        mean = float(part["log_likelihood"].to_numpy().mean())
        values.setdefault(int(part["seed"].iloc[0]), []).append(mean)
    return {seed: float(np.mean(means)) for seed, means in values.items()}


def _minus(a: Mapping[int, float], b: Mapping[int, float]) -> dict[int, float]:
    return {seed: a[seed] - b[seed] for seed in a.keys() & b.keys()}


def _estimate(by_seed: Mapping[int, float]) -> Estimate:
    """Return the mean over seeds, with its interval."""
    if not by_seed:
        raise Untested("no seed that both models have")
    return estimate([np.array([by_seed[seed]]) for seed in sorted(by_seed)])
