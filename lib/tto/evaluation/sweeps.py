"""The episodes of a sweep's trials in one tidy file, and the best value of a sweep."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tto.errors import TTOError
from tto.evaluation.results import collect_results
from tto.files import StrPath, atomic_path
from tto.row_files import read_rows

COLUMNS = ("sweep", "value", "line", "dataset", "seed", "rollout", "return", "score")
_TEXT = ("sweep", "value", "line", "dataset")


class Point(NamedTuple):
    """One value on one line of a sweep, and the files of its rollouts.

    Attributes:
        line: name of the line in the plot.
        value: value of the swept setting, as text.
        paths: rollout files.
    """

    line: str
    value: str
    paths: Sequence[StrPath]


def collect_sweep(sweep: str, points: Iterable[Point]) -> pd.DataFrame:
    """One row for each rollout, with the columns of `COLUMNS`, in the order of the points."""
    parts = []
    for point in points:
        rows = collect_results(point.paths)
        rows["sweep"], rows["value"], rows["line"] = sweep, point.value, point.line
        parts.append(rows[list(COLUMNS)])
    return pd.concat(parts, ignore_index=True)


def read_sweep(path: StrPath) -> pd.DataFrame:
    """Read the rows of one sweep and check them; `value` stays text.

    Raises:
        TTOError: the columns are wrong, there is more than one sweep, a rollout has two rows, or a
            cell other than `score` is empty.
    """
    name = os.fspath(path)
    rows = read_rows(
        path, COLUMNS, what="a sweep", remedy="evaluate again", text=_TEXT, optional=["score"]
    )
    sweeps = sorted(set(rows["sweep"]))
    if len(sweeps) > 1 or rows.duplicated(["value", "line", "seed", "rollout"]).any():
        raise TTOError(
            f"{name}: expected one sweep with one row a rollout, got {', '.join(sweeps)}, or two "
            "rows of one: remove the others"
        )
    return rows


def best_value(rows: pd.DataFrame) -> str:
    """The value with the highest mean return over models, the first one of equal values."""
    means: dict[str, float] = {}
    values = rows["value"].to_numpy(dtype=str)
    seeds, returns = rows["seed"].to_numpy(), rows["return"].to_numpy(dtype=float)
    for value in dict.fromkeys(values.tolist()):
        models = [(values == value) & (seeds == seed) for seed in np.unique(seeds)]
        means[value] = float(np.mean([returns[model].mean() for model in models if model.any()]))
    return max(means, key=means.__getitem__)


def read_choice(path: StrPath) -> str:
    """Read the name that `write_choice` wrote."""
    return Path(path).read_text(encoding="utf-8").strip()


def write_choice(path: StrPath, name: str) -> None:
    """Write the name of the chosen settings as a line of text."""
    with atomic_path(path) as temporary:
        temporary.write_text(name + "\n", encoding="utf-8")
