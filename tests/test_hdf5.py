"""HDF5 files on a disk that is full: the system's error, and no other."""

import errno
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from tto.hdf5 import new_hdf5

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


def test_what_is_written_is_read(tmp_path: Path):
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
    """In a process of its own: h5py alone ends in a segmentation fault there."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    run = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "a.h5")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"{errno.EFBIG} {tmp_path / 'a.h5'}\n"
    assert run.stderr == ""
