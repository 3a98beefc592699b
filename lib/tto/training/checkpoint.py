"""Checkpoints of unfinished training: whole files only, from one training at a time."""

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
from tto.training.distributed import ProcessGroup

LOGGER = logging.getLogger(__name__)
_FILE = "checkpoint.pt"


@contextlib.contextmanager
def locked(folder: StrPath, *, shared_with: ProcessGroup | None = None) -> Iterator[Path]:
    """Lock `folder`; wait while another training holds the lock.

    A training goes on as an orphan when its workflow is killed; a second training must not write to
    the same folder. The first process of a group holds the lock for all its processes.
    """
    group = shared_with or ProcessGroup()
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
        LOGGER.warning("%s: another process trains this model; waiting until it ends", folder)
        fcntl.flock(lock, fcntl.LOCK_EX)


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint by `state` (tensors, numbers, strings, lists, dicts).

    Raises:
        TTOError: the checkpoint cannot be written, for example on a full disk; the previous one is
            kept.
    """
    try:
        with atomic_path(folder / _FILE) as path:
            torch.save(state, path)
    except (OSError, RuntimeError) as error:  # torch's writer hides errors of the system
        raise TTOError(
            f"training: the checkpoint of update {state['update']} cannot be written to {folder} "
            f"({one_line(error)}); the previous one is kept: free some space, then run again"
        ) from error


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the folder's checkpoint, or None if there is none; code in it is never run.

    Raises:
        TTOError: the checkpoint is damaged.
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
