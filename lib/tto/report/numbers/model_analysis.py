"""Predictions of held-out states, model by model, and what context is worth (section 4.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tto.analysis.log_likelihoods import select
from tto.data.environments import robot_of
from tto.report.numbers.names import STATE_TITLES, rank_of

CONTEXT, NO_CONTEXT = "transformer", "markovian"


@dataclass(frozen=True)
class SeedRange:
    """A mean over training seeds, and the lowest and highest seed."""

    mean: float
    low: float
    high: float

    def text(self, digits: int = 1) -> str:
        """For example `67.4 [55.0, 70.1]`."""
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


@dataclass(frozen=True)
class AnalysisRow:
    """One model on one dataset; steps are the first, the middle and the last one predicted.

    Attributes:
        log_likelihoods: of a state at these steps, in nats; the `oracle` bounds them.
        covered: share of dimensions in the predicted 90 % interval, over all steps.
        out_of_range: share of the true values outside the cells, over all steps.
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
    """Log-likelihood with the whole context less that of the Markovian variant, seed by seed.

    Attributes:
        gain: mean over all steps, in nats a state.
        last: at the last step.
    """

    dataset: str
    env: str
    state: str
    steps: int
    gain: SeedRange
    last: SeedRange


def analysis_rows(rows: pd.DataFrame) -> list[AnalysisRow]:
    """Rows of the table, by dataset and model."""
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
    """What the context beyond one transition is worth, of each dataset with both models."""
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
    """One paragraph: does long context matter?"""
    if not gains:
        return "Does long context matter? Not tested: there is no Markovian variant here."
    parts = ["Does long context matter?"]
    parts += [
        f"On {robot_of(gain.env)}, {STATE_TITLES[gain.state]}, the Transformer's log-likelihood "
        f"less that of its Markovian variant is {_signed(gain.gain)} nats a state on average over "
        f"{gain.steps} steps and {_signed(gain.last)} at the last, so context "
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
                f"On {robot}, where parts of the state are hidden it is worth {comparison} where "
                "all is seen."
            )
    return " ".join(parts)


def _signed(spread: SeedRange) -> str:
    return f"{spread.mean:+.1f} (seeds {spread.low:+.1f} to {spread.high:+.1f})"


def _verdict(spread: SeedRange) -> str:
    if spread.low > 0:
        return "helps in every seed"
    return "hurts in every seed" if spread.high < 0 else "makes no difference that the seeds share"
