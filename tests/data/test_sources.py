"""Minari's datasets and a user's own files as sources."""

import socket
import time
from pathlib import Path

import gymnasium
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from tto.data.episode import Episode
from tto.data.episodes import open_dataset
from tto.data.sources import fetch_minari, minari_ids, read_file, read_minari, read_source
from tto.errors import TTOError


def assert_same(one: Episode, two: Episode) -> None:
    for field in ("observations", "actions", "rewards", "qpos", "qvel"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    assert (one.terminated, one.truncated) == (two.terminated, two.truncated)


@pytest.mark.parametrize("inside", [".", "data"])
def test_minari_folder_as_a_file(dataset: Path, episodes: list[Episode], inside: str):
    for one, two in zip(episodes, read_file(dataset / inside, env_id="Hopper-v5"), strict=True):
        assert_same(one, two)


def test_local_minari_id(dataset: Path, episodes: list[Episode], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(dataset.parent))
    read = read_minari(fetch_minari("hopper-test-v0"))
    for one, two in zip(episodes, read, strict=True):
        assert_same(one, two)


@pytest.mark.filterwarnings("ignore:.*is set to None")
def test_minaris_own_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    observations = np.arange(44, dtype=np.float64).reshape(4, 11)
    buffers = [
        EpisodeBuffer(
            observations=list(observations),
            actions=list(np.ones((3, 3), dtype=np.float32)),
            rewards=[1.0, 2.0, 3.0],
            terminations=[False, False, ended],
            truncations=[False, False, ended],
            infos={},
        )
        for ended in (True, False)
    ]
    minari.create_dataset_from_buffers("mine-v0", buffers, env="Hopper-v5", author="nobody")
    (episode,) = read_file(tmp_path / "mine-v0", env_id="Hopper-v5")
    np.testing.assert_array_equal(episode.observations, observations)
    assert episode.rewards.tolist() == [1, 2, 3]
    assert (episode.terminated, episode.truncated) == (True, False)
    assert episode.qpos is None


@pytest.mark.filterwarnings("ignore:.*is set to None", "ignore:env_spec is None")
def test_observations_must_be_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    box = gymnasium.spaces.Box(-1, 1, (1,))
    buffer = EpisodeBuffer(
        observations={"xy": np.zeros((2, 1), np.float32)},
        actions=[np.zeros(1, np.float32)],
        rewards=[0.0],
        terminations=[True],
        truncations=[False],
        infos={},
    )
    minari.create_dataset_from_buffers(
        "mine-v0",
        [buffer],
        observation_space=gymnasium.spaces.Dict({"xy": box}),
        action_space=box,
        author="nobody",
    )
    with pytest.raises(TTOError, match="expected flat arrays"):
        list(read_file(tmp_path / "mine-v0", env_id="Hopper-v5"))


def test_damaged_minari_folder(dataset: Path):
    open_dataset(dataset).data_file.write_bytes(b"")
    with pytest.raises(TTOError, match="expected a Minari dataset") as error:
        list(read_file(dataset, env_id="Hopper-v5"))
    assert "\n" not in str(error.value)


def test_a_missing_dataset(tmp_path: Path):
    with pytest.raises(TTOError, match="no such file or folder"):
        read_file(tmp_path / "a.hdf5", env_id="Hopper-v5")
    with pytest.raises(TTOError, match="expected a Minari dataset"):
        read_file(tmp_path, env_id="Hopper-v5")


def test_no_network_is_an_error_within_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    begin = time.monotonic()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(TTOError, match="cannot be reached") as error:
            fetch_minari("mujoco/hopper/expert-v0", timeout=0.2)
    assert time.monotonic() - begin < 2
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("hopper-medium-v2", ["mujoco/hopper/medium-v0"]),
        ("walker2d-expert-v2", ["mujoco/walker2d/expert-v0"]),
        ("hopper-medium-expert-v2", ["mujoco/hopper/medium-v0", "mujoco/hopper/expert-v0"]),
    ],
)
def test_remote_datasets_of_the_same_kind(
    dataset: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    assert minari_ids(dataset) == expected


def test_a_local_dataset_of_that_name_comes_first(
    dataset: Path, episodes: list[Episode], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(dataset.parent))
    assert minari_ids("hopper-test-v0") == ["hopper-test-v0"]
    twice = list(read_source("minari", ["hopper-test-v0"] * 2, env_id="Hopper-v5"))
    for one, two in zip(episodes * 2, twice, strict=True):
        assert_same(one, two)


def test_minari_has_no_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(TTOError, match="a kind that its server holds"):
        minari_ids("hopper-medium-replay-v2")
