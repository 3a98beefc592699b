"""The time of a plan by a model of given sizes, without its training (section 5: real time).

A plan computes as much whatever the model has learned, so a model with random weights stands for a
trained one.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from tto.data.environments import STEP_MS, TABLE1_ENVS, env_dimensions, robot_of
from tto.files import StrPath
from tto.model.transformer import ModelConfig
from tto.model.untrained import untrained
from tto.planning.controller import Controller
from tto.row_files import read_rows

COLUMNS = ("env", "layers", "width", "beam_width", "horizon", "device", "threads", "plan_ms")
PLANS = 3  # timed plans in each environment, of which the median counts
VOCABULARY = 100  # bins of a dimension, as in the paper


def plan_times(
    *, model: Mapping[str, Any], planning: Mapping[str, Any], device: str = "cpu"
) -> pd.DataFrame:
    """Time plans for a single episode whose context is full: one row for each of table 1's robots.

    `plan_ms` is the median wall time of a few plans, in milliseconds; `threads` is the number of
    PyTorch's processor threads.

    Args:
        model: fields of `ModelConfig`, without dimensions and vocabulary.
        planning: settings of the `Controller`.
        device: device of the model.

    Raises:
        TTOError: a setting is unknown or does not fit.
    """
    rows = []
    for env in TABLE1_ENVS:
        O, A = env_dimensions(env)
        config = ModelConfig(observation_dim=O, action_dim=A, vocabulary=VOCABULARY, **model)
        controller = Controller(untrained(config, env=env, device=device), **planning)
        search = controller.search
        sizes = (config.layers, config.width, search.beam_width, search.horizon)
        rows.append((env, *sizes, device, torch.get_num_threads(), controller.plan_ms(plans=PLANS)))
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
        text=("env", "device"),
        valid=lambda rows: bool(
            (rows["plan_ms"].to_numpy() > 0).all() and rows["env"].map(robot_of).isin(STEP_MS).all()
        ),
        condition=f"times above 0 of {', '.join(STEP_MS)}",
    )
