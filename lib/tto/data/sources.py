"""Datasets that were not collected here: D4RL's, Minari's (remote or local) and a user's own."""

import dataclasses
import itertools
import json
import logging
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import minari
import numpy as np
from minari.dataset.minari_storage import METADATA_FILE_NAME
from minari.storage.datasets_root_dir import get_dataset_path

from tto.data.d4rl import Jumps, Unfinished, read_d4rl
from tto.data.episode import Episode
from tto.data.episodes import DATA_FILE
from tto.errors import TTOError, one_line
from tto.files import StrPath, kind_of
from tto.hdf5 import find_array, matrix, read_flags, read_hdf5

LOGGER = logging.getLogger(__name__)
REMOTE_TIMEOUT = 5.0  # seconds


def read_source(
    source: str,
    location: str | list[str],
    *,
    env_id: str,
    unfinished: Unfinished = "drop",
    jumps: Jumps | None = None,
) -> Iterator[Episode]:
    """Read the episodes of a dataset.

    Args:
        source: `d4rl`, `file` or `minari`.
        location: path of the dataset, or its id for `minari`; several are read in turn.
        env_id: environment that the episodes come from.
        unfinished: what becomes of an episode without an end: `drop` or `truncate`.
        jumps: as in `read_d4rl`; None refuses them in a user's files and cuts D4RL's there.

    Raises:
        TTOError: the source is unknown, or the dataset is missing or of another kind.
    """
    locations = [location] if isinstance(location, str) else location
    if source == "minari":
        folders = [fetch_minari(dataset_id) for dataset_id in locations]
        return itertools.chain.from_iterable(
            read_minari(folder, unfinished=unfinished) for folder in folders
        )
    options: dict[str, Any] = {"env_id": env_id, "unfinished": unfinished}
    if source == "d4rl":
        options["jumps"] = jumps or "cut"
        return itertools.chain.from_iterable(read_d4rl(path, **options) for path in locations)
    if source == "file":
        options["jumps"] = jumps or "refuse"
        return itertools.chain.from_iterable(read_file(path, **options) for path in locations)
    raise TTOError(f"expected the source d4rl, minari or file, got {source!r}; name one of them")


def read_file(
    path: StrPath, *, env_id: str, unfinished: Unfinished = "drop", jumps: Jumps = "refuse"
) -> Iterator[Episode]:
    """Read the episodes of a user's own data: a Minari folder, or an HDF5 file in D4RL's layout.

    Args:
        path: the file or folder.
        env_id: environment that the episodes come from.
        unfinished, jumps: as in `read_d4rl`.

    Raises:
        TTOError: the path does not exist or is neither.
    """
    path = Path(path)
    if not path.exists():
        raise TTOError(
            f"{path}: expected a dataset, found no such file or folder; correct its path"
        )
    if path.is_file():
        return read_d4rl(path, env_id=env_id, unfinished=unfinished, jumps=jumps)
    folder = minari_folder(path)
    if folder is not None:
        return read_minari(folder, unfinished=unfinished)
    raise TTOError(
        f"{path}: expected a Minari dataset (a folder with data/{METADATA_FILE_NAME}) or an HDF5 "
        "file in D4RL's layout, got neither; correct the path"
    )


def minari_folder(path: Path) -> Path | None:
    """The folder of a Minari dataset's files: `path` or its `data`; None if neither is one."""
    folders = (path, path / "data")
    return next((one for one in folders if (one / METADATA_FILE_NAME).is_file()), None)


def read_minari(folder: StrPath, *, unfinished: Unfinished = "drop") -> Iterator[Episode]:
    """Stream the episodes of a Minari dataset with flat observations and actions.

    Nothing of what the dataset says of its environment is read: the config names it.

    Args:
        folder: folder of the dataset's files.
        unfinished: what becomes of episodes that neither terminated nor were truncated: `drop`
            leaves them out, `truncate` keeps them as truncated.

    Raises:
        TTOError: the folder is damaged, its counts disagree, or an array is missing, of another
            shape, or does not hold real numbers.
    """
    folder = Path(folder)
    remedy = "it is damaged or foreign, fetch it again"
    counts = _minari_counts(folder, remedy)
    transitions = left_out = 0
    with read_hdf5(folder / DATA_FILE, expected="a Minari dataset's file", remedy=remedy) as file:
        if len(file) != counts[0]:
            raise TTOError(
                f"{folder}: expected {counts[0]} episodes by its {METADATA_FILE_NAME}, got "
                f"{len(file)}; {remedy}"
            )
        for index in range(counts[0]):
            episode = _minari_episode(file, f"{folder}, episode_{index}", f"episode_{index}")
            transitions += len(episode)
            if not (episode.terminated or episode.truncated):
                if unfinished == "drop":
                    left_out += 1
                    continue
                episode = dataclasses.replace(episode, truncated=True)
            yield episode
    if transitions != counts[1]:
        raise TTOError(
            f"{folder}: expected {counts[1]} transitions by its {METADATA_FILE_NAME}, got "
            f"{transitions}; {remedy}"
        )
    if left_out:
        LOGGER.warning(
            "%s: left out %d of %d episodes, which have no end; unfinished: truncate keeps them",
            *(folder, left_out, counts[0]),
        )


