"""D4RL's HDF5 files: where they are, and their flat arrays cut into episodes.

Fu et al. 2020, "D4RL: Datasets for Deep Data-Driven Reinforcement Learning". A file holds one row a
transition: `observations`, `next_observations`, `actions`, `rewards`, `terminals`, `timeouts` and,
where known, `infos/qpos` and `infos/qvel`. An episode ends at a terminal or a time-out.
"""

import contextlib
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import h5py
import numpy as np

from tto.data.environments import make_env
from tto.data.episode import Episode
from tto.errors import TTOError, one_line
from tto.files import StrPath

REQUIRED = ("observations", "next_observations", "actions", "rewards", "terminals", "timeouts")
STATES = ("infos/qpos", "infos/qvel")
BLOCK_ROWS = 50_000  # read at once; an episode that is longer is read whole


def d4rl_file(dataset: str) -> str:
    """Name of a dataset's file on the server.

    `hopper-medium-replay-v2` -> `hopper_medium_replay-v2.hdf5`.

    Raises:
        TTOError: the id does not end in a version.
    """
    match = re.fullmatch(r"([A-Za-z0-9-]+)-(v\d+)", dataset)
    if match is None:
        raise TTOError(
            f"dataset {dataset!r}: source d4rl needs D4RL's own id, such as hopper-medium-v2"
        )
    return f"{match[1].replace('-', '_')}-{match[2]}.hdf5"


def read_d4rl(path: StrPath, *, env_id: str) -> Iterator[Episode]:
    """Stream the complete episodes of a file in D4RL's layout; memory stays constant.

    The last observation is the last row of `next_observations`. qpos and qvel after the last action
    are not in the file: they come from one step of the simulator out of the state before it. Rows
    after the last terminal or time-out are an unfinished episode and are left out.

    Args:
        path: the file.
        env_id: environment whose simulator continues the last state of each episode.

    Raises:
        TTOError: no HDF5 file, truncated, an array missing or of another length.
    """
    path = Path(path)
    env = make_env(env_id)
    try:
        with h5py.File(path, "r") as file:
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
    except (OSError, RuntimeError) as error:
        reason = one_line(error)
        raise TTOError(
            f"{path}: expected an HDF5 file in D4RL's layout, got {_first_bytes(path)} ({reason}); "
            "it is truncated or foreign, remove it and fetch it again"
        ) from error
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
            f"{path}: the arrays {', '.join(missing)} are missing among {', '.join(sorted(file))}; "
            f"D4RL's layout has {', '.join(REQUIRED)}"
        )
    lengths = {name: len(data) for name, data in columns.items()}
    if len(set(lengths.values())) > 1:
        raise TTOError(
            f"{path}: the arrays differ in length, {lengths}; each has a row a transition"
        )
    return columns


def _blocks(ends: np.ndarray) -> Iterator[list[tuple[int, int]]]:
    """Group episodes (start, end) so that a group spans about BLOCK_ROWS rows."""
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
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """qpos and qvel of the rows and of one step beyond them; None without a MuJoCo simulator."""
    qpos, qvel = (rows[name].astype(np.float64) for name in STATES)
    simulator: Any = env.unwrapped
    if not hasattr(simulator, "set_state"):
        return None, None
    shapes = simulator.data.qpos.shape, simulator.data.qvel.shape
    if (qpos.shape[1:], qvel.shape[1:]) != shapes:
        raise TTOError(
            f"infos/qpos and infos/qvel of the file have {qpos.shape[1:]} and {qvel.shape[1:]} "
            f"columns, the simulator has {shapes[0]} and {shapes[1]}; check env"
        )
    env.reset(seed=0)
    simulator.set_state(qpos[-1], qvel[-1])
    simulator.step(rows["actions"][-1])
    last = simulator.data
    return np.vstack([qpos, last.qpos]), np.vstack([qvel, last.qvel])


def _first_bytes(path: Path) -> str:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return f"{path.stat().st_size} bytes that begin with {file.read(16)!r}"
    return "no readable file"
