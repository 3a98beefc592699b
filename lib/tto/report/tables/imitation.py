"""Imitation (section 4.2): likelihood-maximising search on expert data, by predicted length.

Returns are per cent of the expert data's own mean return, so that data collected locally has a
yardstick of its own. The paper's normalised returns stand beside them.
"""

import re
from collections.abc import Sequence

from tto.files import StrPath
from tto.report.numbers.imitation import ImitationRow
from tto.report.numbers.statistics import INTERVALS
from tto.report.tables.formats import (
    NOTHING,
    Column,
    Table,
    html_page,
    markdown_page,
    write_csv,
    write_text,
)

PAPER_PERCENT = {"hopper": 104.0, "walker2d": 109.0}  # section 4.2, normalised returns
_SEARCH = re.compile(r"imitation_h(\d+)")
_BASELINE = "bc"
_NOTES = (
    "Return: per cent of the mean return of the expert data that the models were trained on. "
    "Score: D4RL's normalised score, mean ± standard deviation over rollouts. Predicted: "
    "transitions that the search looks ahead; BC: behaviour cloning with a feedforward network. "
    f"n: models x rollouts. In brackets the {INTERVALS}",
    "Paper: normalised return of beam search on D4RL's expert data (arXiv:2106.02039v1, section "
    "4.2), which states neither its predicted length nor its spread.",
)


def write_imitation(
    rows: Sequence[ImitationRow],
    *,
    csv: StrPath,
    markdown: StrPath,
    html: StrPath,
) -> None:
    """Write the table in three formats."""
    write_csv(csv, [_csv_cells(row) for row in rows])
    columns = [
        Column("", "dataset", [row.dataset for row in rows], numeric=False),
        Column("", "method", [_method(row) for row in rows], numeric=False),
        Column("", "predicted", [_predicted(row) for row in rows]),
        Column("", "return (% of expert's)", [row.percent.text() for row in rows]),
        Column("", "score", [row.score.text() if row.score else NOTHING for row in rows]),
        Column("", "paper", [f"{row.paper:.0f} %" if row.paper else NOTHING for row in rows]),
        Column("", "n", [f"{row.seeds} x {row.count / row.seeds:g}" for row in rows]),
    ]
    write_text(markdown, markdown_page([Table(columns)], _NOTES))
    write_text(html, html_page([Table(columns)], _NOTES, title="Imitation"))


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
