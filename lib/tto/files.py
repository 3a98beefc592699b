"""Files and folders that appear whole or not at all, locks, and digests of files."""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from tto.errors import TTOError
from tto.ownership import publishing

_POINTER = b"version https://git-lfs.github.com/spec/"
StrPath = str | os.PathLike[str]


@contextlib.contextmanager
def atomic_path(path: StrPath) -> Iterator[Path]:
    """Yield a temporary sibling of `path` (for a file or a folder) and move it there on success.

    After an exception the temporary is removed and an earlier `path` is untouched. The temporary
    name contains the process id and the machine, so two processes never share it. Temporaries of
    dead processes of this machine are removed.

    Raises:
        TTOError: `path` belongs to the outputs of a job that has lost them to a newer job
            (`tto.ownership`).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_those_of_dead_processes(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}@{_machine()}.tmp")
    remove(temporary)
    try:
        yield temporary
        with publishing(path):
            if temporary.is_dir() and path.is_dir():
                shutil.rmtree(path)  # os.replace does not replace a folder that has content
            os.replace(temporary, path)
    finally:
        remove(temporary)


def _machine() -> str:
    """Name of this machine, for file names: machines that share a disk also share process ids."""
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())[:40]


def _remove_those_of_dead_processes(path: Path) -> None:
    """Remove the temporaries that killed processes of this machine left beside `path`."""
    name = re.compile(rf"\.{re.escape(path.name)}\.(\d+)(?:@{re.escape(_machine())})?\.tmp")
    with contextlib.suppress(OSError):  # of another user, or just removed by another job
        for sibling in os.listdir(path.parent):
            match = name.fullmatch(sibling)
            if match and not _is_alive(int(match[1])):
                remove(path.with_name(sibling))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_private_folder(folder: Path) -> bool:
    """Whether a folder, which is made if need be, is this user's and only the user can write it.

    Raises:
        OSError: it cannot be made or written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    for parent in folder.resolve().parents:  # whoever can rename it could put another there
        mode = parent.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return False
    if found.st_mode & 0o077:
        folder.chmod(0o700)
        if found.st_mode & 0o022:  # others may have written what is in it
            for path in folder.iterdir():
                remove(path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written")
    return True


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
    lock = _open_lock(path)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def take_lock(path: StrPath, until: contextlib.ExitStack) -> bool:
    """Take a lock as `exclusive_lock` does, but only if no other process holds it.

    Args:
        path: the lock's file.
        until: the stack at whose end the lock is given back.

    Returns:
        Whether the lock was free.

    Raises:
        OSError: the file cannot be opened.
        TTOError: the file is a link.
    """
    lock = _open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    until.callback(os.close, lock)
    return True


def _open_lock(path: StrPath) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise TTOError(
            f"{path}: expected a lock file of its own, got a link to another file; remove it"
        ) from error


def cut_name(name: str, most: int) -> str:
    """The first part of a name and a digest of all of it, `most` characters together."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: most - 17]}-{digest}"


def content_digest(path: StrPath) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_is_no_pointer(path: StrPath) -> None:
    """Raise a `TTOError` if Git LFS has left a pointer in place of a file's content.

    Raises:
        TTOError: the file is such a pointer.
    """
    if _beginning(path) == _POINTER:
        raise TTOError(
            f"{os.fspath(path)}: expected the file itself, got a pointer of Git LFS to it; fetch "
            "it by `git lfs pull`, or download it from the web page"
        )


def kind_of(path: StrPath) -> str:
    """A description of a file of an unexpected kind, for error messages."""
    first = _beginning(path) if os.path.isfile(path) else None
    if first is None:
        return "no readable file"
    if first == _POINTER:
        return "a pointer of Git LFS, not the file itself: run `git lfs pull`"
    return f"{os.path.getsize(path)} bytes that begin with {first[:16]!r}, truncated or foreign"


def _beginning(path: StrPath) -> bytes | None:
    """The first bytes of a file, as many as a pointer of Git LFS has; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(len(_POINTER))
    except OSError:
        return None
