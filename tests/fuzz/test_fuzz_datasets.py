"""Hostile datasets: each file is read as what it holds, or refused by one line."""

import io
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tto.data.episode import check_episode
from tto.data.sources import read_file
from tto.errors import TTOError

ENV, O, A = "InvertedPendulum-v5", 4, 1
GIGABYTE = 2**30
D4RL = {
    "observations": O,
    "next_observations": O,
    "actions": A,
    "rewards": 0,
    "terminals": 0,
    "timeouts": 0,
    "infos/qpos": 2,
    "infos/qvel": 2,
}
MINARI = {"observations": O, "actions": A, "rewards": 0, "terminations": 0, "truncations": 0}
ODD = [np.nan, np.inf, -1.0, 0.5, 1e300, 255.0]
DTYPES = ["f2", "f4", "f8", ">f4", "i1", "i8", "u8", "?", "c8", "S3", "V5", "O"]


@pytest.fixture(autouse=True)
def _limited_memory() -> Iterator[None]:
    """Let no file take more than two gigabytes beyond what the process has."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * GIGABYTE, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def outcome(path: Path) -> list[int] | str:
    """Lengths of the episodes, or the one line of the error; anything else fails the test."""
    line = None
    try:
        episodes = list(read_file(path, env_id=ENV))
        for episode in episodes:
            check_episode(episode, source=path.name, dimensions=(O, A))
    except TTOError as error:
        line = str(error)
    if line is None:
        return [len(episode) for episode in episodes]
    assert "\n" not in line
    return line


def whole(names: dict[str, int], rows: int, seed: int) -> dict[str, np.ndarray]:
    """Arrays that are right: one episode of `rows` transitions."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(rows + 1, O))
    arrays = {
        name: rng.normal(size=(rows, width) if width else rows) for name, width in names.items()
    }
    last = np.arange(rows) == rows - 1
    right = {"observations": states[:-1], "next_observations": states[1:]}
    right |= {"terminals": last, "terminations": last}
    right |= {"timeouts": ~last & last, "truncations": ~last & last}
    if "terminations" in names:
        right["observations"] = states
    return {name: right.get(name, values) for name, values in arrays.items()}


