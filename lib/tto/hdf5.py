"""HDF5 files written so that a full disk is an error like any other.

When a write fails, the HDF5 library itself complains from every object that it frees, cannot close
the file and may end the process by a segmentation fault. Here it writes through a file that keeps
the system's first error and swallows what follows, so that HDF5 can close in peace.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import h5py

from tto.files import StrPath


@contextlib.contextmanager
def new_hdf5(path: StrPath, **options: Any) -> Iterator[h5py.File]:
    """Create an HDF5 file; `options` are those of `h5py.File`.

    Raises:
        OSError: it cannot be written: the disk is full, say.
    """
    with open(path, "w+b", buffering=0) as plain:
        guarded = _Guarded(plain)
        try:
            with h5py.File(guarded, "w", **options) as file:
                yield file
        finally:
            # in place of what HDF5 makes of it
            if guarded.error is not None:
                raise guarded.error


class _Guarded:
    """A file object for HDF5 whose writes never fail; `error` is why one did."""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.error: OSError | None = None
        self.read, self.readinto = file.read, file.readinto
        self.seek, self.tell = file.seek, file.tell

    def write(self, content: memoryview) -> int:
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
        """Nothing is buffered."""