def _minari_counts(folder: Path, remedy: str) -> tuple[int, int]:
    """Numbers of episodes and transitions by a Minari dataset's metadata."""
    path = folder / METADATA_FILE_NAME
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        counts = metadata["total_episodes"], metadata["total_steps"]
        form = metadata.get("data_format", "hdf5")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise TTOError(
            f"{path}: expected the metadata of a Minari dataset, got {kind_of(path)} "
            f"({one_line(error)}); {remedy}"
        ) from error
    if form != "hdf5":
        raise TTOError(
            f"{folder}: expected a Minari dataset in the format hdf5, got {form!r}; make it again "
            "with data_format='hdf5'"
        )
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise TTOError(
            f"{path}: expected whole numbers as total_episodes and total_steps, got {counts[0]!r} "
            f"and {counts[1]!r}; {remedy}"
        )
    return counts


def _minari_episode(file: h5py.File, where: str, group: str) -> Episode:
    """An episode, which may have no end; its shapes are checked when it is written."""

    def find(name: str) -> h5py.Dataset | None:
        data = find_array(file.id, f"{group}/{name}")
        return None if data is None else h5py.Dataset(data)

    names = ("observations", "actions", "rewards", "terminations", "truncations")
    arrays = {name: data for name in names if (data := find(name)) is not None}
    missing = [name for name in names if name not in arrays]
    if missing:
        raise TTOError(
            f"{where}: expected the arrays {', '.join(names)}, found no {', '.join(missing)}; add "
            "them or fetch the dataset again"
        )
    numbers = {name: matrix(arrays[name][()], f"{where}: {name}") for name in names[:3]}
    rewards = numbers["rewards"]
    if rewards.shape[1] != 1:
        raise TTOError(
            f"{where}: expected one reward a step, got {rewards.shape[1]}; write one column"
        )
    ends = {name: read_flags(arrays[name], f"{where}: {name}") for name in names[3:]}
    for name, values in ends.items():
        if len(values) != len(rewards) or values[:-1].any():
            raise TTOError(
                f"{where}: expected {name} of {len(rewards)} rows, of which only the last may be "
                f"true, got {len(values)} rows and {values[:-1].sum()} true ones before the last; "
                "repair or leave out the episode"
            )
    terminated, truncated = (bool(values[-1:].any()) for values in ends.values())
    states = {name: find(f"infos/{name}") for name in ("qpos", "qvel")}
    return Episode(
        observations=numbers["observations"],
        actions=numbers["actions"],
        rewards=rewards[:, 0],
        terminated=terminated,
        truncated=truncated and not terminated,
        **{
            name: np.asarray(data[()], dtype=np.float64)
            for name, data in states.items()
            if data is not None and data.shape[:1] == (len(rewards) + 1,)
        },
    )


def minari_ids(dataset: str) -> list[str]:
    """Minari's ids of a dataset with one of D4RL's ids, for configs that state no id for Minari.

    The result is a dataset of the same name if the local store has one; else the remote dataset of
    the same kind (`hopper-medium-v2` -> `mujoco/hopper/medium-v0`), for medium-expert both halves.

    Raises:
        TTOError: Minari has no dataset of that kind.
    """
    if (get_dataset_path(dataset) / "data" / METADATA_FILE_NAME).exists():
        return [dataset]
    match = re.fullmatch(r"([a-z0-9]+)-(medium|expert|medium-expert)(-v\d+)?", dataset)
    if match is None:
        raise TTOError(
            f"dataset {dataset!r}: expected a dataset of that name in Minari's local store, or a "
            "kind that its server holds (medium, expert or medium-expert), found neither; state "
            "another id (key id), or use source: d4rl or collect"
        )
    return [f"mujoco/{match[1]}/{kind}-v0" for kind in match[2].split("-")]


def fetch_minari(dataset_id: str, *, timeout: float = REMOTE_TIMEOUT) -> Path:
    """Folder of a Minari dataset, which is downloaded if Minari's local store lacks it.

    The store is `~/.minari/datasets`, or the folder that `MINARI_DATASETS_PATH` names.

    Args:
        dataset_id: Minari's id.
        timeout: seconds to wait for the server's first answer.

    Raises:
        TTOError: the server cannot be reached or has no such dataset, or huggingface_hub is not
            installed.
    """
    local = get_dataset_path(dataset_id.rsplit("://", 1)[-1])
    if (local / "data" / METADATA_FILE_NAME).exists():
        return local / "data"
    _check_reachable(dataset_id, timeout)
    try:
        minari.download_dataset(dataset_id)
    except ImportError as error:
        raise TTOError(
            f"dataset {dataset_id!r}: expected huggingface_hub for a remote dataset, got no such "
            "package; install the project's extra `remote`"
        ) from error
    except Exception as error:  # the client's exceptions are not documented
        reason = one_line(error)
        raise TTOError(
            f"dataset {dataset_id!r}: expected a download, got an error ({reason}); check the id "
            "at minari.farama.org, or use source: collect"
        ) from error
    return get_dataset_path(dataset_id.rsplit("://", 1)[-1]) / "data"


def _check_reachable(dataset_id: str, timeout: float) -> None:
    """Check that the server answers; without this, its client retries for half a minute."""
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if os.environ.get("MINARI_REMOTE", "hf://").split("://")[0] != "hf":
        return
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=timeout).close()
    except urllib.error.HTTPError as error:
        error.close()  # any answer will do
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TTOError(
            f"dataset {dataset_id!r}: {address} cannot be reached ({reason}); connect to a "
            "network, copy the dataset to Minari's local store, or use source: collect"
        ) from error
