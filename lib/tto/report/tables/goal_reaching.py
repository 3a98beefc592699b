"""Goal reaching (section 4.2) against the scripted collector: success rate and length of paths."""

from collections.abc import Sequence

from tto.files import StrPath
from tto.report.numbers.goal_reaching import GoalReachingRow, in_percent
from tto.report.numbers.names import GOAL_METHODS
from tto.report.numbers.statistics import Estimate
from tto.report.tables.formats import (
    NOTHING,
    Column,
    Table,
    html_page,
    markdown_page,
    write_csv,
    write_text,
)

_NOTES = (
    "Success: the goal is reached within the time limit. Path lengths and steps are means over "
    "pairs of start and goal that the method itself reached.",
    "Path / collector: mean of the ratio of path lengths over pairs that both reached; total: "
    "ratio of their summed lengths, which short ways hardly sway. Path / shortest: to the shortest "
    "way through the doors' centres to the goal's.",
    "In brackets 95 % intervals. Those over pairs (success: Wilson's; lengths: Student's t) take "
    "all pairs for independent, which those of one model are not. So with two models or more, each "
    "end is that of the interval over pairs or of Student's t over models, whichever reaches "
    "farther. With one model they are over pairs alone and say nothing about other models.",
)


def write_goal_reaching(
    rows: Sequence[GoalReachingRow],
    *,
    csv: StrPath,
    markdown: StrPath,
    html: StrPath,
) -> None:
    """Write the table in three formats."""
    write_csv(csv, [_csv_cells(row) for row in rows])
    columns = [
        Column("", "method", [GOAL_METHODS[row.method] for row in rows], numeric=False),
        Column("", "success (%)", [in_percent(row.success).text() for row in rows]),
        Column("", "path / collector", [_text(row.to_collector) for row in rows]),
        Column("", "total", [_text(row.to_collector_total) for row in rows]),
        Column("", "path / shortest", [_text(row.to_shortest) for row in rows]),
        Column("", "path", [_number(row.path_length, 2) for row in rows]),
        Column("", "steps", [_number(row.steps, 1) for row in rows]),
        Column("", "reached", [f"{row.reached} of {row.pairs}" for row in rows]),
        Column("", "models", [str(row.models) for row in rows]),
    ]
    write_text(markdown, markdown_page([Table(columns)], _NOTES))
    write_text(html, html_page([Table(columns)], _NOTES, title="Goal reaching"))


def _csv_cells(row: GoalReachingRow) -> dict[str, object]:
    cells: dict[str, object] = {"method": row.method}
    for name in ("success", "to_collector", "to_collector_total", "to_shortest"):
        value, low, high = getattr(row, name) or (None, None, None)
        cells |= {name: value, f"{name}_low": low, f"{name}_high": high}
    for name in ("path_length", "steps", "pairs", "reached", "both_reached", "models"):
        cells[name] = getattr(row, name)
    return cells


def _text(ratio: Estimate | None) -> str:
    return NOTHING if ratio is None else ratio.text(2)


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