def put(file: h5py.Group, name: str, values: np.ndarray, fault: str, value: Any) -> None:
    """Write an array with a fault."""
    if fault == "missing":
        return
    if fault == "type":
        try:
            values = values.astype(value)
        except (ValueError, TypeError):
            values = np.zeros(values.shape, value)
        if values.dtype.kind == "O":
            file.create_dataset(
                name, data=values.astype("S").astype(object), dtype=h5py.string_dtype()
            )
            return
    elif fault == "shape":
        values = np.resize(values, value)
    elif fault == "number":
        values = values.astype(float)
        values[len(values) // 2] = value
    elif fault == "group":
        file.create_group(name)
        return
    elif fault == "soft link":
        file[name] = h5py.SoftLink(value)
        return
    elif fault == "external link":
        file[name] = h5py.ExternalLink(value, "/a")
        return
    elif fault == "unwritten":
        chunks = tuple(max(1, size // 2) for size in values.shape) if value else None
        file.create_dataset(name, values.shape, "f4", chunks=chunks)
        return
    elif fault == "huge":
        file.create_dataset(name, (10**value, *values.shape[1:]), "f4")
        return
    elif fault == "external":
        file.create_dataset(name, values.shape, "f4", external=[(value, 0, h5py.h5f.UNLIMITED)])
        return
    elif fault == "virtual":
        layout = h5py.VirtualLayout(values.shape, "f4")
        layout[:] = h5py.VirtualSource(value, "a", values.shape)
        file.create_virtual_dataset(name, layout)
        return
    elif fault == "empty":
        file[name] = h5py.Empty("f4")
        return
    file[name] = values


PATHS = st.sampled_from(["/etc/hostname", "/dev/zero", ".", "none.h5", "", "/"])
FAULTS = st.one_of(
    st.tuples(st.sampled_from(["none", "missing", "group", "empty"]), st.none()),
    st.tuples(st.just("type"), st.sampled_from(DTYPES)),
    st.tuples(st.just("shape"), st.lists(st.integers(0, 5), max_size=4).map(tuple)),
    st.tuples(st.just("number"), st.sampled_from(ODD)),
    st.tuples(st.just("soft link"), st.sampled_from(["/rewards", "/none", "/", "."])),
    st.tuples(st.sampled_from(["external link", "external", "virtual"]), PATHS.filter(bool)),
    st.tuples(st.just("unwritten"), st.booleans()),
    st.tuples(st.just("huge"), st.integers(9, 18)),
)
# Faults after which the numbers of the file can still be right.
HARMLESS = {"none", "missing", "type", "shape", "number"}


@given(st.dictionaries(st.sampled_from(list(D4RL)), FAULTS, max_size=3), st.integers(1, 6))
def test_d4rl_files(tmp_path_factory: pytest.TempPathFactory, faults: dict, rows: int):
    path = tmp_path_factory.getbasetemp() / "hostile.hdf5"
    with h5py.File(path, "w") as file:
        for name, values in whole(D4RL, rows, seed=rows).items():
            put(file, name, values, *faults.get(name, ("none", None)))
    found = outcome(path)
    if not faults:
        assert found == [rows]
    if any(fault not in HARMLESS for fault, _ in faults.values()):
        assert isinstance(found, str)


@given(st.dictionaries(st.sampled_from(list(MINARI)), FAULTS, max_size=2), st.integers(1, 6))
def test_minari_episodes(tmp_path_factory: pytest.TempPathFactory, faults: dict, rows: int):
    folder = minari_folder(tmp_path_factory, {"total_episodes": 2, "total_steps": rows + 3})
    with h5py.File(folder / "main_data.hdf5", "w") as file:
        for index, length in enumerate((rows, 3)):
            for name, values in whole(MINARI, length, seed=rows).items():
                fault = faults.get(name, ("none", None)) if index == 0 else ("none", None)
                put(file.require_group(f"episode_{index}"), name, values, *fault)
    found = outcome(folder)
    if not faults:
        assert found == [rows, 3]
    if any(fault not in HARMLESS for fault, _ in faults.values()):
        assert isinstance(found, str)


def minari_folder(factory: pytest.TempPathFactory, metadata: Any) -> Path:
    folder = factory.getbasetemp() / "minari"
    folder.mkdir(exist_ok=True)
    (folder / "metadata.json").write_text(json.dumps(metadata))
    return folder


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["total_episodes", "total_steps", "data_format", "env_spec"])


@given(st.one_of(JSON, st.dictionaries(KEYS, JSON)))
def test_minari_metadata(tmp_path_factory: pytest.TempPathFactory, metadata: Any):
    folder = minari_folder(tmp_path_factory, metadata)
    with h5py.File(folder / "main_data.hdf5", "w") as file:
        for name, values in whole(MINARI, 3, seed=0).items():
            file[f"episode_0/{name}"] = values
    found = outcome(folder)
    assert isinstance(found, str) or (metadata["total_episodes"], metadata["total_steps"]) == (1, 3)


def bytes_of_a_file() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, values in whole(D4RL, 5, seed=0).items():
            file[name] = values
    return content.getvalue()


WHOLE = bytes_of_a_file()


@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(WHOLE)) | st.just(len(WHOLE)),
)
def test_damaged_bytes(tmp_path_factory: pytest.TempPathFactory, changes: list, length: int):
    content = bytearray(WHOLE)
    for place, byte in changes:
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.hdf5"
    path.write_bytes(content[:length])
    outcome(path)


@given(st.binary(max_size=300))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.getbasetemp() / "any.hdf5"
    path.write_bytes(content)
    assert isinstance(outcome(path), str)
    folder = minari_folder(tmp_path_factory, {"total_episodes": 1, "total_steps": 1})
    (folder / "main_data.hdf5").write_bytes(content)
    assert isinstance(outcome(folder), str)
