"""Predictions of held-out states by each model, and the gain by context (section 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tto.analysis.log_likelihoods import select
from tto.data.environments import robot_of
from tto.report.numbers.names import STATE_TITLES, rank_of
from tto.report.numbers.statistics import Estimate

CONTEXT, NO_CONTEXT = "transformer", "markovian"


@dataclass(frozen=True)
class SeedRange:
    """A mean over training seeds, and the lowest and highest value among the seeds."""

    mean: float
    low: float
    high: float

    def text(self, digits: int = 1) -> str:
        """Return for example `67.4 [55.0, 70.1]`."""
        return Estimate(self.mean, self.low, self.high).text(digits)


@dataclass(frozen=True)
class AnalysisRow:
    """Results of one model on one dataset.

    Attributes:
        dataset, env, state, model: names, as in `log_likelihoods.csv`.
        steps: the first, the middle and the last predicted step.
        log_likelihoods: log-likelihoods of a state at these steps, in nats.
        oracle: upper bound of the log-likelihoods.
        covered: share of dimensions in the predicted 90 % interval, over all steps.
        out_of_range: share of the true values outside the cells, over all steps.
        seeds, episodes: number of training seeds and of held-out episodes.
    """

    dataset: str
    env: str
    state: str
    model: str
    steps: tuple[int, int, int]
    log_likelihoods: tuple[SeedRange, SeedRange, SeedRange]
    oracle: float
    covered: SeedRange
    out_of_range: float
    seeds: int
    episodes: int


@dataclass(frozen=True)
class ContextGain:
    """Log-likelihood of the Transformer less that of its Markovian variant, paired by seed.

    Attributes:
        dataset, env, state: names, as in `log_likelihoods.csv`.
        steps: number of predicted steps.
        gain: mean difference over all steps, in nats per state.
        last: difference at the last step, in nats per state.
    """

    dataset: str
    env: str
    state: str
    steps: int
    gain: SeedRange
    last: SeedRange


def analysis_rows(rows: pd.DataFrame) -> list[AnalysisRow]:
    """Return the rows of the table, by dataset and model.

    Args:
        rows: rows of `log_likelihoods.csv`.
    """
    models = sorted(set(rows["model"]), key=rank_of)
    parts = [
        select(rows, dataset=dataset, model=model)
        for dataset in sorted(set(rows["dataset"]))
        for model in models
    ]
    return [_row(part) for part in parts if len(part)]


def _row(rows: pd.DataFrame) -> AnalysisRow:
    last = int(rows["step"].to_numpy().max())
    steps = (1, (1 + last) // 2, last)
    first, middle, end = (_over_seeds(select(rows, step=step)) for step in steps)
    return AnalysisRow(
        **_first(rows, "dataset", "env", "state", "model"),
        steps=steps,
        log_likelihoods=(first, middle, end),
        oracle=float(rows["oracle"].to_numpy()[0]),
        covered=_over_seeds(rows, "covered"),
        out_of_range=float(rows["out_of_range"].to_numpy().mean()),
        seeds=len(set(rows["seed"])),
        episodes=len(set(rows["episode"])),
    )


def _first(rows: pd.DataFrame, *names: str) -> dict[str, Any]:
    return {name: str(rows[name].to_numpy()[0]) for name in names}


def _over_seeds(rows: pd.DataFrame, column: str = "log_likelihood") -> SeedRange:
    seeds = sorted(set(rows["seed"]))
    values = [select(rows, seed=seed)[column].to_numpy(dtype=float).mean() for seed in seeds]
    return SeedRange(float(np.mean(values)), float(min(values)), float(max(values)))


def context_gains(rows: pd.DataFrame) -> list[ContextGain]:
    """Return the gain by context beyond one transition, for each dataset with both models.

    Args:
        rows: rows of `log_likelihoods.csv`.
    """
    gains, keys = [], ["seed", "episode", "step"]
    for dataset in sorted(set(rows["dataset"])):
        part = select(rows, dataset=dataset)
        with_context, without = (select(part, model=name) for name in (CONTEXT, NO_CONTEXT))
        pairs = with_context.merge(without, on=keys, suffixes=("", "_without"))
        if pairs.empty:
            continue
        gain = pairs["log_likelihood"] - pairs["log_likelihood_without"]
        pairs = pairs.assign(gain=gain)
        last = int(pairs["step"].to_numpy().max())
        gains.append(
            ContextGain(
                **_first(pairs, "dataset", "env", "state"),
                steps=last,
                gain=_over_seeds(pairs, "gain"),
                last=_over_seeds(select(pairs, step=last), "gain"),
            )
        )
    return gains


def context_answer(gains: Sequence[ContextGain]) -> str:
    """Return a paragraph that answers whether long context matters."""
    if not gains:
        return "Does long context matter? Not tested: this run has no Markovian variant."
    parts = ["Does long context matter?"]
    parts += [
        f"On {robot_of(gain.env)}, {STATE_TITLES[gain.state]}, the Transformer's log-likelihood "
        f"less that of its Markovian variant is {_signed(gain.gain)} nats per state on average "
        f"over {gain.steps} steps and {_signed(gain.last)} at the last step, so context "
        f"{_verdict(gain.gain)}."
        for gain in gains
    ]
    for robot in dict.fromkeys(robot_of(gain.env) for gain in gains):
        by_state = {gain.state: gain.gain for gain in gains if robot_of(gain.env) == robot}
        if by_state.keys() == STATE_TITLES.keys():
            full, masked = by_state["full"], by_state["masked"]
            if masked.low > full.high:
                comparison = "more than"
            elif masked.high < full.low:
                comparison = "less than"
            else:
                comparison = "not distinguishably more or less than"
            parts.append(
                f"On {robot}, with a partially observed state context is worth {comparison} with a "
                "fully observed one."
            )
    return " ".join(parts)


def _signed(spread: SeedRange) -> str:
    return f"{spread.mean:+.1f} (seeds {spread.low:+.1f} to {spread.high:+.1f})"


def _verdict(spread: SeedRange) -> str:
    if spread.low > 0:
        return "helps in every seed"
    return "hurts in every seed" if spread.high < 0 else "makes no consistent difference"
