"""Checkpoints of unfinished training: one writer at a time, whole files only."""

import contextlib
import fcntl
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import torch

from tto.errors import TTOError, one_line
from tto.files import StrPath, atomic_path
from tto.training.distributed import Group

LOGGER = logging.getLogger(__name__)
_FILE = "checkpoint.pt"


@contextlib.contextmanager
def locked(folder: StrPath, *, shared_with: Group | None = None) -> Iterator[Path]:
    """Hold `folder` against other trainers; wait for one that is still at work.

    A trainer whose workflow was killed goes on as an orphan; a second one must not write beside it.
    Of a group, the first process holds the folder for all.
    """
    group = shared_with or Group()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        if group.is_first:
            _acquire(lock, folder)
        group.wait()
        yield folder


def _acquire(lock: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        LOGGER.warning("%s: another process trains this model; waiting for it", folder)
        fcntl.flock(lock, fcntl.LOCK_EX)


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint by `state` (tensors, numbers, strings, lists, dicts).

    Raises:
        TTOError: it cannot be written, on a full disk say; the last one stays.
    """
    try:
        with atomic_path(folder / _FILE) as path:
            torch.save(state, path)
    except (OSError, RuntimeError) as error:  # torch's writer hides the system's error
        raise TTOError(
            f"training: the checkpoint of update {state['update']} cannot be written to {folder} "
            f"({one_line(error)}); the last one is whole: free some space, then run again"
        ) from error


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The folder's checkpoint, or None; only tensors and plain values are read, never code.

    Raises:
        TTOError: it is damaged.
    """
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TTOError(
            f"training: expected a whole checkpoint, but reading {path} failed "
            f"({one_line(error)}); remove it to train from the beginning"
        ) from error
