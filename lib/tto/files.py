"""Files and folders that appear whole or not at all, and digests of files."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

StrPath = str | os.PathLike[str]
_LFS_POINTER = b"version https://git-lfs"


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


def content_digest(path: StrPath) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kind_of(path: StrPath) -> str:
    """A description of a file of an unexpected kind, for error messages."""
    if not os.path.isfile(path):
        return "no readable file"
    try:
        with open(path, "rb") as file:
            first = file.read(len(_LFS_POINTER))
    except OSError:
        return "no readable file"
    if first == _LFS_POINTER:
        return "a pointer of Git LFS, not the file itself: run `git lfs pull`"
    return f"{os.path.getsize(path)} bytes that begin with {first[:16]!r}, truncated or foreign"
