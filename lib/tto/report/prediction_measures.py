"""Numbers behind claims about prediction: log-likelihoods of held-out states, and attention.

Likelihoods are compared on the same states, of the same episodes, in nats a state, and paired over
training seeds; of the paper's robot, the humanoid, alone where both models predict it. Shares of
attention are those of figure 3, of one model.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tto.analysis.attention import clearest_heads
from tto.data.environments import robot_of
from tto.report.claim import Measured, Untested
from tto.report.evidence import Evidence
from tto.report.figure2 import label_of
from tto.report.statistics import Estimate, estimate

Measure = Callable[[Evidence], Measured]
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


def lead_at_end(ours: str, theirs: str, *, least_steps: int = 1) -> Measure:
    """The same at the last predicted step.

    Args:
        least_steps: what a claim is about; a run that predicts fewer does not test it.
    """

    def measure(evidence: Evidence) -> Measured:
        rows = _full(evidence)
        steps = _steps(rows)
        if steps < least_steps:
            raise Untested(f"{steps} steps are predicted in this run, not {least_steps}")
        return Measured(_estimate(_differences(_at(rows, steps), ours, theirs)))

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


def previous_transition(evidence: Evidence) -> Measured:
    """Share of its attention that a head pays to the transition before: of the head with most."""
    rows = _heads(evidence)
    heads = _where(rows, rows["kind"] == "head")
    return _single(max(float(share) for share in heads["previous_transition"].tolist()))


def striation(evidence: Evidence) -> Measured:
    """Attention of the striated head to its own dimension in older steps, over even attention's."""
    rows = _heads(evidence)
    even = _where(rows, rows["kind"] == "even")
    striated = _striated(rows)
    return _single(_only(striated, "same_dimension_older") / _only(even, "same_dimension_older"))


def actions_on_actions(evidence: Evidence) -> Measured:
    """Attention of the striated head's actions to past actions less that to past states."""
    striated = _striated(_heads(evidence))
    return _single(_only(striated, "actions_to_actions") - _only(striated, "actions_to_states"))


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


def _heads(evidence: Evidence) -> pd.DataFrame:
    if evidence.heads is None:
        raise Untested("no attention was measured in this run")
    return evidence.heads


def _striated(heads: pd.DataFrame) -> pd.DataFrame:
    """The row of figure 3's striated head."""
    layer, head = clearest_heads(heads)["striated"]
    return _where(heads, (heads["layer"] == layer) & (heads["head"] == head))


def _only(rows: pd.DataFrame, column: str) -> float:
    (value,) = rows[column].tolist()
    return float(value)


def _single(value: float) -> Measured:
    """Of one model, so without an interval."""
    return Measured(Estimate(value, None, None))
