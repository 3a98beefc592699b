"""`rollouts.csv`, with one tidy row for each rollout file.

Tables and figures of control are made from this file alone. Each row has the environment and the
source of the training data, so that results on locally collected data and on D4RL never mix.
"""

import math
import os
from collections.abc import Iterable

import pandas as pd

from tto.data.environments import normalized_score
from tto.errors import TTOError
from tto.evaluation.rollout_file import SOURCES, read_rollout
from tto.files import StrPath
from tto.row_files import read_rows

COLUMNS = (
    "dataset",
    "method",
    "seed",
    "rollout",
    "return",
    "score",
    "length",
    "terminated",
    "plan_ms_median",
    "env",
    "source",
    "action_loss",
    "held_out_action_loss",
    "train_seconds",
)
OPTIONAL = ("score", "action_loss", "held_out_action_loss")
KEY = ["dataset", "method", "seed", "rollout"]


def collect_results(paths: Iterable[StrPath]) -> pd.DataFrame:
    """Rows of rollout files, with the columns of `COLUMNS`, sorted by `KEY`.

    `return` is the undiscounted sum of rewards and `score` the normalised return (x100; NaN if the
    environment has no reference). `length` is the number of transitions. `plan_ms_median` is the
    median time of a plan for one episode alone in milliseconds. It is measured once for each run
    (`tto.evaluation.alone`), so it is the same in all rows of one dataset, method and seed.
    `action_loss` is the mean loss of the actions under the model that planned them, in nats per
    token, and `held_out_action_loss` that of held-out data (NaN for other methods). `train_seconds`
    is the time that the model's training took.

    Raises:
        TTOError: there is no file, a file cannot be read, or two files have the same rollout.
    """
    rows = [_row(path) for path in paths]
    if not rows:
        raise TTOError("expected at least one rollout file, got none: evaluate first")
    results = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(KEY, ignore_index=True)
    _check_results(results, "rollout files")
    return results


def _row(path: StrPath) -> dict[str, object]:
    rollout, attributes = read_rollout(path)
    total = rollout.total_reward
    score = normalized_score(attributes["env_id"], total)
    losses = rollout.action_losses
    return {
        "dataset": attributes["dataset"],
        "method": attributes["method"],
        "seed": attributes["seed"],
        "rollout": attributes["rollout"],
        "return": total,
        "score": math.nan if score is None else float(score),
        "length": len(rollout.rewards),
        "terminated": rollout.terminated,
        "plan_ms_median": attributes["plan_ms_alone"],
        "env": attributes["env_id"],
        "source": attributes["source"],
        "action_loss": math.nan if losses is None else float(losses.mean()),
        "held_out_action_loss": math.nan if losses is None else rollout.held_out_action_loss,
        "train_seconds": attributes["train_seconds"],
    }


def read_results(path: StrPath) -> pd.DataFrame:
    """Read `rollouts.csv` and check it.

    Raises:
        TTOError: columns are missing or unknown, a cell outside `OPTIONAL` is empty, a rollout has
            two rows, or a dataset has more than one environment or source.
    """
    name = os.fspath(path)
    results = read_rows(
        path, COLUMNS, what="rollouts", remedy="collect them again", optional=OPTIONAL
    )
    _check_results(results, name)
    return results


def _check_results(results: pd.DataFrame, name: str) -> None:
    repeated = results[results.duplicated(KEY)]
    if len(repeated):
        first = repeated.iloc[0]
        raise TTOError(
            f"{name}: expected one row a rollout, got two for {first['dataset']}, "
            f"{first['method']}, seed {first['seed']}, rollout {first['rollout']}: remove one"
        )
    for dataset, rows in results.groupby("dataset"):
        for field in ("env", "source"):
            values = sorted(rows[field].unique())
            if len(values) > 1:
                raise TTOError(
                    f"{name}: expected one {field} for dataset {dataset}, got {', '.join(values)}: "
                    "rename one of the datasets"
                )
    unknown = sorted(set(results["source"]) - set(SOURCES))
    if unknown:
        raise TTOError(
            f"{name}: expected sources out of {', '.join(SOURCES)}, got {', '.join(unknown)}"
        )
