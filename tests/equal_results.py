"""Whether two runs of the workflow made the same, but for what clocks say."""

from fnmatch import fnmatch
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

ABOUT_THE_RUN = ("benchmarks", "logs", "tensorboard")  # folders
LEFT_BY_KILLED_WRITERS = ".*.tmp"  # files and folders that nothing reads
# What states times beside other numbers, whose tables are compared without the times.
OF_TIMES = ("costs.md", "costs.html", "claims.md", "claims.html", "report.html", "offline_rl.html")
OF_TIMES += ("training_curves.png", "training_curves.pdf")
CLOCK_CLAIMS = ("not_real_time", "slower_prediction", "training_time")
CLOCKS = ["seconds", "tokens_per_second", "plan_ms_median", "plan_ms", "train_seconds"]  # columns
ROLLOUT_CLOCKS = {"plan_seconds", "plan_ms_alone", "train_seconds"}  # arrays and attributes


def assert_equal_results(one: Path, two: Path) -> int:
    """Compare each file of the results folder `two` with that of `one`; the number of files.

    Files are equal byte by byte; of rollouts and tables of rows, all but measured times.
    """
    files = [path.relative_to(two) for path in sorted(two.rglob("*")) if path.is_file()]
    files = [name for name in files if name.parts[0] not in ABOUT_THE_RUN and not _is_left(name)]
    files = [name for name in files if name.name not in OF_TIMES]
    different = [str(name) for name in files if not _equal(one / name, two / name)]
    assert different == []
    return len(files)


def _is_left(name: Path) -> bool:
    return any(fnmatch(part, LEFT_BY_KILLED_WRITERS) for part in name.parts)


def _equal(one: Path, two: Path) -> bool:
    if one.read_bytes() == two.read_bytes():
        return True
    if one.suffix == ".csv":
        tables = [_without_clock_claims(pd.read_csv(path)) for path in (one, two)]
        clocks = [name for name in CLOCKS if name in tables[0]]
        timed = bool(clocks) or "id" in tables[0]
        return timed and tables[0].drop(columns=clocks).equals(tables[1].drop(columns=clocks))
    return "rollouts" in one.parts and _equal_rollouts(one, two)


def _without_clock_claims(table: pd.DataFrame) -> pd.DataFrame:
    if "id" not in table:
        return table
    return table.loc[~table["id"].isin(CLOCK_CLAIMS)].reset_index(drop=True)


def _equal_rollouts(one: Path, two: Path) -> bool:
    with h5py.File(one) as first, h5py.File(two) as second:
        attributes = [
            {name: value for name, value in file.attrs.items() if name not in ROLLOUT_CLOCKS}
            for file in (first, second)
        ]
        if attributes[0] != attributes[1] or first.keys() != second.keys():
            return False
        names = first.keys() - ROLLOUT_CLOCKS
        return all(np.array_equal(first[name][()], second[name][()]) for name in names)
