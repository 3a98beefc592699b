"""Goal reaching (section 4.2) against the scripted collector: success rate and path lengths."""

from collections.abc import Sequence

from tto.report.numbers.goal_reaching import GoalReachingRow
from tto.report.numbers.names import GOAL_METHODS
from tto.report.numbers.statistics import in_percent
from tto.report.tables.formats import Column, Table, TableFiles, cell_text, write_tables

_NOTES = (
    "Success: the goal is reached within the time limit. Path lengths and steps are means over "
    "the pairs of start and goal that the method itself reached.",
    "Path / collector: mean ratio of path lengths over the pairs that both methods reached. Total: "
    "ratio of the summed lengths, which depends little on short paths. Path / shortest: ratio to "
    "the shortest path through the centres of doors to the centre of the goal.",
    "In brackets 95 % intervals. Intervals over pairs (success: Wilson's; lengths: Student's t) "
    "assume that all pairs are independent, but the pairs of one model are not. So with two models "
    "or more, each end is taken from the interval over pairs or from Student's t over models, "
    "whichever reaches farther. With one model, intervals are over pairs alone and say nothing "
    "about other models.",
)


def write_goal_reaching(rows: Sequence[GoalReachingRow], files: TableFiles) -> None:
    """Write the table in three formats."""
    columns = [
        Column("", "method", [GOAL_METHODS[row.method] for row in rows], numeric=False),
        Column("", "success (%)", [cell_text(in_percent(row.success)) for row in rows]),
        Column("", "path / collector", [cell_text(row.to_collector, 2) for row in rows]),
        Column("", "total", [cell_text(row.to_collector_total, 2) for row in rows]),
        Column("", "path / shortest", [cell_text(row.to_shortest, 2) for row in rows]),
        Column("", "path", [cell_text(row.path_length, 2) for row in rows]),
        Column("", "steps", [cell_text(row.steps) for row in rows]),
        Column("", "reached", [f"{row.reached} of {row.pairs}" for row in rows]),
        Column("", "models", [str(row.models) for row in rows]),
    ]
    cells = [_csv_cells(row) for row in rows]
    write_tables(files, cells, [Table(columns)], _NOTES, title="Goal reaching")


def _csv_cells(row: GoalReachingRow) -> dict[str, object]:
    cells: dict[str, object] = {"method": row.method}
    for name in ("success", "to_collector", "to_collector_total", "to_shortest"):
        value, low, high = getattr(row, name) or (None, None, None)
        cells |= {name: value, f"{name}_low": low, f"{name}_high": high}
    for name in ("path_length", "steps", "pairs", "reached", "both_reached", "models"):
        cells[name] = getattr(row, name)
    return cells
