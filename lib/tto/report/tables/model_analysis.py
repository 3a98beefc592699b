"""Likelihood and calibration of predictions, and whether long context helps, as tables.

A second table shows how often a classifier tells predicted trajectories from real ones.
"""

import numpy as np
import pandas as pd

from tto.analysis.likelihood import LEVEL
from tto.report.numbers.model_analysis import (
    AnalysisRow,
    analysis_rows,
    context_answer,
    context_gains,
)
from tto.report.numbers.names import label_of
from tto.report.numbers.statistics import success_rate
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables


def write_model_analysis(
    rows: pd.DataFrame,
    files: TableFiles,
    *,
    answers: pd.DataFrame,
    trajectories: int,
) -> None:
    """Write the tables in three formats; a note says whether long context helps.

    The CSV file has the rows of the first table only.

    Args:
        rows: rows of `log_likelihoods.csv`.
        files: paths of the tables.
        answers: rows of `tto.analysis.indistinguishable`.
        trajectories: number of trajectories sampled from each start, for the notes.
    """
    table = analysis_rows(rows)
    names = ("first step", "middle step", "last step")
    columns = [
        Column("", "dataset", [row.dataset for row in table], numeric=False),
        Column("", "model", [label_of(row.model) for row in table], numeric=False),
        *(
            Column("", name, [row.log_likelihoods[i].text() for row in table])
            for i, name in enumerate(names)
        ),
        Column("", "oracle", [cell_text(row.oracle) for row in table]),
        Column("", f"in {100 * LEVEL:.0f} % interval", [row.covered.text(2) for row in table]),
        Column("", "out of range", [f"{100 * row.out_of_range:.2g} %" for row in table]),
    ]
    steps = ", ".join(map(str, table[0].steps))
    notes = (
        f"Log-likelihood of held-out states in nats at steps {steps}: mean over "
        f"{table[0].episodes} episodes and {table[0].seeds} training seeds, with the lowest and "
        f"the highest seed. Each episode is predicted from its first state by {trajectories} "
        "sampled trajectories. The Transformer predicts its actions, and the policies that "
        "collected the data act on the ensemble's states. Recorded actions, where a line names "
        "them, are those of the scored episode, and tell much about its states. The marginal of "
        "the training data is a prediction without any model.",
        "All models share one estimator: the model's probability of the true value's cell, divided "
        "by the cell's width. Cells are equally wide, as many as there are bins, and the same for "
        "all models; one evenly spread trajectory is added. Out of range: share of true values "
        "beyond the training data's range, which count into the outermost cells.",
        context_answer(context_gains(rows)),
        "Right answers: share of a classifier's answers to whether a trajectory is predicted or "
        "real that are right, with 95 % intervals (Wilson); guessing gives 50 %.",
    )
    tables = [Table(columns, "Likelihood and calibration"), _answers_table(answers)]
    cells = [_csv_cells(row) for row in table]
    write_tables(files, cells, tables, notes, title="Model analysis")


def _answers_table(answers: pd.DataFrame) -> Table:
    """Return a table with one row for each model and seed."""
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
