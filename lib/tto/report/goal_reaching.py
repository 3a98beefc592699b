"""Goal reaching (section 4.2) against the scripted collector: success rate and length of paths."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tto.errors import TTOError
from tto.report.statistics import Estimate, estimate, success_rate
from tto.report.tables import (
    NOTHING,
    Column,
    Table,
    html_page,
    markdown_page,
    write_csv,
    write_text,
)

COLUMNS = ("method", "pair", "success", "path_length", "steps", "straight")
METHODS = {"goal": "TTO", "collector": "collector"}
_NOTES = (
    "Success: the goal is reached within the time limit; Wilson's 95 % interval over pairs of "
    "start and goal. Path lengths and steps are means over pairs that the method itself reached.",
    "Path / collector: mean of the ratio of path lengths over pairs that both reached; total: "
    "ratio of their summed lengths, which short ways hardly sway. Path / shortest: to the shortest "
    "way through the doors' centres to the goal's. Intervals: 95 %, percentile bootstrap over "
    "pairs, which says nothing about other models.",
)


@dataclass(frozen=True)
class GoalReachingRow:
    """One method over its pairs of start and goal; lengths in units of the world's side.

    Attributes:
        success: share of reached goals.
        path_length, steps: means over reached pairs; None if there is none.
        to_collector: mean over pairs of path length / the collector's.
        to_collector_total: sum of path lengths / sum of the collector's, over the same pairs.
        to_shortest: mean over pairs of path length / the shortest way's.
        pairs, reached, both_reached: how many stand behind these; the last with the collector.
    """

    method: str
    success: Estimate
    path_length: float | None
    steps: float | None
    to_collector: Estimate | None
    to_collector_total: Estimate | None
    to_shortest: Estimate | None
    pairs: int
    reached: int
    both_reached: int


def read_goal_reaching(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read `goal_reaching.csv`, one row for each method and pair, and check it.

    `success` is 0 or 1, `path_length` that of the way that was gone and `straight` of the shortest
    way through the doors, both in units of the world's side; `steps` in transitions.

    Raises:
        TTOError: missing columns, an empty cell, a length <= 0, two rows of one method and pair, an
            unknown method, or methods that went between other pairs than each other.
    """
    name = os.fspath(path)
    try:
        results = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise TTOError(f"{name}: expected a CSV file of goal reaching, got {error}") from error
    if tuple(results.columns) != COLUMNS or results.empty or results.isna().to_numpy().any():
        raise TTOError(
            f"{name}: expected rows with a value in each of {', '.join(COLUMNS)}, got "
            f"{len(results)} rows of {', '.join(results.columns)}: evaluate again"
        )
    if not results["success"].isin([0, 1]).to_numpy().all():
        raise TTOError(f"{name}: expected success as 0 or 1, got others: evaluate again")
    if not (results[["path_length", "straight"]].to_numpy(dtype=float) > 0).all():
        raise TTOError(f"{name}: expected path lengths above 0, got others: evaluate again")
    unknown = sorted(set(results["method"]) - set(METHODS))
    if unknown or results.duplicated(["method", "pair"]).any():
        raise TTOError(
            f"{name}: expected one row for each pair and method out of {', '.join(METHODS)}, got "
            f"{', '.join(unknown) or 'two of one'}: remove it"
        )
    if len({frozenset(rows["pair"]) for _, rows in results.groupby("method")}) > 1:
        raise TTOError(f"{name}: expected the same pairs for each method: evaluate again")
    return results


def goal_reaching_rows(results: pd.DataFrame, *, seed: int = 0) -> list[GoalReachingRow]:
    """A row a method, ours first.

    Args:
        results: of `read_goal_reaching`.
        seed: of the resampling.
    """
    by_method = {
        method: results[results["method"] == method].set_index("pair").sort_index()
        for method in METHODS
    }
    collector = by_method["collector"]
    return [_row(method, rows, collector, seed) for method, rows in by_method.items() if len(rows)]


def _row(method: str, rows: pd.DataFrame, collector: pd.DataFrame, seed: int) -> GoalReachingRow:
    reached = rows.loc[rows["success"].to_numpy(dtype=bool)]
    theirs = collector.loc[collector["success"].to_numpy(dtype=bool)]
    common = reached.index.intersection(theirs.index)
    lengths = np.stack(
        [frame.loc[common, "path_length"].to_numpy(dtype=float) for frame in (reached, theirs)], 1
    )
    own = reached[["path_length", "straight"]].to_numpy(dtype=float)
    other = method != "collector"
    return GoalReachingRow(
        method=method,
        success=success_rate(len(reached), len(rows)),
        path_length=float(own[:, 0].mean()) if len(own) else None,
        steps=float(reached["steps"].to_numpy(dtype=float).mean()) if len(own) else None,
        to_collector=_over_pairs(lengths, _mean_ratio, seed) if other else None,
        to_collector_total=_over_pairs(lengths, _total_ratio, seed) if other else None,
        to_shortest=_over_pairs(own, _mean_ratio, seed),
        pairs=len(rows),
        reached=len(reached),
        both_reached=len(common),
    )


def _over_pairs(
    lengths: np.ndarray, statistic: Callable[[np.ndarray], float], seed: int
) -> Estimate | None:
    """A statistic of `[pairs, 2]` lengths; None where no pair was reached."""
    return estimate(list(lengths[:, None]), statistic, seed=seed) if len(lengths) else None


def _mean_ratio(lengths: np.ndarray) -> float:
    return float((lengths[:, 0] / lengths[:, 1]).mean())


def _total_ratio(lengths: np.ndarray) -> float:
    return float(lengths[:, 0].sum() / lengths[:, 1].sum())


def write_goal_reaching(
    rows: Sequence[GoalReachingRow],
    *,
    csv: str | os.PathLike[str],
    markdown: str | os.PathLike[str],
    html: str | os.PathLike[str],
) -> None:
    """Write the table in three formats."""
    write_csv(csv, [_csv_cells(row) for row in rows])
    columns = [
        Column("", "method", [METHODS[row.method] for row in rows], numeric=False),
        Column("", "success (%)", [_percent(row.success) for row in rows]),
        Column("", "path / collector", [_text(row.to_collector) for row in rows]),
        Column("", "total", [_text(row.to_collector_total) for row in rows]),
        Column("", "path / shortest", [_text(row.to_shortest) for row in rows]),
        Column("", "path", [_number(row.path_length, 2) for row in rows]),
        Column("", "steps", [_number(row.steps, 1) for row in rows]),
        Column("", "reached", [f"{row.reached} of {row.pairs}" for row in rows]),
    ]
    write_text(markdown, markdown_page([Table(columns)], _NOTES))
    write_text(html, html_page([Table(columns)], _NOTES, title="Goal reaching"))


def _csv_cells(row: GoalReachingRow) -> dict[str, object]:
    cells: dict[str, object] = {"method": row.method}
    for name in ("success", "to_collector", "to_collector_total", "to_shortest"):
        value, low, high = getattr(row, name) or (None, None, None)
        cells |= {name: value, f"{name}_low": low, f"{name}_high": high}
    for name in ("path_length", "steps", "pairs", "reached", "both_reached"):
        cells[name] = getattr(row, name)
    return cells


def _percent(share: Estimate) -> str:
    value, low, high = share
    if low is None or high is None:
        return f"{100 * value:.1f}"
    return Estimate(100 * value, 100 * low, 100 * high).text()


def _text(ratio: Estimate | None) -> str:
    return NOTHING if ratio is None else ratio.text(2)


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
