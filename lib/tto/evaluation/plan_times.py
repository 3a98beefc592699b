"""The time of a plan by a model of given sizes, without its training (section 5: real time).

A plan computes as much whatever the model has learned, so a model with random weights stands for a
trained one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from tto.data.environments import STEP_MS, env_dimensions, robot_of
from tto.files import StrPath
from tto.model.transformer import ModelConfig
from tto.model.untrained import untrained
from tto.planning.controller import Controller
from tto.row_files import read_rows

COLUMNS = ("env", "plan_ms")
PLANS = 3  # timed plans in each environment
VOCABULARY = 100  # bins of a dimension


def plan_times(
    envs: Iterable[str],
    *,
    model: Mapping[str, Any],
    planning: Mapping[str, Any],
    device: str = "cpu",
    plans: int = PLANS,
) -> pd.DataFrame:
    """Time plans for a single episode whose context is full: one row for each environment.

    `plan_ms` is the second-longest wall time of `plans` plans, in milliseconds.

    Args:
        envs: ids of environments.
        model: fields of `ModelConfig`; dimensions and vocabulary are the environment's.
        planning: settings of the `Controller`.
        device: device of the model.
        plans: number of timed plans, of two or more; one more comes first and is not timed.

    Raises:
        TTOError: a setting is unknown or does not fit.
    """
    rows = []
    for env in envs:
        O, A = env_dimensions(env)
        config = ModelConfig(observation_dim=O, action_dim=A, vocabulary=VOCABULARY, **model)
        controller = Controller(untrained(config, env=env, device=device), **planning)
        rows.append((env, controller.step_ms(plans=plans)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def read_plan_times(path: StrPath) -> pd.DataFrame:
    """Read rows of `plan_times`.

    Raises:
        TTOError: the columns are wrong, a cell is empty, a time is not above 0, or an environment
            is none of table 1's robots.
    """
    return read_rows(
        path,
        COLUMNS,
        what="times of plans",
        remedy="time them again",
        valid=lambda rows: bool(
            (rows["plan_ms"].to_numpy() > 0).all() and rows["env"].map(robot_of).isin(STEP_MS).all()
        ),
        condition=f"times above 0 of {', '.join(STEP_MS)}",
    )
