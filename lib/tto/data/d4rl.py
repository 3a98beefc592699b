"""D4RL's HDF5 files: their names on the server, and their flat arrays cut into episodes.

Fu et al. 2020, "D4RL: Datasets for Deep Data-Driven Reinforcement Learning". A file holds one row
per transition: `observations`, `next_observations`, `actions`, `rewards`, `terminals`, `timeouts`
and, where known, `infos/qpos` and `infos/qvel`. An episode ends at a terminal or a time-out.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np
from jaxtyping import Float, Integer

from tto.data.environments import make_env
from tto.data.episode import Episode
from tto.errors import TTOError
from tto.files import StrPath
from tto.hdf5 import read_hdf5

REQUIRED = ("observations", "next_observations", "actions", "rewards", "terminals", "timeouts")
STATES = ("infos/qpos", "infos/qvel")
BLOCK_ROWS = 50_000  # rows read at once; a longer episode is read whole


def d4rl_file(dataset: str) -> str:
    """Name of a dataset's file on the server.

    `hopper-medium-replay-v2` -> `hopper_medium_replay-v2.hdf5`.

    Raises:
        TTOError: the id does not end in a version.
    """
    match = re.fullmatch(r"([A-Za-z0-9-]+)-(v\d+)", dataset)
    if match is None:
        raise TTOError(
            f"dataset {dataset!r}: expected D4RL's own id, such as hopper-medium-v2, for source "
            "d4rl; rename the dataset or use another source"
        )
    return f"{match[1].replace('-', '_')}-{match[2]}.hdf5"


def read_d4rl(path: StrPath, *, env_id: str) -> Iterator[Episode]:
    """Stream the complete episodes of a file in D4RL's layout; memory stays constant.

    The last observation of an episode is the last row of its `next_observations`. The file lacks
    qpos and qvel after the last action, so one step of the simulator computes them. Rows after the
    last terminal or time-out belong to an unfinished episode and are left out.

    Args:
        path: the file.
        env_id: environment whose simulator makes that step.

    Raises:
        TTOError: the file is missing, no HDF5 file or truncated, an array is missing, or the arrays
            differ in length.
    """
    path = Path(path)
    env = make_env(env_id)
    try:
        with read_hdf5(
            path,
            expected="an HDF5 file in D4RL's layout",
            remedy="remove it and fetch it again",
        ) as file:
            columns = _columns(path, file)
            terminals = columns["terminals"][()].astype(bool).reshape(-1)
            timeouts = columns["timeouts"][()].astype(bool).reshape(-1)
            ends = np.flatnonzero(terminals | timeouts) + 1
            for starts_ends in _blocks(ends):
                low, high = starts_ends[0][0], starts_ends[-1][1]
                block = {name: data[low:high] for name, data in columns.items()}
                for start, end in starts_ends:
                    rows = {name: data[start - low : end - low] for name, data in block.items()}
                    yield _episode(env, rows, terminated=bool(terminals[end - 1]))
    finally:
        env.close()


def _columns(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    columns: dict[str, h5py.Dataset] = {}
    for name in (*REQUIRED, *STATES):
        data = file.get(name)
        if isinstance(data, h5py.Dataset):
            columns[name] = data
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise TTOError(
            f"{path}: expected the arrays {', '.join(REQUIRED)} of D4RL's layout, got "
            f"{', '.join(sorted(file))}; add {', '.join(missing)}"
        )
    lengths = {name: len(data) for name, data in columns.items()}
    if len(set(lengths.values())) > 1:
        raise TTOError(
            f"{path}: expected arrays of one row per transition, got the lengths {lengths}; "
            "remove the file and make it again"
        )
    return columns


def _blocks(ends: Integer[np.ndarray, " episodes"]) -> Iterator[list[tuple[int, int]]]:
    """Group episodes (start, end) into blocks of at most BLOCK_ROWS rows, or of one episode."""
    block: list[tuple[int, int]] = []
    for start, end in itertools.pairwise([0, *ends.tolist()]):
        if block and end - block[0][0] > BLOCK_ROWS:
            yield block
            block = []
        block.append((start, end))
    if block:
        yield block


def _episode(env: gymnasium.Env, rows: dict[str, np.ndarray], *, terminated: bool) -> Episode:
    observations = np.concatenate([rows["observations"], rows["next_observations"][-1:]])
    qpos, qvel = None, None
    if all(name in rows for name in STATES):
        qpos, qvel = _all_states(env, rows)
    return Episode(
        observations=observations.astype(np.float32),
        actions=rows["actions"].astype(np.float32),
        rewards=rows["rewards"].reshape(-1).astype(np.float32),
        terminated=terminated,
        truncated=not terminated,
        qpos=qpos,
        qvel=qvel,
    )


def _all_states(
    env: gymnasium.Env, rows: dict[str, np.ndarray]
) -> tuple[Float[np.ndarray, "states nq"] | None, Float[np.ndarray, "states nv"] | None]:
    """qpos and qvel of the rows and of one step beyond them; None without a MuJoCo simulator."""
    qpos, qvel = (rows[name].astype(np.float64) for name in STATES)
    simulator: Any = env.unwrapped
    if not hasattr(simulator, "set_state"):
        return None, None
    shapes = simulator.data.qpos.shape, simulator.data.qvel.shape
    if (qpos.shape[1:], qvel.shape[1:]) != shapes:
        raise TTOError(
            f"infos/qpos and infos/qvel: expected rows of shape {shapes[0]} and {shapes[1]}, as in "
            f"the simulator, got {qpos.shape[1:]} and {qvel.shape[1:]}; check env"
        )
    env.reset(seed=0)
    simulator.set_state(qpos[-1], qvel[-1])
    simulator.step(rows["actions"][-1])
    last = simulator.data
    return np.vstack([qpos, last.qpos]), np.vstack([qvel, last.qvel])
