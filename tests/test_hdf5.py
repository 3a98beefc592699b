"""HDF5 files on a full disk, and files that cannot be read: one error each."""

import errno
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tto.errors import TTOError
from tto.hdf5 import new_hdf5, read_hdf5

FILL = """
import resource, signal, sys
import numpy as np
from tto.hdf5 import new_hdf5

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    with new_hdf5(sys.argv[1], track_order=True) as file:
        rows = file.create_dataset("rows", (0, 4), "f8", maxshape=(None, 4), chunks=(64, 4))
        for number in range(100):
            file[f"group{number}/values"] = np.zeros(5000)
            rows.resize(len(rows) + 50, axis=0)
            rows[-50:] = number
except OSError as error:
    print(error.errno, error.filename)
"""


def test_reading_gives_back_what_was_written(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(1000, 7))
    with new_hdf5(tmp_path / "a.h5") as file:
        file["values"] = values
        packed = file.create_dataset("packed", (0, 7), "f8", maxshape=(None, 7), compression="gzip")
        for block in np.split(values, 10):
            packed.resize(len(packed) + len(block), axis=0)
            packed[-len(block) :] = block
        file.attrs["name"] = "a"
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["values"], values)
        np.testing.assert_array_equal(file["packed"], values)
        assert dict(file.attrs) == {"name": "a"}


def test_a_file_that_cannot_grow_is_one_error(tmp_path: Path):
    """A separate process writes: h5py alone would end it by a segmentation fault."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    run = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "a.h5")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"{errno.EFBIG} {tmp_path / 'a.h5'}\n"
    assert run.stderr == ""


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, "no readable file"),
        (b"<html>moved</html>", "18 bytes that begin with b'<html>moved</htm', truncated"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file that is truncated or foreign"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes | None, kind: str):
    path = tmp_path / "a.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TTOError) as error, read_hdf5(path, expected="a toy", remedy="make it"):
        pass
    assert str(error.value).startswith(f"{path}: expected a toy, got {kind}")
    assert str(error.value).endswith("; make it")
    assert "\n" not in str(error.value)


def test_a_missing_array_is_the_files_fault(tmp_path: Path):
    with new_hdf5(tmp_path / "a.h5") as file:
        file["values"] = [1.0]
    message = "expected a toy, got an HDF5 file that is truncated or foreign .*others"
    with (
        pytest.raises(TTOError, match=message),
        read_hdf5(tmp_path / "a.h5", expected="a toy", remedy="make it") as file,
    ):
        file["others"]
