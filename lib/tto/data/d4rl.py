"""D4RL's HDF5 files: their names on the server, and their flat arrays cut into episodes.

Fu et al. 2020, "D4RL: Datasets for Deep Data-Driven Reinforcement Learning". A file holds one row
per transition: `observations`, `actions`, `rewards`, `terminals` and, where known,
`next_observations`, `timeouts`, `infos/qpos` and `infos/qvel`. An episode ends at a terminal or a
time-out.

Files without `timeouts` are cut where a row does not begin in the state that the row before it led
to; files without `next_observations`, too, at the environment's time limit, as D4RL does.
"""

import itertools
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gymnasium
import h5py
import numpy as np
from jaxtyping import Bool, Float, Integer

from tto.data.environments import env_dimensions, make_env
from tto.data.episode import Episode
from tto.errors import TTOError
from tto.files import StrPath
from tto.hdf5 import find_array, matrix, read_flags, read_hdf5

LOGGER = logging.getLogger(__name__)
# What to write into an array that is missing.
REQUIRED = {
    "observations": "the state before each transition",
    "actions": "the action of each transition",
    "rewards": "the reward of each transition",
    "terminals": "1 for each transition into a terminal state, else 0",
}
OPTIONAL = ("next_observations", "timeouts", "infos/qpos", "infos/qvel")
STATES = OPTIONAL[2:]
BLOCK_ROWS = 50_000  # rows read at once; a longer episode is read whole
RELATIVE, ABSOLUTE = 1e-3, 1e-4  # tolerances of equal states; arrays may differ in precision

Unfinished = Literal["drop", "truncate"]
Jumps = Literal["refuse", "cut"]


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


def read_d4rl(
    path: StrPath, *, env_id: str, unfinished: Unfinished = "drop", jumps: Jumps = "refuse"
) -> Iterator[Episode]:
    """Stream the episodes of a file in D4RL's layout; memory stays constant.

    The last observation of an episode is the last row of its `next_observations`. The file lacks
    qpos and qvel after the last action, so one step of the simulator computes them.

    A file without `next_observations` lacks the last observation of each episode. There the last
    transition is left out, and the episode ends one step early.

    Args:
        path: the file.
        env_id: environment whose simulator makes that step.
        unfinished: what becomes of rows after the last end: `drop` leaves them out, `truncate`
            keeps them as a truncated episode.
        jumps: what is done where, without an end in between, a row does not begin in the state that
            the row before it led to: `refuse` raises an error, `cut` ends an episode there.

    Raises:
        TTOError: the file is missing, no HDF5 file or truncated; an array is missing, does not hold
            real numbers, or differs in its rows or columns; an end is neither 0 nor 1; or rows
            within an episode do not follow each other.
    """
    path = Path(path)
    env = make_env(env_id)
    try:
        with read_hdf5(
            path,
            expected="an HDF5 file in D4RL's layout",
            remedy="remove it and fetch it again",
        ) as file:
            columns = find_columns(path, file)
            _check_widths(path, columns, env_id)
            limit = env.spec.max_episode_steps if env.spec is not None else None
            cut = cut_rows(path, columns, limit=limit, unfinished=unfinished, on_jumps=jumps)
            for starts_ends in _blocks(cut.ends):
                low, high = starts_ends[0][0], starts_ends[-1][1]
                block = {name: data[low:high] for name, data in columns.items()}
                for start, end in starts_ends:
                    rows = {name: data[start - low : end - low] for name, data in block.items()}
                    terminated = bool(cut.terminals[end - 1])
                    if "next_observations" in columns:
                        yield _episode(env, rows, terminated=terminated)
                    elif end - start > 1:
                        yield _episode_without_its_last_row(rows, terminated=terminated)
    finally:
        env.close()


