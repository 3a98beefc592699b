"""Likelihood and calibration of predictions as a table, and what the numbers say about context."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tto.analysis.likelihood import LEVEL
from tto.data.environments import robot_of
from tto.report.figure2 import LABELS, TITLES, label_of
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
    order = [*LABELS, *sorted(set(rows["model"]) - set(LABELS))]
    groups = rows.groupby(["dataset", "model"])
    keys = sorted(groups.groups, key=lambda key: (key[0], order.index(key[1])))
    return [_row(groups.get_group(key)) for key in keys]


def _row(rows: pd.DataFrame) -> AnalysisRow:
    first = rows.iloc[0]
    last = int(rows["step"].max())
    steps = (1, (1 + last) // 2, last)
    return AnalysisRow(
        dataset=str(first["dataset"]),
        env=str(first["env"]),
        state=str(first["state"]),
        model=str(first["model"]),
        steps=steps,
        log_likelihoods=tuple(_over_seeds(rows[rows["step"] == step]) for step in steps),  # type: ignore[arg-type]
        oracle=float(first["oracle"]),
        covered=_over_seeds(rows, "covered"),
        out_of_range=float(rows["out_of_range"].mean()),
        seeds=rows["seed"].nunique(),
        episodes=rows["episode"].nunique(),
    )


def _over_seeds(rows: pd.DataFrame, column: str = "log_likelihood") -> Spread:
    return _spread(rows.groupby("seed")[column].mean().to_numpy())


def _spread(values: np.ndarray) -> Spread:
    return Spread(float(values.mean()), float(values.min()), float(values.max()))


def context_gains(rows: pd.DataFrame) -> list[ContextGain]:
    """What the context beyond one transition is worth, of each dataset with both models."""
    gains = []
    for _, part in rows.groupby("dataset"):
        keys = ["seed", "episode", "step"]
        values = part.set_index(keys).groupby("model")["log_likelihood"]
        if not {CONTEXT, NO_CONTEXT} <= set(part["model"]):
            continue
        difference = (values.get_group(CONTEXT) - values.get_group(NO_CONTEXT)).dropna()
        last = int(part["step"].max())
        at_last = difference[difference.index.get_level_values("step") == last]
        overall, at_last = (d.groupby("seed").mean().to_numpy() for d in (difference, at_last))
        first = part.iloc[0]
        gains.append(
            ContextGain(
                dataset=str(first["dataset"]),
                env=str(first["env"]),
                state=str(first["state"]),
                steps=last,
                gain=_spread(overall),
                last=_spread(at_last),
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
    trajectories: int,
) -> None:
    """Write the table in three formats, with the answer about context below.

    Args:
        rows: of `log_likelihoods.csv`.
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
        f"predicted from its own first state by {trajectories} sampled trajectories.",
        "One estimator for all models: the share of the marginal that lies in the true value's "
        "cell (of as many equal cells as there are bins, the same for all models), over the cell's "
        "width, with one evenly spread trajectory added. Out of range: share of true values beyond "
        "the training data's range, which count into the outermost cells.",
        context_answer(context_gains(rows)),
    )
    write_text(markdown, markdown_page([Table(columns)], notes))
    write_text(html, html_page([Table(columns)], notes, title="Model analysis"))


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
