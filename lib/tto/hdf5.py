"""HDF5 files whose failures are ordinary errors: a full disk, a truncated or foreign file.

A foreign file can answer with numbers that it does not hold: HDF5 reads chunks that were never
written as zeros, follows links to other files, and takes virtual and external arrays from there.
`find_array` finds an array of real numbers that is wholly stored in the file, or refuses it.

When a write fails, the HDF5 library reports errors from every object that it frees, cannot close
the file and may end the process by a segmentation fault. `new_hdf5` therefore writes through a file
object that keeps the first error and accepts all later writes. HDF5 can then close the file, and
the error is raised.
"""

import contextlib
import io
import math
import os
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from h5py import h5i, h5l, h5o  # pyright: ignore[reportAttributeAccessIssue]  # lacks stubs

from tto.errors import TTOError, one_line
from tto.files import StrPath, kind_of

# What HDF5 and h5py raise for damaged files; a shape too large for the memory is a damage, too.
READ_ERRORS = (
    *(OSError, LookupError, RuntimeError, ValueError, TypeError),
    *(ArithmeticError, AttributeError, MemoryError),
)

_LARGE, _LARGEST_COMPRESSION = 2**30, 200  # bytes, and times that larger arrays may be compressed
_FLAGS_AT_ONCE = 2**20


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
        if not os.path.isfile(path):  # to open a pipe would wait for ever
            raise OSError("no such file")
        with h5py.File(path, "r") as file:
            yield file
    except READ_ERRORS as error:
        is_hdf5 = os.path.isfile(path) and h5py.is_hdf5(path)
        found = "an HDF5 file that is truncated or foreign" if is_hdf5 else kind_of(path)
        raise TTOError(
            f"{os.fspath(path)}: expected {expected}, got {found} ({one_line(error)}); {remedy}"
        ) from error


def find_array(group: h5py.h5g.GroupID, name: str) -> h5py.h5d.DatasetID | None:
    """Find an array of real numbers that the file itself holds; nothing of it is read yet.

    Args:
        group: low-level identifier of the group to begin in, as `file.id`.
        name: path of the array from there, such as `infos/qpos`.

    Returns:
        The array's low-level identifier; None where nothing has that name.

    Raises:
        TTOError: the name is a link or a group; the array does not hold real numbers; or its
            numbers are not in the file: parts were never written, or come from other files.
    """
    parents, _, last = name.rpartition("/")
    if parents:
        found = find_group(group, parents)
        if found is None:
            return None
        group = found
    data = _own_entry(group, last)
    if data is None:
        return None
    if not isinstance(data, h5py.h5d.DatasetID):
        raise TTOError(
            f"{_place(group, last)}: expected flat arrays of numbers, got a group of arrays; write "
            "one array"
        )
    fault = _fault(data)
    if fault is not None:
        raise TTOError(f"{_place(group, last)}: expected an array of real numbers, got {fault}")
    return data


def find_group(group: h5py.h5g.GroupID, name: str) -> h5py.h5g.GroupID | None:
    """Find a group at the path `name`, which the file itself holds; None if there is none.

    Raises:
        TTOError: a part of the path is a link.
    """
    for part in name.split("/"):
        found = _own_entry(group, part)
        if not isinstance(found, h5py.h5g.GroupID):
            return None
        group = found
    return group


def _own_entry(group: h5py.h5g.GroupID, name: str) -> Any:
    """Open an entry of a group, which must not be a link to elsewhere; None if there is none."""
    if not group.links.exists(name.encode()):
        return None
    if group.links.get_info(name.encode()).type != h5l.TYPE_HARD:
        raise TTOError(
            f"{_place(group, name)}: expected numbers in this file, got a link to another place; "
            "copy them into the file"
        )
    return h5o.open(group, name.encode())


def _place(group: h5py.h5g.GroupID, name: str) -> str:
    file = h5py.h5f.get_name(group).decode(errors="replace")
    inside = (h5i.get_name(group) or b"").decode(errors="replace").strip("/")
    return f"{file}: {f'{inside}/' if inside else ''}{name}"


