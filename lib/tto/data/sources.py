"""Datasets that were not collected here: D4RL's, Minari's (remote or local) and a user's own."""

import itertools
import json
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
    """Read the episodes of a dataset.

    Args:
        source: `d4rl`, `file` or `minari`.
        location: path of the dataset, or its id for `minari`; several are read in turn.
        env_id: environment that the episodes come from.

    Raises:
        TTOError: the source is unknown, or the dataset is missing or of another kind.
    """
    locations = [location] if isinstance(location, str) else location
    if source == "minari":
        folders = [fetch_minari(dataset_id) for dataset_id in locations]
        return itertools.chain.from_iterable(map(read_minari, folders))
    if source in ("d4rl", "file"):
        read = read_d4rl if source == "d4rl" else read_file
        return itertools.chain.from_iterable(read(path, env_id=env_id) for path in locations)
    raise TTOError(f"expected the source d4rl, minari or file, got {source!r}; name one of them")


def read_file(path: StrPath, *, env_id: str) -> Iterator[Episode]:
    """Read the episodes of a user's own data: a Minari folder, or an HDF5 file in D4RL's layout.

    Raises:
        TTOError: the path does not exist or is neither.
    """
    path = Path(path)
    if not path.exists():
        raise TTOError(
            f"{path}: expected a dataset, found no such file or folder; correct its path"
        )
    if path.is_file():
        return read_d4rl(path, env_id=env_id)
    for folder in (path, path / "data"):
        if (folder / METADATA_FILE_NAME).exists():
            return read_minari(folder)
    raise TTOError(
        f"{path}: expected a Minari dataset (a folder with data/{METADATA_FILE_NAME}) or an HDF5 "
        "file in D4RL's layout, got another folder; correct the path"
    )


def read_minari(folder: StrPath) -> Iterator[Episode]:
    """Stream the episodes of a Minari dataset with flat observations and actions.

    Unfinished episodes, which neither terminated nor were truncated, are left out.

    Raises:
        TTOError: the folder is damaged, or its observations or actions are not flat arrays.
    """
    try:
        _check_spaces(Path(folder))
        dataset = MinariDataset(folder)
        for data in dataset.iterate_episodes():
            if isinstance(data.observations, dict | tuple) or isinstance(
                data.actions, dict | tuple
            ):
                raise TTOError(
                    f"{folder}: expected flat arrays of observations and actions, got the spaces "
                    f"{dataset.observation_space} and {dataset.action_space}; use another dataset"
                )
            terminated, truncated = bool(data.terminations[-1]), bool(data.truncations[-1])
            if not (terminated or truncated):
                LOGGER.warning("%s: left out episode %s, which is unfinished", folder, data.id)
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


def _check_spaces(folder: Path) -> None:
    """Refuse metadata without spaces.

    Minari would make the environment to learn its spaces, by the entry point in the metadata, which
    can name any code.
    """
    metadata = json.loads((folder / METADATA_FILE_NAME).read_text())
    for name in ("observation_space", "action_space"):
        if not isinstance(metadata.get(name), str):
            raise TTOError(
                f"{folder}: expected metadata with the entry {name}, found none; write the dataset "
                "by a newer version of Minari"
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
