"""HDF5 files whose failures are ordinary errors: a full disk, a truncated or foreign file.

When a write fails, the HDF5 library reports errors from every object that it frees, cannot close
the file and may end the process by a segmentation fault. `new_hdf5` therefore writes through a file
object that keeps the first error and accepts all later writes. HDF5 can then close the file, and
the error is raised.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any

import h5py

from tto.errors import TTOError, one_line
from tto.files import StrPath


@contextlib.contextmanager
def new_hdf5(path: StrPath, **options: Any) -> Iterator[h5py.File]:
    """Create an HDF5 file.

    Args:
        path: the file; an existing one is overwritten.
        options: further arguments of `h5py.File`.

    Raises:
        OSError: the file cannot be written, for example because the disk is full.
    """
    with open(path, "w+b", buffering=0) as plain:
        guarded = _Guarded(plain)
        try:
            with h5py.File(guarded, "w", **options) as file:
                yield file
        finally:
            # replaces any exception that HDF5 made of it
            if guarded.error is not None:
                raise guarded.error


@contextlib.contextmanager
def read_hdf5(path: StrPath, *, expected: str, remedy: str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading in the block of the `with` statement.

    Args:
        path: the file.
        expected: kind of the file, for error messages, such as "a rollout file".
        remedy: advice to the user, for error messages, such as "evaluate again".

    Raises:
        TTOError: the file is missing, no HDF5 file, truncated, or the block cannot find or convert
            what it reads.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise TTOError(
            f"{os.fspath(path)}: expected {expected}, got {_kind_of(path)} ({one_line(error)}); "
            f"{remedy}"
        ) from error


def _kind_of(path: StrPath) -> str:
    """A description of a file that cannot be read, for error messages."""
    try:
        with open(path, "rb") as file:
            first = file.read(16)
    except OSError:
        return "no readable file"
    if h5py.is_hdf5(path):
        return "an HDF5 file that is truncated or foreign"
    return f"{os.path.getsize(path)} bytes that begin with {first!r}, truncated or foreign"


class _Guarded:
    """A file object for HDF5 whose writes never fail; `error` is the first error, or None."""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.error: OSError | None = None
        self.read, self.readinto = file.read, file.readinto
        self.seek, self.tell = file.seek, file.tell

    def write(self, content: Any) -> int:  # a memory view of h5py's own kind
        """Write all of `content`, or keep the error."""
        size, done = len(content), 0
        try:
            while done < size and self.error is None:
                done += self.file.write(content[done:])
        except OSError as error:
            error.filename = self.file.name
            self.error = error
        return size

    def truncate(self, size: int) -> int:
        """Set the file's length, or keep the error."""
        try:
            self.file.truncate(size)
        except OSError as error:
            self.error = self.error or error
        return size

    def flush(self) -> None:
        """Do nothing: the file is unbuffered."""
