"""Datasets on disk: reading gives back what was written; damaged files are one-line errors."""

import dataclasses
import json
from pathlib import Path

import h5py
import minari
import numpy as np
import pytest
from episode_samples import make_episode

from tto.data.episode import Episode
from tto.data.episodes import minari_id, open_dataset, write_dataset
from tto.errors import TTOError

FIELDS = ("observations", "actions", "rewards", "qpos", "qvel")


def write(path: Path, episodes: list[Episode], env_id: str = "Hopper-v5") -> tuple[int, int]:
    return write_dataset(path, episodes, env_id=env_id, algorithm="test", description="test")


def expect_one_line(error: pytest.ExceptionInfo[TTOError]) -> None:
    assert "\n" not in str(error.value)


def test_reading_gives_back_what_was_written(dataset: Path, episodes: list[Episode]):
    opened = open_dataset(dataset, states=True)
    assert opened.env_id == "Hopper-v5"
    assert (opened.observation_dim, opened.action_dim) == (11, 3)
    assert (opened.total_episodes, opened.total_transitions) == (3, 36)
    for written, read in zip(episodes, opened, strict=True):
        assert (read.terminated, read.truncated) == (written.terminated, written.truncated)
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(read, field), getattr(written, field))
            assert getattr(read, field).dtype == getattr(written, field).dtype


def test_states_are_read_on_demand(dataset: Path):
    assert open_dataset(dataset)[0].qpos is None
    assert open_dataset(dataset, states=True)[0].qpos is not None


def test_minari_reads_the_folder(
    dataset: Path, episodes: list[Episode], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(dataset.parent))
    loaded = minari.load_dataset("hopper-test-v0")
    assert (loaded.total_episodes, loaded.total_steps) == (3, 36)
    assert loaded.env_spec is not None
    assert loaded.env_spec.id == "Hopper-v5"
    loaded.recover_environment().close()
    assert list(minari.list_local_datasets()) == ["hopper-test-v0"]
    for written, read in zip(episodes, loaded.iterate_episodes(), strict=True):
        np.testing.assert_array_equal(read.observations, written.observations)
        np.testing.assert_array_equal(read.infos["qpos"], written.qpos)
        assert read.terminations[-1] == written.terminated
        assert not read.terminations[:-1].any()
        assert read.truncations[-1] == written.truncated


def test_minari_id_ends_in_a_version():
    assert minari_id("hopper-medium-v2") == "hopper-medium-v2"
    assert minari_id("my data") == "my_data-v0"


def test_same_episodes_give_the_same_bytes(tmp_path: Path, episodes: list[Episode]):
    write(tmp_path / "a", episodes)
    write(tmp_path / "b", episodes)
    first, second = (open_dataset(tmp_path / name).data_file for name in "ab")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_not_written(tmp_path: Path, field: str, value: float):
    episode = make_episode(4)
    values = getattr(episode, field).copy()
    values[2] = value
    with pytest.raises(
        TTOError, match=f"mine, episode 1: expected finite .*{field} is .* at row 2"
    ) as error:
        write(tmp_path / "mine", [episode, dataclasses.replace(episode, **{field: values})])
    expect_one_line(error)
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_earlier_dataset(dataset: Path):
    def broken():
        yield make_episode(3)
        raise TTOError("stop")

    before = open_dataset(dataset).data_file.read_bytes()
    with pytest.raises(TTOError, match="stop"):
        write(dataset, broken())  # type: ignore[arg-type]
    assert open_dataset(dataset).data_file.read_bytes() == before


def test_nan_reward_in_a_file_names_its_place(dataset: Path):
    with h5py.File(open_dataset(dataset).data_file, "r+") as file:
        file["episode_1/rewards"][7] = np.nan  # type: ignore[index]
    with pytest.raises(
        TTOError, match=r"hopper-test-v0, episode 1: expected finite .*rewards is nan at row 7"
    ) as error:
        list(open_dataset(dataset))
    expect_one_line(error)


def test_shape_must_match_the_environment(tmp_path: Path, dataset: Path):
    with pytest.raises(TTOError, match=r"expected observations of shape .*17.*got .*11"):
        write(tmp_path / "wrong", [make_episode(4)], env_id="HalfCheetah-v5")
    metadata = dataset / "data" / "metadata.json"
    changed = json.loads(metadata.read_text())
    changed["env_spec"] = changed["env_spec"].replace("Hopper-v5", "HalfCheetah-v5")
    metadata.write_text(json.dumps(changed))
    with pytest.raises(TTOError, match="environment with 17 observation") as error:
        list(open_dataset(dataset))
    expect_one_line(error)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_file_stops(dataset: Path, share: float):
    file = open_dataset(dataset).data_file
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TTOError, match="truncated or foreign") as error:
        list(open_dataset(dataset))
    expect_one_line(error)


def test_missing_episode_stops(dataset: Path):
    with h5py.File(open_dataset(dataset).data_file, "r+") as file:
        del file["episode_2"]
    with pytest.raises(TTOError, match=r"expected 3 episodes by its metadata\.json, got 2"):
        open_dataset(dataset)


def test_missing_array_stops(dataset: Path):
    with h5py.File(open_dataset(dataset).data_file, "r+") as file:
        del file["episode_1/actions"]
    with pytest.raises(
        TTOError, match=r"episode 1: expected an episode in .*cannot be read"
    ) as error:
        list(open_dataset(dataset))
    expect_one_line(error)


def test_wrong_total_stops(dataset: Path):
    metadata = dataset / "data" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"total_steps": 36', '"total_steps": 37'))
    with pytest.raises(TTOError, match=r"expected 37 transitions by its metadata\.json, got 36"):
        list(open_dataset(dataset))


def test_no_dataset_there(tmp_path: Path):
    with pytest.raises(TTOError, match="expected a Minari dataset folder"):
        open_dataset(tmp_path)


def test_a_dataset_needs_an_episode(tmp_path: Path):
    with pytest.raises(TTOError, match="at least one complete episode, got none"):
        write(tmp_path / "empty", [])
