"""Datasets on disk: Minari folders (HDF5) that are written and read one episode at a time.

The file `data/main_data.hdf5` has a group `episode_<i>` for each episode. A group holds
`observations` (T+1, O), `actions` (T, A), `rewards`, `terminations`, `truncations` (T,) and, where
known, the simulator's state `infos/qpos`, `infos/qvel` (T+1, ...) and the mask `infos/observed`
(T+1, O). The file `data/metadata.json` names the environment. Minari can read the folder; this
module reads it faster and checks every number.
"""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import gymnasium
import h5py
import minari
import numpy as np
from gymnasium.envs.registration import EnvSpec
from minari.dataset.minari_storage import METADATA_FILE_NAME, MinariStorage

from tto.data.environments import env_dimensions, env_spec, make_env, without_module
from tto.data.episode import Episode, check_episode
from tto.errors import TTOError, one_line
from tto.files import StrPath, atomic_path
from tto.hdf5 import READ_ERRORS, find_array, find_group, flags, new_hdf5, read_hdf5

DATA_FILE = "main_data.hdf5"
REMEDY = "the folder is damaged, remove it and make it again"


def write_dataset(
    path: StrPath,
    episodes: Iterable[Episode],
    *,
    env_id: str,
    algorithm: str,
    description: str,
) -> tuple[int, int]:
    """Write episodes as they come into a Minari dataset folder, which appears when all are written.

    Args:
        path: the folder.
        episodes: the episodes, of which one at a time is held in memory.
        env_id: environment that the episodes come from.
        algorithm, description: texts for Minari's metadata.

    Returns:
        Numbers of episodes and transitions written.

    Raises:
        TTOError: there is no episode, or one does not fit the environment or holds NaN.
    """
    path = Path(path)
    dimensions = env_dimensions(env_id)
    count = transitions = 0
    with atomic_path(path) as temporary:
        folder = temporary.resolve() / "data"  # Minari would join a relative path to itself
        folder.mkdir(parents=True)
        storage = _new_storage(folder, env_id)
        with new_hdf5(folder / DATA_FILE, track_order=True) as file:
            for episode in episodes:
                check_episode(
                    episode, source=f"{path.name}, episode {count}", dimensions=dimensions
                )
                _write_episode(file.create_group(f"episode_{count}"), episode, count)
                count += 1
                transitions += len(episode)
        if count == 0:
            raise TTOError(
                f"{path.name}: expected at least one complete episode, got none; mark where "
                "episodes end, set `unfinished: truncate`, or collect more transitions"
            )
        _write_metadata(
            folder,
            dataset_id=minari_id(path.name),
            total_episodes=count,
            total_steps=transitions,
            dataset_size=float(storage.get_size()),
            algorithm_name=algorithm,
            description=description,
        )
    return count, transitions


def minari_id(name: str) -> str:
    """Minari's id of a dataset, which must end in a version: `mine` -> `mine-v0`."""
    name = re.sub(r"[^-\w]", "_", name)
    return name if re.search(r"-v\d+$", name) else f"{name}-v0"


def _new_storage(folder: Path, env_id: str) -> MinariStorage:
    env = make_env(env_id)
    observation_space, action_space = map(_as_float32, (env.observation_space, env.action_space))
    env.close()
    return MinariStorage.new(
        folder, observation_space, action_space, env_spec=env_spec(env_id), data_format="hdf5"
    )


def _as_float32(space: gymnasium.Space) -> gymnasium.spaces.Box:
    assert isinstance(space, gymnasium.spaces.Box)
    low, high = space.low.astype(np.float32), space.high.astype(np.float32)
    return gymnasium.spaces.Box(low, high, space.shape, np.float32)


def _write_episode(group: h5py.Group, episode: Episode, index: int) -> None:
    length = len(episode)
    group.attrs["id"] = index
    group.attrs["total_steps"] = length
    ends = np.zeros((2, length), dtype=bool)
    ends[:, -1] = episode.terminated, episode.truncated
    group["observations"] = np.asarray(episode.observations, dtype=np.float32)
    group["actions"] = np.asarray(episode.actions, dtype=np.float32)
    group["rewards"] = np.asarray(episode.rewards, dtype=np.float32)
    group["terminations"], group["truncations"] = ends
    for name in ("qpos", "qvel"):
        state = getattr(episode, name)
        if state is not None:
            group[f"infos/{name}"] = np.asarray(state, dtype=np.float64)
    if episode.observed is not None:
        group["infos/observed"] = np.asarray(episode.observed, dtype=np.bool_)


def _write_metadata(folder: Path, **fields: object) -> None:
    file = folder / METADATA_FILE_NAME
    metadata = json.loads(file.read_text())
    metadata.update(fields, minari_version=minari.__version__)
    file.write_text(json.dumps(metadata, indent=1) + "\n")