def find_columns(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """The arrays of a file in D4RL's layout, by name, all with a row for each transition.

    Raises:
        TTOError: one is missing, holds no real numbers, or has another number of rows.
    """
    found = {name: find_array(file.id, name) for name in (*REQUIRED, *OPTIONAL)}
    columns = {name: h5py.Dataset(data) for name, data in found.items() if data is not None}
    missing = [f"{name} ({what})" for name, what in REQUIRED.items() if name not in columns]
    if missing:
        raise TTOError(
            f"{path}: expected the arrays {', '.join(REQUIRED)} of D4RL's layout, got "
            f"{', '.join(sorted(file)) or 'none'}; add {', '.join(missing)}"
        )
    lengths = {name: len(data) if data.shape else 0 for name, data in columns.items()}
    if len(set(lengths.values())) > 1:
        raise TTOError(
            f"{path}: expected arrays of one row per transition, got the lengths {lengths}; "
            "remove the file and make it again"
        )
    return columns


def _check_widths(path: Path, columns: dict[str, h5py.Dataset], env_id: str) -> None:
    O, A = env_dimensions(env_id)
    widths = {"observations": O, "next_observations": O, "actions": A, "rewards": 1}
    for name, width in widths.items():
        shape = columns[name].shape if name in columns else (0, width)
        if shape[1:] != (width,) and not (width == 1 and len(shape) == 1):
            raise TTOError(
                f"{path}: expected {name} of {width} columns, as in {env_id}, got the shape "
                f"{shape}; check env"
            )


@dataclass(frozen=True)
class Cut:
    """Where a file's rows are cut: `ends` are the rows after the last row of each episode."""

    ends: Integer[np.ndarray, " episodes"]
    terminals: Bool[np.ndarray, " rows"]


def cut_rows(
    path: Path,
    columns: dict[str, h5py.Dataset],
    *,
    limit: int | None = None,
    unfinished: Unfinished = "drop",
    on_jumps: Jumps = "refuse",
) -> Cut:
    """Find the ends of episodes.

    Args:
        path: the file, for messages.
        columns: its arrays, from `find_columns`.
        limit: time limit of the environment in transitions, for files that state no truncations.
        unfinished, on_jumps: as in `read_d4rl`.

    Raises:
        TTOError: an end is neither 0 nor 1, or rows within an episode do not follow each other.
    """
    rows = len(columns["terminals"])
    terminals = read_flags(columns["terminals"], f"{path}: terminals")
    marked = terminals.copy()
    if "timeouts" in columns:
        marked |= read_flags(columns["timeouts"], f"{path}: timeouts")
    if "next_observations" in columns:
        jumps = _jumps(columns["observations"], columns["next_observations"]) & ~marked
        _check_jumps(path, jumps, refused="timeouts" in columns and on_jumps == "refuse")
        marked |= jumps
    elif "timeouts" not in columns:
        marked |= _time_limits(path, marked, limit)
    ends = np.flatnonzero(marked) + 1
    rest = rows - (int(ends[-1]) if len(ends) else 0)
    if rest and unfinished == "truncate":
        ends = np.append(ends, rows)
    elif rest:
        LOGGER.warning(
            "%s: left out the last %d of %d rows, an episode without an end; unfinished: truncate "
            "keeps them",
            *(path, rest, rows),
        )
    if "next_observations" not in columns and len(ends):
        LOGGER.warning(
            "%s: no next_observations; left out the last transition of each of %d episodes, whose "
            "next state is not in the file; they end one step early",
            *(path, len(ends)),
        )
    return Cut(ends, terminals)


def _jumps(observations: h5py.Dataset, following: h5py.Dataset) -> Bool[np.ndarray, " rows"]:
    """Rows whose next observation is not the observation of the row after them."""
    rows = len(observations)
    jumps = np.zeros(rows, dtype=bool)
    for low in range(0, rows - 1, BLOCK_ROWS):
        high = min(low + BLOCK_ROWS, rows - 1)
        reached, begun = _rows(following, low, high), _rows(observations, low + 1, high + 1)
        jumps[low:high] = ~np.isclose(reached, begun, rtol=RELATIVE, atol=ABSOLUTE).all(axis=1)
    return jumps


def _rows(data: h5py.Dataset, low: int, high: int) -> Float[np.ndarray, "rows O"]:
    return matrix(data[low:high], str(data.name))


def _check_jumps(path: Path, jumps: Bool[np.ndarray, " rows"], *, refused: bool) -> None:
    """Refuse or report rows where an episode jumps; where most do, the arrays do not belong."""
    count = int(jumps.sum())
    if not count:
        return
    if refused or 2 * count > len(jumps):
        raise TTOError(
            f"{path}: expected each row within an episode to begin in the next_observations of the "
            f"row before, but {count} of {len(jumps)} rows lead elsewhere, the first is row "
            f"{np.flatnonzero(jumps)[0]}; mark the last row of each episode in timeouts, or set "
            "jumps: cut for the dataset, which ends an episode at each such row"
            if refused
            else f"{path}: expected each row to begin in the next_observations of the row before, "
            f"but {count} of {len(jumps)} rows lead elsewhere; repair next_observations"
        )
    LOGGER.warning(
        "%s: ended an episode at each row (%d) whose next state is not that of the row after it",
        *(path, count),
    )


def _time_limits(
    path: Path, terminals: Bool[np.ndarray, " rows"], limit: int | None
) -> Bool[np.ndarray, " rows"]:
    """Rows at which the environment's time limit is reached, counted from the last end."""
    limits = np.zeros(len(terminals), dtype=bool)
    if limit is not None:
        starts = np.flatnonzero(np.append(True, terminals[:-1]))
        for start, stop in itertools.pairwise([*starts.tolist(), len(terminals)]):
            limits[start + limit - 1 : stop : limit] = True
        LOGGER.warning(
            "%s: neither timeouts nor next_observations; cut at terminals and at the time limit of "
            "%d steps, %d times",
            *(path, limit, limits.sum()),
        )
    return limits


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
    qpos, qvel = None, None
    if all(name in rows for name in STATES):
        qpos, qvel = _all_states(env, rows)
    last = matrix(rows["next_observations"][-1:], "next_observations")
    return Episode(
        observations=np.concatenate([matrix(rows["observations"], "observations"), last]),
        actions=matrix(rows["actions"], "actions"),
        rewards=matrix(rows["rewards"], "rewards").reshape(-1),
        terminated=terminated,
        truncated=not terminated,
        qpos=qpos,
        qvel=qvel,
    )


def _episode_without_its_last_row(rows: dict[str, np.ndarray], *, terminated: bool) -> Episode:
    """The episode up to its last stored observation, which replaces the missing next one.

    It ends as it did in the file, one step early.
    """
    states = [rows[name].astype(np.float64) for name in STATES if name in rows]
    qpos, qvel = states if len(states) == len(STATES) else (None, None)
    return Episode(
        observations=matrix(rows["observations"], "observations"),
        actions=matrix(rows["actions"][:-1], "actions"),
        rewards=matrix(rows["rewards"][:-1], "rewards").reshape(-1),
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
    data: Any = getattr(simulator, "data", None)
    if not (hasattr(simulator, "set_state") and hasattr(data, "qpos") and hasattr(data, "qvel")):
        return None, None
    shapes = data.qpos.shape, data.qvel.shape
    if (qpos.shape[1:], qvel.shape[1:]) != shapes:
        raise TTOError(
            f"infos/qpos and infos/qvel: expected rows of shape {shapes[0]} and {shapes[1]}, as in "
            f"the simulator, got {qpos.shape[1:]} and {qvel.shape[1:]}; check env"
        )
    action = matrix(rows["actions"], "actions")[-1]
    if not all(np.isfinite(values).all() for values in (qpos[-1], qvel[-1], action)):
        return np.vstack([qpos, qpos[-1:]]), np.vstack([qvel, qvel[-1:]])  # refused by its check
    env.reset(seed=0)
    simulator.set_state(qpos[-1], qvel[-1])
    simulator.step(action)
    data = simulator.data
    return np.vstack([qpos, data.qpos]), np.vstack([qvel, data.qvel])
