"""Small tidy CSV files of rows, each with the same columns and no empty cell."""

import os
from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from tto.errors import TTOError
from tto.files import atomic_path


def write_rows(path: str | os.PathLike[str], rows: pd.DataFrame) -> None:
    """Write rows; numbers keep all their digits."""
    with atomic_path(path) as temporary:
        rows.to_csv(temporary, index=False)


def read_rows(
    paths: Iterable[str | os.PathLike[str]],
    columns: Sequence[str],
    *,
    valid: Callable[[pd.DataFrame], bool],
    condition: str,
) -> pd.DataFrame:
    """Rows of all files below each other.

    Args:
        valid: whether a file's rows meet the condition that `condition` words.

    Raises:
        TTOError: a file is missing, has other columns, no row or an empty cell, or is not valid.
    """
    parts = []
    for path in paths:
        name = os.fspath(path)
        try:
            rows = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise TTOError(f"{name}: expected a CSV file of rows, got {error}") from error
        same = list(rows.columns) == list(columns)
        if not same or rows.empty or rows.isna().to_numpy().any() or not valid(rows):
            raise TTOError(
                f"{name}: expected rows with a value in each of {', '.join(columns)} and "
                f"{condition}, got {len(rows)} rows of {', '.join(rows.columns)}; analyse again"
            )
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)
