"""Data that were recorded elsewhere are read as they are meant, or refused."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from d4rl_layout import write_d4rl
from episode_samples import make_episode

from tto.data.d4rl import read_d4rl
from tto.data.episode import Episode
from tto.data.episodes import DATA_FILE, open_dataset
from tto.data.sources import read_file, read_source
from tto.errors import TTOError

ENV = "Hopper-v5"
LENGTHS = [7, 5, 9]


@pytest.fixture
def recorded() -> list[Episode]:
    """Three episodes, of which the second terminated."""
    return [make_episode(n, seed=n, terminated=n == 5) for n in LENGTHS]


@pytest.fixture
def file(tmp_path: Path, recorded: list[Episode]) -> Path:
    """Their file in D4RL's layout, without the simulator's states."""
    path = tmp_path / "mine.hdf5"
    write_d4rl(path, recorded)
    remove(path, "infos")
    return path


def remove(path: Path, *names: str) -> None:
    with h5py.File(path, "r+") as file:
        for name in names:
            del file[name]


def replace(path: Path, name: str, change: Callable[[np.ndarray], object]) -> None:
    with h5py.File(path, "r+") as file:
        values = file[name][()]  # type: ignore[index]
        del file[name]
        file[name] = change(values)


def lengths(path: Path, **options: str) -> list[int]:
    return [len(episode) for episode in read_file(path, env_id=ENV, **options)]  # type: ignore[arg-type]


def with_first(value: object) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.asarray(value).dtype)
        values[0] = value
        return values

    return change


@pytest.mark.parametrize("name", ["terminals", "timeouts"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_first(np.nan), "expected 0 or 1, got nan at row 0"),
        (with_first(0.5), "expected 0 or 1, got 0.5 at row 0"),
        (with_first(-1), "expected 0 or 1, got -1 at row 0"),
        (with_first(255), "expected 0 or 1, got 255 at row 0"),
        (lambda values: values.astype("S1"), "real numbers, got text"),
        (lambda values: values + 0j, "real numbers, got complex numbers"),
        (lambda values: np.stack([values, values], axis=1), r"one number a row, got .*\(21, 2\)"),
        (lambda values: values[:, None, None], "expected one number a row"),
        (lambda values: values[:-1], "one row per transition"),
    ],
)
def test_ends_are_exactly_0_or_1(
    file: Path, name: str, change: Callable[[np.ndarray], np.ndarray], message: str
):
    replace(file, name, change)
    with pytest.raises(TTOError, match=message) as error:
        lengths(file)
    assert name in str(error.value)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("column", [False, True])
def test_ends_of_any_type_and_of_one_column_are_read(file: Path, dtype: type, column: bool):
    for name in ("terminals", "timeouts"):
        replace(file, name, lambda v: v.astype(dtype).reshape((-1, 1) if column else -1))
    assert lengths(file) == LENGTHS


@pytest.mark.parametrize("name", ["observations", "next_observations", "actions", "rewards"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values + 1j, "real numbers, got complex numbers"),
        (lambda values: np.array(["a"] * len(values), dtype="S1"), "real numbers, got text"),
        (lambda values: np.repeat(values.reshape(len(values), -1), 2, axis=1), "columns"),
        (lambda values: values[..., None, None], "columns"),
        (lambda values: np.float32(1), "one row per transition"),
        (lambda values: h5py.Empty("f4"), "without a shape"),
    ],
)
def test_arrays_of_another_type_or_shape_are_refused(
    file: Path, name: str, change: Callable[[np.ndarray], object], message: str
):
    replace(file, name, change)
    with pytest.raises(TTOError, match=message) as error:
        lengths(file)
    assert name in str(error.value)


def unwritten(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    file.create_dataset(name, shape, "f4")


def half_written(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    data = file.create_dataset(name, shape, "f4", chunks=(4, *shape[1:]), compression="gzip")
    data[:8] = 0


def virtual(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "a", shape)
    file.create_virtual_dataset(name, layout)


def external(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    file.create_dataset(name, shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def linked_outside(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    file[name] = h5py.ExternalLink("elsewhere.h5", "a")


def linked_inside(file: h5py.File, name: str, shape: tuple[int, ...]) -> None:
    file["other"] = np.zeros(shape)
    file[name] = h5py.SoftLink("/other")


@pytest.mark.parametrize("name", ["observations", "rewards", "timeouts", "infos/qpos"])
@pytest.mark.parametrize(
    "write", [unwritten, half_written, virtual, external, linked_outside, linked_inside]
)
def test_numbers_that_the_file_does_not_hold_are_refused(
    tmp_path: Path,
    recorded: list[Episode],
    name: str,
    write: Callable[[h5py.File, str, tuple[int, ...]], None],
):
    path = tmp_path / "mine.hdf5"
    write_d4rl(path, recorded)
    with h5py.File(path, "r+") as file:
        shape = file[name].shape  # type: ignore[union-attr]
        del file[name]
        write(file, name, shape)
    with pytest.raises(TTOError, match=r"never written|in other files|a link to another") as error:
        lengths(path)
    assert name in str(error.value)


def test_episodes_that_were_not_marked_apart_are_never_glued(
    file: Path, recorded: list[Episode], caplog: pytest.LogCaptureFixture
):
    replace(file, "timeouts", np.zeros_like)
    with pytest.raises(TTOError, match="1 of 21 rows lead elsewhere, the first is row 6"):
        lengths(file)
    assert lengths(file, jumps="cut") == LENGTHS[:2]
    assert "ended an episode at each row (1) whose next state is not" in caplog.text
    assert "left out the last 9 of 21 rows" in caplog.text
    assert [len(e) for e in read_source("d4rl", str(file), env_id=ENV)] == LENGTHS[:2]
    read = list(read_file(file, env_id=ENV, jumps="cut", unfinished="truncate"))
    for one, two in zip(recorded, read, strict=True):
        np.testing.assert_array_equal(one.observations, two.observations)
        assert (one.terminated, one.truncated) == (two.terminated, two.truncated)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_equal_states_of_different_precision_are_no_jump(file: Path, dtype: type):
    replace(file, "next_observations", lambda values: values.astype(dtype))
    assert lengths(file) == LENGTHS


def test_a_file_without_timeouts_is_cut_where_the_state_jumps(file: Path):
    remove(file, "timeouts")
    assert lengths(file, unfinished="truncate") == LENGTHS
    assert lengths(file) == LENGTHS[:2]  # the last episode has no end


def test_next_observations_of_other_data_are_refused(file: Path):
    remove(file, "timeouts")
    replace(file, "next_observations", lambda values: values[::-1].copy())
    with pytest.raises(TTOError, match="repair next_observations"):
        lengths(file)


def test_a_file_without_next_observations_loses_the_last_transitions(
    file: Path, recorded: list[Episode], caplog: pytest.LogCaptureFixture
):
    remove(file, "next_observations")
    read = list(read_d4rl(file, env_id=ENV))
    assert [len(episode) for episode in read] == [n - 1 for n in LENGTHS]
    for one, two in zip(recorded, read, strict=True):
        np.testing.assert_array_equal(one.observations[:-1], two.observations)
        np.testing.assert_array_equal(one.actions[:-1], two.actions)
        assert (two.terminated, two.truncated) == (one.terminated, not one.terminated)
    assert sum(episode.terminated for episode in read) == 1
    assert "left out the last transition of each of 3 episodes" in caplog.text


def test_an_episode_of_one_transition_without_a_next_observation_is_left_out(tmp_path: Path):
    path = tmp_path / "mine.hdf5"
    write_d4rl(path, [make_episode(n, seed=n, terminated=True) for n in (1, 3, 1)])
    remove(path, "next_observations", "infos")
    assert lengths(path) == [2]


def test_a_file_with_neither_is_cut_at_the_time_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "mine.hdf5"
    write_d4rl(path, [make_episode(n, seed=n, terminated=n == 500) for n in (500, 2300)])
    remove(path, "next_observations", "timeouts", "infos")
    assert lengths(path) == [499, 999, 999]
    assert lengths(path, unfinished="truncate") == [499, 999, 999, 299]
    assert "at the time limit of 1000 steps, 2 times" in caplog.text


def test_a_missing_array_is_named_with_what_to_write(file: Path):
    remove(file, "terminals")
    with pytest.raises(TTOError, match=r"add terminals \(1 for each transition into a terminal"):
        lengths(file)


def test_numbers_of_one_dimension_need_no_second_axis(tmp_path: Path):
    path = tmp_path / "mine.hdf5"
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(7, 4))
    with h5py.File(path, "w") as file:
        file["observations"], file["next_observations"] = observations[:-1], observations[1:]
        file["actions"] = rng.normal(size=6)
        file["rewards"] = rng.normal(size=(6, 1))
        file["terminals"] = np.arange(6) == 5
    (episode,) = read_d4rl(path, env_id="InvertedPendulum-v5")
    assert episode.actions.shape == (6, 1)
    assert episode.rewards.shape == (6,)


@pytest.mark.parametrize("kind", ["pointer", "folder", "pipe"])
def test_what_is_no_file_of_numbers_is_named(tmp_path: Path, kind: str):
    path = tmp_path / "mine.hdf5"
    if kind == "pointer":
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    expected = {"pointer": "git lfs pull", "folder": "got neither", "pipe": "got neither"}[kind]
    with pytest.raises(TTOError, match=expected):
        lengths(path)


def test_minari_without_an_environment_is_read(dataset: Path, episodes: list[Episode]):
    change_metadata(dataset, lambda metadata: metadata.pop("env_spec"))
    assert lengths(dataset) == [len(episode) for episode in episodes]


def change_metadata(dataset: Path, change: Callable[[dict], object]) -> None:
    path = dataset / "data" / "metadata.json"
    metadata = json.loads(path.read_text())
    change(metadata)
    path.write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"total_episodes": 2}, "expected 2 episodes by its metadata.json, got 3"),
        ({"total_episodes": 4}, "expected 4 episodes by its metadata.json, got 3"),
        ({"total_steps": 35}, "expected 35 transitions by its metadata.json, got 36"),
        ({"total_steps": "many"}, "expected whole numbers"),
        ({"data_format": "arrow"}, "in the format hdf5, got 'arrow'"),
    ],
)
def test_minari_counts_must_agree(dataset: Path, change: dict, message: str):
    change_metadata(dataset, lambda metadata: metadata.update(change))
    with pytest.raises(TTOError, match=message):
        lengths(dataset)
    if "data_format" not in change:
        with pytest.raises(TTOError):
            list(open_dataset(dataset))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("terminations", np.array([0, 0, 0, 0, 0.5]), "expected 0 or 1, got 0.5 at row 4"),
        ("truncations", np.array([0, 1, 0, 0, 0]), "only the last may be true"),
        ("terminations", np.zeros(4, dtype=bool), "expected terminations of 5 rows"),
        ("rewards", np.zeros((5, 2)), "one reward a step"),
        ("observations", np.zeros((6, 11)) * 1j, "got complex numbers"),
    ],
)
def test_minari_arrays_are_checked(dataset: Path, name: str, value: np.ndarray, message: str):
    with h5py.File(dataset / "data" / DATA_FILE, "r+") as file:
        del file[f"episode_0/{name}"]
        file[f"episode_0/{name}"] = value
    with pytest.raises(TTOError, match=message):
        lengths(dataset)
    with pytest.raises(TTOError):
        list(open_dataset(dataset))


def test_an_unfinished_episode_of_minari_is_dropped_or_kept(
    dataset: Path, caplog: pytest.LogCaptureFixture
):
    with h5py.File(dataset / "data" / DATA_FILE, "r+") as file:
        for name in ("terminations", "truncations"):
            file[f"episode_2/{name}"][:] = False  # type: ignore[index]
    with caplog.at_level(logging.WARNING):
        assert lengths(dataset) == [5, 30]
    assert "left out 1 of 3 episodes" in caplog.text
    kept = list(read_file(dataset, env_id=ENV, unfinished="truncate"))
    assert [len(episode) for episode in kept] == [5, 30, 1]
    assert (kept[-1].terminated, kept[-1].truncated) == (False, True)
