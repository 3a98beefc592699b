"""Goal reaching (section 4.2) against the scripted collector: success rate and length of paths."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.errors import TTOError
from tto.report.statistics import Estimate, success_rate, trial_mean
from tto.report.tables import (
    NOTHING,
    Column,
    Table,
    html_page,
    markdown_page,
    write_csv,
    write_text,
)

COLUMNS = ("method", "seed", "pair", "success", "path_length", "steps", "straight")
METHODS = {"goal": "TTO", "collector": "collector"}
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


@dataclass(frozen=True)
class GoalReachingRow:
    """One method over its pairs of start and goal; lengths in units of the world's side.

    Intervals are the wider of those over pairs and over models (`success_rate`, `trial_mean`).

    Attributes:
        success: share of reached goals.
        path_length, steps: means over reached pairs; None if there is none.
        to_collector: mean over pairs of path length / the collector's.
        to_collector_total: sum of path lengths / sum of the collector's, over the same pairs.
        to_shortest: mean over pairs of path length / the shortest way's.
        pairs, reached, both_reached: numbers of pairs behind these; the last with the collector.
        models: training seeds that the pairs are spread over.
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
    models: int


def read_goal_reaching(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read `goal_reaching.csv`, one row for each method and pair, and check it.

    `seed` is the model's, `success` is 0 or 1, `path_length` that of the way that was gone and
    `straight` of the shortest way through the doors, both in units of the world's side; `steps` in
    transitions.

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
    if (results.groupby("pair")["seed"].nunique() > 1).to_numpy().any():
        raise TTOError(f"{name}: expected one seed for each pair, got several: evaluate again")
    if len({frozenset(rows["pair"]) for _, rows in results.groupby("method")}) > 1:
        raise TTOError(f"{name}: expected the same pairs for each method: evaluate again")
    return results


def goal_reaching_rows(results: pd.DataFrame) -> list[GoalReachingRow]:
    """A row a method, ours first.

    Args:
        results: rows of `read_goal_reaching`.
    """
    by_method = {
        method: results[results["method"] == method].set_index("pair").sort_index()
        for method in METHODS
    }
    collector = by_method["collector"]
    return [_row(method, rows, collector) for method, rows in by_method.items() if len(rows)]


def _row(method: str, rows: pd.DataFrame, collector: pd.DataFrame) -> GoalReachingRow:
    reached = rows.loc[rows["success"].to_numpy(dtype=bool)]
    theirs = collector.loc[collector["success"].to_numpy(dtype=bool)]
    both = reached.loc[reached.index.intersection(theirs.index)]
    ways, collected = (
        frame.loc[both.index, "path_length"].to_numpy(dtype=float) for frame in (reached, theirs)
    )
    lengths = reached["path_length"].to_numpy(dtype=float)
    other = method != "collector"
    return GoalReachingRow(
        method=method,
        success=success_rate(_by_model(rows, rows["success"].to_numpy(dtype=float))),
        path_length=float(lengths.mean()) if len(lengths) else None,
        steps=float(reached["steps"].to_numpy(dtype=float).mean()) if len(lengths) else None,
        to_collector=_trial_mean(both, ways / collected) if other else None,
        to_collector_total=_trial_mean(both, _shares_of_total(ways, collected)) if other else None,
        to_shortest=_trial_mean(reached, lengths / reached["straight"].to_numpy(dtype=float)),
        pairs=len(rows),
        reached=len(reached),
        both_reached=len(both),
        models=len(set(rows["seed"])),
    )


def _by_model(rows: pd.DataFrame, values: np.ndarray) -> list[np.ndarray]:
    """Values of rows, those of each model together."""
    seeds = rows["seed"].to_numpy()
    return [values[seeds == seed] for seed in sorted(set(seeds.tolist()))]


def _trial_mean(rows: pd.DataFrame, values: np.ndarray) -> Estimate | None:
    """Mean of a value of each pair; None where no pair was reached."""
    return trial_mean(_by_model(rows, values)) if len(values) else None


def _shares_of_total(
    lengths: Float[np.ndarray, " pairs"], others: Float[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """What each pair adds to sum(lengths) / sum(others): values with that ratio as their mean.

    The ratio of sums, linearised: the interval of these values' mean is the ratio's own.
    """
    if not len(lengths):
        return lengths
    total = lengths.sum() / others.sum()
    return total + (lengths - total * others) / others.mean()


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


def in_percent(share: Estimate) -> Estimate:
    """A share of 1 as one of 100."""
    value, low, high = (None if end is None else 100 * end for end in share)
    assert value is not None
    return Estimate(value, low, high)


def _text(ratio: Estimate | None) -> str:
    return NOTHING if ratio is None else ratio.text(2)


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
