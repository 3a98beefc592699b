"""Checkpoints of unfinished training, and the loop that goes on from them.

Checkpoints are whole files only, from one training at a time.
"""

import contextlib
import hashlib
import io
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from tto.errors import TTOError, one_line
from tto.files import StrPath, atomic_path, exclusive_lock
from tto.progress import Progress
from tto.training.distributed import ProcessGroup
from tto.training.events import Events

LOGGER = logging.getLogger(__name__)
CHECKPOINT = "checkpoint.pt"
Row = Mapping[str, float | int]


@runtime_checkable
class Resumable(Protocol):
    """A training that makes one update at a time and can go on from a stored state.

    Attributes:
        update, updates: numbers of updates so far and of the whole training.
        metrics: rows of metrics.csv so far.
    """

    update: int
    updates: int
    metrics: list[dict[str, float | int]]

    def advance(self) -> Row | None:
        """Make one update; return a row of metrics if one is due."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that determines how the training goes on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        ...


def train_to_end(
    state: Resumable,
    folder: Path,
    stop_signal: Callable[[], str | None],
    *,
    name: str,
    checkpoint_every: int,
    events: StrPath | None = None,
    shown: Callable[[Row], str] = lambda row: "",
    group: ProcessGroup | None = None,
    device: torch.device | None = None,
) -> None:
    """Load the checkpoint of `folder` if there is one, make the remaining updates and save others.

    Args:
        state: the training at its beginning.
        folder: folder of the checkpoint, which this process has locked.
        stop_signal: gives the name of a signal to stop, or None (`catch_stop_signals`).
        name: name of the training in errors.
        checkpoint_every: updates between checkpoints.
        events: folder of TensorBoard's event files; None writes no events.
        shown: words on a row of metrics, beside the progress.
        group: processes that train together; None is this process alone.
        device: device of the group's messages; None is the processor.

    Raises:
        TTOError: a signal to stop, a damaged checkpoint, or one that cannot be written.
    """
    group, device = group or ProcessGroup(), device or torch.device("cpu")
    _resume(state, folder)
    written = Events(events, rows=state.metrics)
    progress = Progress(name="train", total=state.updates, initial=state.update, unit="updates")
    try:
        while state.update < state.updates:
            row = state.advance()
            if row is not None:
                written.add(row)
                progress.note(shown(row))
            progress.update()
            finished = state.update == state.updates
            stop = group.any(stop_signal() is not None, device) and not finished
            due = state.update % checkpoint_every == 0
            if group.is_first and (stop or finished or due):
                save_checkpoint(folder, state.state_dict())
            if stop:
                raise TTOError(
                    f"{name}: stopped by {stop_signal() or 'a signal'} at update {state.update} "
                    f"of {state.updates}; a checkpoint is saved, run again to go on"
                )
    finally:
        written.close()
        progress.close()


@contextlib.contextmanager
def locked(folder: StrPath, *, shared_with: ProcessGroup | None = None) -> Iterator[Path]:
    """Lock `folder`; wait while another training holds the lock.

    A training goes on as an orphan when its workflow is killed; a second training must not write to
    the same folder. The first process of a group holds the lock for all its processes.
    """
    group = shared_with or ProcessGroup()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder) if group.is_first else contextlib.nullcontext()
    with lock:
        group.wait()
        yield folder


def _lock(folder: Path) -> contextlib.AbstractContextManager[None]:
    def waiting() -> None:
        LOGGER.warning("%s: another process trains this model; waiting until it ends", folder)

    return exclusive_lock(folder / "lock", waiting=waiting)


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint by `state` (tensors, numbers, strings, lists, dicts).

    Raises:
        TTOError: the checkpoint cannot be written, for example on a full disk; the previous one is
            kept.
    """
    try:
        with atomic_path(folder / CHECKPOINT) as path, path.open("w+b", buffering=0) as file:
            torch.save(state, file)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").digest()
            file.seek(0, io.SEEK_END)
            file.write(digest)
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
    path = folder / CHECKPOINT
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
        size = hashlib.sha256().digest_size  # the digest follows what torch wrote
        if hashlib.sha256(content[:-size]).digest() != content[-size:]:
            raise ValueError("its content does not have the SHA-256 at its end")
        state = torch.load(io.BytesIO(content[:-size]), weights_only=True, map_location="cpu")
        if not isinstance(state, dict):
            raise ValueError("it holds no state")
        return state
    except MemoryError:
        raise
    except Exception as error:  # a foreign file makes torch's reader fail in any way
        raise _damaged(path, error) from error


def _resume(state: Resumable, folder: Path) -> None:
    """Go on from the checkpoint in `folder`, if there is one."""
    checkpoint = load_checkpoint(folder)
    if checkpoint is None:
        return
    try:
        state.load_state_dict(checkpoint)
        if not (isinstance(state.update, int) and 0 <= state.update <= state.updates):
            raise ValueError(f"it is of update {state.update!r:.40} of {state.updates}")
    except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise _damaged(folder / CHECKPOINT, error) from error


def _damaged(path: Path, error: Exception) -> TTOError:
    return TTOError(
        f"training: expected a whole checkpoint of this training, but reading {path} failed "
        f"({one_line(error)}); remove it to train from the beginning"
    )