@dataclasses.dataclass(frozen=True)
class EpisodeDataset:
    """A dataset folder; iterating over it reads one episode at a time.

    Attributes:
        path: the folder.
        env_id: environment that the episodes come from.
        observation_dim, action_dim: O and A.
        total_episodes, total_transitions: sizes in the metadata, checked during iteration.
        states: whether episodes are read with qpos and qvel.
    """

    path: Path
    env_id: str
    observation_dim: int
    action_dim: int
    total_episodes: int
    total_transitions: int
    states: bool = False

    @property
    def name(self) -> str:
        """The dataset's id."""
        return self.path.name

    @property
    def data_file(self) -> Path:
        """The HDF5 file with all episodes."""
        return self.path / "data" / DATA_FILE

    def __len__(self) -> int:
        """Number of episodes."""
        return self.total_episodes

    def __iter__(self) -> Iterator[Episode]:
        """Yield the episodes in the order they were stored, each checked.

        Raises:
            TTOError: the file is damaged, or an episode holds NaN or has the wrong shape.
        """
        transitions = 0
        with self._open() as file:
            for index in range(self.total_episodes):
                episode = self._read(file, index)
                transitions += len(episode)
                yield episode
        if transitions != self.total_transitions:
            raise TTOError(
                f"{self.path}: expected {self.total_transitions} transitions by its "
                f"{METADATA_FILE_NAME}, got {transitions}; {REMEDY}"
            )

    def __getitem__(self, index: int) -> Episode:
        """Read one episode.

        Raises:
            TTOError: the file is damaged, or the episode holds NaN or has the wrong shape.
        """
        if not 0 <= index < self.total_episodes:
            raise IndexError(index)
        with self._open() as file:
            return self._read(file, index)

    def _open(self) -> AbstractContextManager[h5py.File]:
        return read_hdf5(self.data_file, expected="a whole HDF5 file", remedy=REMEDY)

    @property
    def _extra(self) -> dict[str, type[np.generic]]:
        """Names and types of the optional arrays to read from an episode's `infos`."""
        states: dict[str, type[np.generic]] = {"qpos": np.float64, "qvel": np.float64}
        return {"observed": np.bool_, **(states if self.states else {})}

    def _read(self, file: h5py.File, index: int) -> Episode:
        source = f"{self.path.name}, episode {index}"
        try:
            group = find_group(file.id, f"episode_{index}")
            if group is None:
                raise KeyError("it has no such group")
            infos = find_group(group, "infos")
            extra = {
                name: _array(infos, name, dtype)
                for name, dtype in self._extra.items()
                if infos is not None and infos.links.exists(name.encode())
            }
            rewards = _array(group, "rewards", np.float32)
            episode = Episode(
                observations=_array(group, "observations", np.float32),
                actions=_array(group, "actions", np.float32),
                rewards=rewards,
                terminated=_end(group, "terminations", len(rewards)),
                truncated=_end(group, "truncations", len(rewards)),
                **extra,
            )
        except (TTOError, *READ_ERRORS) as error:
            raise TTOError(
                f"{source}: expected an episode in {self.data_file}, got one that cannot be read "
                f"({one_line(error)}); {REMEDY}"
            ) from error
        check_episode(episode, source=source, dimensions=(self.observation_dim, self.action_dim))
        return episode


def open_dataset(path: StrPath, *, states: bool = False) -> EpisodeDataset:
    """Open a dataset folder.

    Args:
        path: the folder that holds `data/`.
        states: whether to read qpos and qvel, too.

    Raises:
        TTOError: the folder is no dataset, or its file is damaged.
    """
    path = Path(path)
    try:
        metadata = json.loads((path / "data" / METADATA_FILE_NAME).read_text())
        env_id = without_module(EnvSpec.from_json(metadata["env_spec"]).id)
        sizes = int(metadata["total_episodes"]), int(metadata["total_steps"])
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TTOError(
            f"{path}: expected a Minari dataset folder with data/{METADATA_FILE_NAME}, got "
            f"{type(error).__name__} ({error}); collect or import the dataset again"
        ) from error
    dataset = EpisodeDataset(path, env_id, *env_dimensions(env_id), *sizes, states=states)
    with dataset._open() as file:
        if len(file) < dataset.total_episodes:
            raise TTOError(
                f"{path}: expected {dataset.total_episodes} episodes by its {METADATA_FILE_NAME}, "
                f"got {len(file)}; {REMEDY}"
            )
    return dataset


def _array(group: h5py.h5g.GroupID, name: str, dtype: type[np.generic] | None = None) -> np.ndarray:
    # For a short episode, h5py's high-level interface takes several times as long.
    data = find_array(group, name)
    if data is None:
        raise KeyError(f"no array {name}")
    values = np.empty(data.shape, data.dtype if dtype is None else dtype)
    data.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    return values


def _end(group: h5py.h5g.GroupID, name: str, length: int) -> bool:
    """Whether the last of `length` transitions ended the episode this way."""
    marks = flags(_array(group, name), name)
    if marks.shape != (length,) or marks[:-1].any():
        raise TTOError(f"{name} must have {length} rows, of which only the last may be true")
    return bool(marks[-1:].any())
