"""D4RL's files: downloaded from a server on this machine, and cut into their episodes."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from d4rl_layout import write_d4rl
from file_server import serve
from hypothesis import given
from hypothesis import strategies as st

import tto.data.d4rl as d4rl
from tto.data.collect import collect
from tto.data.d4rl import d4rl_file, read_d4rl
from tto.data.download import download
from tto.data.episode import Episode
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError


@pytest.fixture(scope="module")
def collected() -> list[Episode]:
    """Short hopper episodes of random actions."""
    return list(collect("Hopper-v5", "random", transitions=200, seed=0, noise=0.0, actors="none"))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block_rows", [1, 50, 10**6])
def test_conversion_gives_back_the_episodes(
    tmp_path: Path,
    collected: list[Episode],
    dtype: type,
    block_rows: int,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(d4rl, "BLOCK_ROWS", block_rows)
    write_d4rl(tmp_path / "a.hdf5", collected, dtype=dtype, tail=9)
    read = list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))
    for one, two in zip(collected, read, strict=True):
        for field in ("observations", "actions", "rewards"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
            assert getattr(two, field).dtype == np.float32
        for state in ("qpos", "qvel"):
            np.testing.assert_allclose(getattr(one, state), getattr(two, state), atol=1e-9)
        assert (one.terminated, one.truncated) == (two.terminated, two.truncated)


def test_terminal_and_timeout_on_the_same_row(tmp_path: Path, collected: list[Episode]):
    write_d4rl(tmp_path / "a.hdf5", collected)
    last = len(collected[0]) - 1
    assert collected[0].terminated
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["timeouts"][last] = True  # type: ignore[index]
        file["timeouts"][last + 3] = True  # type: ignore[index]
    read = list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))
    assert (read[0].terminated, read[0].truncated) == (True, False)
    assert (read[1].terminated, read[1].truncated) == (False, True)
    assert len(read[1]) == 3
    assert len(read) == len(collected) + 1


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_blocks_cover_every_complete_episode_once(flags: list[tuple[bool, bool]]):
    ends = np.flatnonzero([a or b for a, b in flags]) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(d4rl, "BLOCK_ROWS", 7)
        blocks = list(d4rl._blocks(ends))
    flat = [episode for block in blocks for episode in block]
    assert [end for _, end in flat] == ends.tolist()
    assert [start for start, _ in flat] == [0, *ends[:-1].tolist()][: len(ends)]
    assert all(block[-1][1] - block[0][0] <= 7 or len(block) == 1 for block in blocks)


def test_download_to_dataset(tmp_path: Path, collected: list[Episode]):
    name = d4rl_file("hopper-medium-replay-v2")
    write_d4rl(tmp_path / "served.hdf5", collected, tail=3)
    with serve({f"v2/{name}": (tmp_path / "served.hdf5").read_bytes()}) as server:
        server.cut_after = [1000]
        download(f"{server.address}v2/{name}", tmp_path / name, lock=tmp_path / "lock.json")
    path = tmp_path / "hopper-medium-replay-v2"
    episodes = read_d4rl(tmp_path / name, env_id="Hopper-v5")
    written = write_dataset(path, episodes, env_id="Hopper-v5", algorithm="", description="")
    assert written == (len(collected), sum(map(len, collected)))
    assert open_dataset(path).env_id == "Hopper-v5"


def test_states_are_optional(tmp_path: Path, collected: list[Episode]):
    write_d4rl(tmp_path / "a.hdf5", collected)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        del file["infos"]
    read = list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))
    assert read[0].qpos is None
    assert len(read) == len(collected)


@pytest.mark.parametrize("key", d4rl.REQUIRED)
def test_missing_key(tmp_path: Path, collected: list[Episode], key: str):
    write_d4rl(tmp_path / "a.hdf5", collected)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        del file[key]
    with pytest.raises(TTOError, match=rf"D4RL's layout, got .*; add {key} \(.*\)$"):
        list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))


def test_arrays_of_different_length(tmp_path: Path, collected: list[Episode]):
    write_d4rl(tmp_path / "a.hdf5", collected)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        shorter = file["rewards"][:-1]  # type: ignore[index]
        del file["rewards"]
        file["rewards"] = shorter
    with pytest.raises(TTOError, match="one row per transition, got the lengths"):
        list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_file(tmp_path: Path, collected: list[Episode], share: float):
    write_d4rl(tmp_path / "a.hdf5", collected)
    content = (tmp_path / "a.hdf5").read_bytes()
    (tmp_path / "a.hdf5").write_bytes(content[: int(share * len(content))])
    with pytest.raises(TTOError, match="truncated or foreign") as error:
        list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))
    assert "\n" not in str(error.value)


def test_page_instead_of_hdf5(tmp_path: Path):
    (tmp_path / "a.hdf5").write_text("<html>moved</html>")
    with pytest.raises(TTOError, match="begin with b'<html>moved"):
        list(read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5"))


def test_states_of_another_robot(tmp_path: Path, collected: list[Episode]):
    write_d4rl(tmp_path / "a.hdf5", collected)
    with pytest.raises(TTOError, match="check env"):
        list(read_d4rl(tmp_path / "a.hdf5", env_id="HalfCheetah-v5"))


def test_nan_reward_never_becomes_a_dataset(tmp_path: Path, collected: list[Episode]):
    write_d4rl(tmp_path / "a.hdf5", collected)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["rewards"][len(collected[0]) + 2] = np.nan  # type: ignore[index]
    episodes = read_d4rl(tmp_path / "a.hdf5", env_id="Hopper-v5")
    with pytest.raises(TTOError, match=r"episode 1: expected finite .*rewards is nan at row 2"):
        write_dataset(tmp_path / "d", episodes, env_id="Hopper-v5", algorithm="", description="")
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("dataset", "file"),
    [
        ("hopper-medium-v2", "hopper_medium-v2.hdf5"),
        ("walker2d-medium-replay-v2", "walker2d_medium_replay-v2.hdf5"),
        ("halfcheetah-medium-expert-v0", "halfcheetah_medium_expert-v0.hdf5"),
    ],
)
def test_file_names(dataset: str, file: str):
    assert d4rl_file(dataset) == file


def test_other_names_are_refused():
    with pytest.raises(TTOError, match="D4RL's own id"):
        d4rl_file("mine")
