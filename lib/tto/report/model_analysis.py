"""Likelihood and calibration of predictions as tables, and what the numbers say about context.

A second table holds a classifier's answers: is a trajectory predicted or real?
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tto.analysis.likelihood import LEVEL
from tto.analysis.log_likelihoods import select
from tto.data.environments import robot_of
from tto.report.figure2 import TITLES, label_of, rank_of
from tto.report.statistics import success_rate
from tto.report.tables import Column, Table, html_page, markdown_page, write_csv, write_text

CONTEXT, NO_CONTEXT = "transformer", "markovian"


@dataclass(frozen=True)
class Spread:
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
    log_likelihoods: tuple[Spread, Spread, Spread]
    oracle: float
    covered: Spread
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
    gain: Spread
    last: Spread


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


def _over_seeds(rows: pd.DataFrame, column: str = "log_likelihood") -> Spread:
    seeds = sorted(set(rows["seed"]))
    values = [select(rows, seed=seed)[column].to_numpy(dtype=float).mean() for seed in seeds]
    return Spread(float(np.mean(values)), float(min(values)), float(max(values)))


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
        f"On {robot_of(gain.env)}, {TITLES[gain.state]}, the Transformer's log-likelihood less "
        f"that of its Markovian variant is {_signed(gain.gain)} nats a state on average over "
        f"{gain.steps} steps and {_signed(gain.last)} at the last, so context "
        f"{_verdict(gain.gain)}."
        for gain in gains
    ]
    for robot in dict.fromkeys(robot_of(gain.env) for gain in gains):
        by_state = {gain.state: gain.gain for gain in gains if robot_of(gain.env) == robot}
        if by_state.keys() == TITLES.keys():
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


def _signed(spread: Spread) -> str:
    return f"{spread.mean:+.1f} (seeds {spread.low:+.1f} to {spread.high:+.1f})"


def _verdict(spread: Spread) -> str:
    if spread.low > 0:
        return "helps in every seed"
    return "hurts in every seed" if spread.high < 0 else "makes no difference that the seeds share"


def write_model_analysis(
    rows: pd.DataFrame,
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
    answers: pd.DataFrame,
    trajectories: int,
) -> None:
    """Write the tables in three formats, with the answer about context below; CSV has the first.

    Args:
        rows: of `log_likelihoods.csv`.
        answers: rows of `tto.analysis.indistinguishable`.
        trajectories: sampled from each start, for the notes.
    """
    table = analysis_rows(rows)
    write_csv(csv, [_csv_cells(row) for row in table])
    names = ("first step", "middle step", "last step")
    columns = [
        Column("", "dataset", [row.dataset for row in table], numeric=False),
        Column("", "model", [label_of(row.model) for row in table], numeric=False),
        *(
            Column("", name, [row.log_likelihoods[i].text() for row in table])
            for i, name in enumerate(names)
        ),
        Column("", "oracle", [f"{row.oracle:.1f}" for row in table]),
        Column("", f"in {100 * LEVEL:.0f} % interval", [row.covered.text(2) for row in table]),
        Column("", "out of range", [f"{100 * row.out_of_range:.2g} %" for row in table]),
    ]
    steps = ", ".join(map(str, table[0].steps))
    notes = (
        f"Log-likelihood of held-out states in nats at steps {steps}, means with the lowest and "
        f"highest of {table[0].seeds} training seeds, over {table[0].episodes} episodes; each is "
        f"predicted from its first state by {trajectories} sampled trajectories. The ensemble has "
        "no policy: it follows the actions that were recorded in the episode, which favours it. "
        "The marginal of the training data is a prediction without any model.",
        "One estimator for all models: the share of the marginal that lies in the true value's "
        "cell (of as many equal cells as there are bins, the same for all models), over the cell's "
        "width, with one evenly spread trajectory added. Out of range: share of true values beyond "
        "the training data's range, which count into the outermost cells.",
        context_answer(context_gains(rows)),
        "Right answers: of a classifier that is asked whether trajectories are predicted or real, "
        "with 95 % intervals (Wilson); 50 % is guessing.",
    )
    tables = [Table(columns, "Likelihood and calibration"), _answers_table(answers)]
    write_text(markdown, markdown_page(tables, notes))
    write_text(html, html_page(tables, notes, title="Model analysis"))


def _answers_table(answers: pd.DataFrame) -> Table:
    """One row a model and seed."""
    shares = []
    for right, asked in zip(answers["right"].tolist(), answers["asked"].tolist(), strict=True):
        share, low, high = success_rate([np.arange(asked) < right])
        assert low is not None
        assert high is not None
        shares.append(f"{100 * share:.0f} [{100 * low:.0f}, {100 * high:.0f}]")
    return Table(
        [
            Column("", "dataset", [str(name) for name in answers["dataset"]], numeric=False),
            Column("", "model", [label_of(name) for name in answers["model"]], numeric=False),
            *(
                Column("", title, [str(number) for number in answers[column]])
                for title, column in (
                    ("seed", "seed"),
                    ("steps", "steps"),
                    ("trajectories of each kind", "trajectories"),
                )
            ),
            Column("", "right answers (%)", shares),
        ],
        "Can predicted trajectories be told from real ones?",
    )


def _csv_cells(row: AnalysisRow) -> dict[str, object]:
    cells: dict[str, object] = {"dataset": row.dataset, "state": row.state, "model": row.model}
    for step, spread in zip(row.steps, row.log_likelihoods, strict=True):
        name = {row.steps[0]: "first", row.steps[2]: "last"}.get(step, "middle")
        cells |= {
            f"{name}_step": step,
            f"{name}_log_likelihood": spread.mean,
            f"{name}_low": spread.low,
            f"{name}_high": spread.high,
        }
    return cells | {
        "oracle": row.oracle,
        "covered": row.covered.mean,
        "covered_low": row.covered.low,
        "covered_high": row.covered.high,
        "out_of_range": row.out_of_range,
        "seeds": row.seeds,
        "episodes": row.episodes,
    }
