"""Datasets from elsewhere: D4RL's files, Minari's (remote or local), a user's own."""

import itertools
import logging
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import minari
import numpy as np
from minari import MinariDataset
from minari.dataset.minari_storage import METADATA_FILE_NAME
from minari.storage.datasets_root_dir import get_dataset_path

from tto.data.d4rl import read_d4rl
from tto.data.episode import Episode
from tto.errors import TTOError, one_line
from tto.files import StrPath

LOGGER = logging.getLogger(__name__)
REMOTE_TIMEOUT = 5.0  # seconds


def read_source(source: str, location: str | list[str], *, env_id: str) -> Iterator[Episode]:
    """Episodes of one source.

    Args:
        source: `d4rl` or `file` (`location` is a path), or `minari` (`location` is Minari's id, or
            several that are read one after the other).
        location: where the dataset is.
        env_id: environment that the episodes come from.

    Raises:
        TTOError: it is not there, or not what the source promises.
    """
    locations = [location] if isinstance(location, str) else location
    if source == "minari":
        folders = [fetch_minari(dataset_id) for dataset_id in locations]
        return itertools.chain.from_iterable(map(read_minari, folders))
    if source in ("d4rl", "file"):
        read = read_d4rl if source == "d4rl" else read_file
        return itertools.chain.from_iterable(read(path, env_id=env_id) for path in locations)
    raise TTOError(f"source {source!r} is unknown; expected d4rl, minari or file")


def read_file(path: StrPath, *, env_id: str) -> Iterator[Episode]:
    """Episodes of a user's own data: a Minari folder, or an HDF5 file in D4RL's layout.

    Raises:
        TTOError: there is nothing, or it is neither.
    """
    path = Path(path)
    if not path.exists():
        raise TTOError(f"{path}: no such file or folder; check the dataset's path")
    if path.is_file():
        return read_d4rl(path, env_id=env_id)
    for folder in (path, path / "data"):
        if (folder / METADATA_FILE_NAME).exists():
            return read_minari(folder)
    raise TTOError(
        f"{path}: expected a Minari dataset (a folder with data/{METADATA_FILE_NAME}) or an HDF5 "
        "file in D4RL's layout"
    )


def read_minari(folder: StrPath) -> Iterator[Episode]:
    """Stream the episodes of a Minari dataset with flat observations and actions.

    An episode that neither terminated nor was truncated is unfinished and left out.

    Raises:
        TTOError: the folder is damaged, or its spaces are not flat boxes.
    """
    try:
        dataset = MinariDataset(folder)
        for data in dataset.iterate_episodes():
            if isinstance(data.observations, dict | tuple) or isinstance(
                data.actions, dict | tuple
            ):
                raise TTOError(
                    f"{folder}: observations and actions must be flat arrays, got the spaces "
                    f"{dataset.observation_space} and {dataset.action_space}"
                )
            terminated, truncated = bool(data.terminations[-1]), bool(data.truncations[-1])
            if not (terminated or truncated):
                LOGGER.warning("%s: episode %s is unfinished and left out", folder, data.id)
                continue
            infos = data.infos or {}
            states = {
                name: np.asarray(infos[name], dtype=np.float64)
                for name in ("qpos", "qvel")
                if name in infos and len(infos[name]) == len(data) + 1
            }
            yield Episode(
                observations=np.asarray(data.observations, dtype=np.float32),
                actions=np.asarray(data.actions, dtype=np.float32),
                rewards=np.asarray(data.rewards, dtype=np.float32),
                terminated=terminated,
                truncated=truncated and not terminated,
                **states,
            )
    except (OSError, KeyError, ValueError, TypeError, AssertionError, RuntimeError) as error:
        reason = one_line(error)
        raise TTOError(
            f"{folder}: expected a Minari dataset, got {type(error).__name__} ({reason}); "
            "it is damaged or foreign, fetch it again"
        ) from error


def minari_ids(dataset: str) -> list[str]:
    """What `source: minari` reads for one of D4RL's ids where the config states no id of its own.

    A dataset of that very name in the local store; else the remote ones that stand nearest:
    `hopper-medium-v2` -> `mujoco/hopper/medium-v0`, and for medium-expert both of its halves.

    Raises:
        TTOError: there is none such.
    """
    if (get_dataset_path(dataset) / "data" / METADATA_FILE_NAME).exists():
        return [dataset]
    match = re.fullmatch(r"([a-z0-9]+)-(medium|expert|medium-expert)(-v\d+)?", dataset)
    if match is None:
        raise TTOError(
            f"dataset {dataset!r}: expected a dataset of that name in Minari's local store, or a "
            "kind that its server holds (medium, expert and both); state another id (key id), or "
            "use source: d4rl or collect"
        )
    return [f"mujoco/{match[1]}/{kind}-v0" for kind in match[2].split("-")]


def fetch_minari(dataset_id: str, *, timeout: float = REMOTE_TIMEOUT) -> Path:
    """Folder of a Minari dataset, downloaded into Minari's own store where it is not there yet.

    The store is `~/.minari/datasets`, or what `MINARI_DATASETS_PATH` names.

    Raises:
        TTOError: within `timeout` seconds where the server cannot be reached; else when it has no
            such dataset.
    """
    local = get_dataset_path(dataset_id.rsplit("://", 1)[-1])
    if (local / "data" / METADATA_FILE_NAME).exists():
        return local / "data"
    _check_reachable(dataset_id, timeout)
    try:
        minari.download_dataset(dataset_id)
    except ImportError as error:
        raise TTOError(
            f"dataset {dataset_id!r} is remote, and huggingface_hub is not installed; install the "
            "project's extra `remote`"
        ) from error
    except Exception as error:  # what the remote's client raises is not documented
        reason = one_line(error)
        raise TTOError(
            f"dataset {dataset_id!r} cannot be downloaded ({reason}); check the id at "
            "minari.farama.org, or use source: collect"
        ) from error
    return get_dataset_path(dataset_id.rsplit("://", 1)[-1]) / "data"


def _check_reachable(dataset_id: str, timeout: float) -> None:
    """Ask the server for anything: its client would retry for half a minute."""
    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if os.environ.get("MINARI_REMOTE", "hf://").split("://")[0] != "hf":
        return
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=timeout).close()
    except urllib.error.HTTPError as error:
        error.close()  # it answers: that is enough
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise TTOError(
            f"dataset {dataset_id!r}: {address} cannot be reached ({reason}); connect to a "
            "network, copy the dataset to Minari's local store, or use source: collect"
        ) from error