def _fault(data: h5py.h5d.DatasetID) -> str | None:
    """What is wrong with an array, and what to do; None if its numbers can be trusted."""
    dtype = data.dtype
    if dtype.kind not in "biuf":
        kinds = {"c": "complex numbers", "S": "text", "U": "text", "O": "text or objects"}
        return f"{kinds.get(dtype.kind, f'the type {dtype}')}; write it as float32"
    shape = data.shape
    if shape is None:
        return "an array without a shape; write its numbers"
    properties = data.get_create_plist()
    layout = properties.get_layout()
    if layout == h5py.h5d.VIRTUAL or properties.get_external_count():
        return "an array whose numbers are in other files; copy them into this one"
    if layout == h5py.h5d.CHUNKED:
        for index in range(properties.get_nfilters()):
            code = properties.get_filter(index)[0]
            if not h5py.h5z.filter_avail(code):
                return (
                    f"data compressed by the filter {code}, which is not installed; write the file "
                    "with gzip"
                )
        chunks = math.prod(
            -(-size // chunk) for size, chunk in zip(shape, properties.get_chunk(), strict=True)
        )
        written = data.get_num_chunks() == chunks
    else:
        written = data.get_space_status() == h5py.h5d.SPACE_STATUS_ALLOCATED
    if not written and 0 not in shape:
        return "parts that were never written, which HDF5 reads as zeros; write all of its numbers"
    size = math.prod(shape) * dtype.itemsize
    if size > _LARGE and size > _LARGEST_COMPRESSION * data.get_storage_size():
        return f"{size / 2**30:.0f} GiB packed into a few bytes, which are no data; remove the file"
    return None


def matrix(values: np.ndarray, where: str) -> np.ndarray:
    """Rows of numbers as float32 `(rows, columns)`; one number a row may lack the second axis.

    Numbers too large for float32 become infinite, which the check of an episode reports.

    Args:
        values: an array `(rows, columns)` or `(rows,)`.
        where: file and name of the array, for error messages.

    Raises:
        TTOError: the array has another number of axes.
    """
    if values.ndim not in (1, 2):
        raise TTOError(
            f"{where}: expected a flat row of numbers for each step, got the shape {values.shape}; "
            "flatten it"
        )
    with np.errstate(over="ignore"):
        rows = values.astype(np.float32)
    return rows[:, None] if rows.ndim == 1 else rows


def read_flags(data: h5py.Dataset, where: str) -> np.ndarray:
    """Read marks of one number a row, as bool `(rows,)`.

    Args:
        data: an array `(rows,)` or `(rows, 1)` that holds 0 and 1.
        where: file and name of the array, for error messages.

    Raises:
        TTOError: a number is neither 0 nor 1, or a row has several.
    """
    if data.ndim not in (1, 2) or data.shape[1:] not in ((), (1,)):
        raise TTOError(
            f"{where}: expected one number a row, got the shape {data.shape}; write one column"
        )
    blocks = [
        flags(data[low : low + _FLAGS_AT_ONCE].reshape(-1), where, first=low)
        for low in range(0, len(data), _FLAGS_AT_ONCE)
    ]
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=bool)


def flags(values: np.ndarray, where: str, *, first: int = 0) -> np.ndarray:
    """Numbers as bool of the same shape.

    Args:
        values: an array `(rows,)`.
        where: file and name of the array, for error messages.
        first: row of the first number, for error messages.

    Raises:
        TTOError: a number is neither 0 nor 1.
    """
    if values.dtype != np.bool_:
        wrong = np.flatnonzero((values != 0) & (values != 1))
        if len(wrong):
            raise TTOError(
                f"{where}: expected 0 or 1, got {values[wrong[0]]} at row {first + wrong[0]}; "
                "write 1 where the mark holds, else 0"
            )
    return values.astype(bool)


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
