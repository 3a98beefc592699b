"""Imitation (section 4.2): likelihood-maximising search on expert data, by predicted length.

Returns are in per cent of the expert data's own mean return, so that data collected locally can be
judged, too. The paper's normalised returns are in a column of their own.
"""

from collections.abc import Sequence

from tto.report.numbers.imitation import ImitationRow
from tto.report.numbers.statistics import INTERVALS
from tto.report.tables.formats import NOTHING, Column, Table, TableFiles, cell_text, write_tables

_NOTES = (
    "Return: per cent of the mean return of the expert data that the models were trained on. "
    "Score: D4RL's normalised score, mean ± standard deviation over rollouts. Predicted: number of "
    "transitions that the search looks ahead. BC: behaviour cloning with a feedforward network. "
    f"n: models x rollouts. In brackets the {INTERVALS}",
    "Paper: normalised return of beam search on D4RL's expert data (arXiv:2106.02039v1, section "
    "4.2), which states neither the predicted length nor a standard deviation.",
)


def write_imitation(rows: Sequence[ImitationRow], files: TableFiles) -> None:
    """Write the table in three formats."""
    columns = [
        Column("", "dataset", [row.dataset for row in rows], numeric=False),
        Column("", "method", [_method(row) for row in rows], numeric=False),
        Column("", "predicted", [_predicted(row) for row in rows]),
        Column("", "return (% of expert's)", [cell_text(row.percent) for row in rows]),
        Column("", "score", [cell_text(row.score) for row in rows]),
        Column("", "paper", [f"{row.paper:.0f} %" if row.paper else NOTHING for row in rows]),
        Column("", "n", [f"{row.seeds} x {row.count / row.seeds:g}" for row in rows]),
    ]
    cells = [_csv_cells(row) for row in rows]
    write_tables(files, cells, [Table(columns)], _NOTES, title="Imitation")


def _method(row: ImitationRow) -> str:
    return "BC" if row.predicted is None else "search"


def _predicted(row: ImitationRow) -> str:
    return NOTHING if row.predicted is None else str(row.predicted)


def _csv_cells(row: ImitationRow) -> dict[str, object]:
    return {
        "dataset": row.dataset,
        "method": row.method,
        "predicted_transitions": row.predicted,
        "percent": row.percent.value,
        "percent_low": row.percent.low,
        "percent_high": row.percent.high,
        "return_mean": row.returns.mean,
        "return_std": row.returns.std,
        "score_mean": row.score and row.score.mean,
        "score_std": row.score and row.score.std,
        "expert_return_mean": row.expert_return,
        "paper_percent": row.paper,
        "seeds": row.seeds,
        "count": row.count,
    }
