"""Tidy CSV files: rows with named columns, in which only optional cells may be empty."""

import csv
import os
from collections.abc import Callable, Collection, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path

import pandas as pd

from tto.errors import TTOError
from tto.files import StrPath, atomic_path


def write_rows(path: StrPath, rows: pd.DataFrame) -> None:
    """Write rows; numbers keep all their digits, and a missing value becomes an empty cell."""
    with atomic_path(path) as temporary:
        rows.to_csv(temporary, index=False)


def read_cells(path: StrPath | Traversable) -> list[dict[str, str]]:
    """Return the rows of a file that this project wrote or holds; cells are text, as they stand."""
    file = path if isinstance(path, Traversable) else Path(path)
    with file.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def read_rows(
    path: StrPath,
    columns: Sequence[str],
    *,
    what: str,
    remedy: str,
    text: Collection[str] = (),
    optional: Collection[str] = (),
    valid: Callable[[pd.DataFrame], bool] | None = None,
    condition: str = "",
) -> pd.DataFrame:
    """Read the rows of a file and check its columns and cells.

    Args:
        path: the CSV file.
        columns: names of the columns, in order.
        what: name of the content, for error messages, such as "rollouts".
        remedy: advice to the user, for error messages, such as "evaluate again".
        text: columns to read as text even if their cells look like numbers or missing values.
        optional: columns whose cells may be empty (NaN).
        valid: a check of all rows; None accepts every row.
        condition: requirement that `valid` checks, for error messages, such as "times above 0".

    Raises:
        TTOError: the file is missing or no CSV file, has other columns, no row, an empty cell
            outside `optional`, or rows that are not valid.
    """
    name = os.fspath(path)
    missing = {column: [""] for column in columns}  # not "null", which is a value of some settings
    try:
        rows = pd.read_csv(
            path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=missing
        )
    except (OSError, ValueError) as error:
        raise TTOError(f"{name}: expected a CSV file of {what}, got {error}; {remedy}") from error
    if list(rows.columns) != list(columns):
        raise TTOError(
            f"{name}: expected the columns {', '.join(columns)}, got "
            f"{', '.join(map(str, rows.columns))}; {remedy}"
        )
    if rows.empty:
        raise TTOError(f"{name}: expected at least one row of {what}, got none; {remedy}")
    empty = [c for c in columns if c not in optional and rows[c].isna().to_numpy().any()]
    if empty:
        raise TTOError(
            f"{name}: expected a value in every cell, got empty ones in {', '.join(empty)}; "
            f"{remedy}"
        )
    if valid is not None and not valid(rows):
        raise TTOError(f"{name}: expected {condition}, got others; {remedy}")
    return rows.astype({column: float for column in optional})
