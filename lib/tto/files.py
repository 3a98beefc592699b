"""Files and folders that appear whole or not at all, locks, and digests of files."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tto.errors import TTOError

StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def atomic_path(path: StrPath) -> Iterator[Path]:
    """Yield a temporary sibling of `path` (for a file or a folder) and move it there on success.

    After an exception the temporary is removed and an earlier `path` is untouched. The temporary
    name contains the process id, so two processes never share it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove(temporary)
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            shutil.rmtree(path)  # os.replace does not replace a folder that has content
        os.replace(temporary, path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive_lock(path: StrPath, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock, named by a file, in the block of the `with` statement.

    The file is made if need be, and never changed: where it is a link, it is refused, so that
    nobody can lead a lock to another file.

    Args:
        path: the lock's file.
        waiting: called once if another process holds the lock.

    Raises:
        OSError: the file cannot be opened.
        TTOError: the file is a link.
    """
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise TTOError(
            f"{path}: expected a lock file of its own, got a link to another file; remove it"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def content_digest(path: StrPath) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
