"""Token files: their layout, streaming, and the rejection of damaged files."""

import contextlib
from dataclasses import replace

import h5py
import numpy as np
import pytest
from memory_dataset import MemoryDataset

from tto.data.episode import Episode
from tto.data.masking import mask_episodes
from tto.errors import TTOError
from tto.tokens.token_file import TokenFile, read_token_file
from tto.tokens.tokenize import tokenize_dataset, transition_matrix

O, A = 3, 2


def episode(length: int, seed: int, *, terminated: bool = True) -> Episode:
    rng = np.random.default_rng(seed)
    return Episode(
        observations=rng.normal(size=(length + 1, O)).astype(np.float32),
        actions=rng.uniform(-1, 1, size=(length, A)).astype(np.float32),
        rewards=rng.uniform(size=length).astype(np.float32),
        terminated=terminated,
        truncated=not terminated,
    )


@pytest.fixture
def dataset() -> MemoryDataset:
    return MemoryDataset([episode(length, seed) for seed, length in enumerate((1, 7, 30, 2))])


def tokenized(dataset, path, **changes):
    settings = dict(name="toy-v0", discretizer="uniform", bins=100, discount=0.99) | changes
    tokenize_dataset(dataset, path, **settings)
    return read_token_file(path)


@pytest.mark.parametrize("kind", ["uniform", "quantile"])
def test_streamed_tokens_equal_those_of_one_block(dataset, tmp_path, monkeypatch, kind):
    whole = tokenized(dataset, tmp_path / "whole.h5", discretizer=kind)
    monkeypatch.setattr("tto.tokens.spool._BLOCK_ROWS", 4)
    monkeypatch.setattr("tto.tokens.token_file._CHUNK_ROWS", 5)
    streamed = tokenized(dataset, tmp_path / "streamed.h5", discretizer=kind)
    np.testing.assert_array_equal(streamed.tokens, whole.tokens)
    rows = np.concatenate([transition_matrix(e, discount=0.99) for e in dataset])
    np.testing.assert_array_equal(whole.tokens, whole.discretizer.encode(rows))
    for file in (whole, streamed):
        np.testing.assert_array_equal(file.episode_starts, [0, 1, 8, 38, 40])
        np.testing.assert_array_equal(file.terminated, [e.terminated for e in dataset])
        finals = np.stack([e.observations[-1] for e in dataset])
        np.testing.assert_array_equal(file.goals, file.discretizer.encode(finals))


def test_arrays_and_attributes_of_the_file(dataset, tmp_path):
    tokenized(dataset, tmp_path / "t.h5", bins=300)
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["tokens"].shape == (40, O + A + 2)
        assert file["tokens"].dtype == np.uint16
        assert file["episode_starts"].dtype == np.int64
        assert file["edges"].shape == (O + A + 2, 301)
        assert file["edges"].dtype == np.float64
        expected = {"observation_dim": O, "action_dim": A, "vocabulary": 300, "discount": 0.99}
        expected |= {"dataset": "toy-v0", "discretizer": "uniform", "format_version": 1}
        assert {name: file.attrs[name] for name in expected} == expected
        assert len(file.attrs["source_digest"]) == 64


def test_columns_are_observation_action_reward_to_go(dataset, tmp_path):
    file = tokenized(dataset, tmp_path / "t.h5")
    decoded = file.discretizer.decode(file.tokens[1:8])
    second = dataset.listed[1]
    to_go = [sum(0.99**k * r for k, r in enumerate(second.rewards[t:])) for t in range(7)]
    expected = np.column_stack([second.observations[:-1], second.actions, second.rewards, to_go])
    half = np.diff(file.discretizer.edges).max(axis=1) / 2
    assert (np.abs(decoded - expected) <= half + 1e-6).all()


def test_hidden_dimensions_become_the_mask_token(dataset, tmp_path):
    plain = tokenized(dataset, tmp_path / "plain.h5", bins=256)
    hidden = list(mask_episodes(dataset, probability=0.5, seed=0))
    masked = tokenized(MemoryDataset(hidden), tmp_path / "masked.h5", bins=256)
    assert masked.attributes.mask_token
    assert not plain.attributes.mask_token
    assert masked.tokens.dtype == np.uint16  # 256 bins and the mask
    seen = np.concatenate([e.observed[:-1] for e in hidden])
    expected = plain.tokens.astype(int)
    expected[:, :O][~seen] = 256
    np.testing.assert_array_equal(masked.tokens, expected)
    assert 0.3 < (masked.tokens[:, :O] == 256).mean() < 0.7
    assert masked.source_digest != plain.source_digest
    with pytest.raises(TTOError, match="all episodes masked or none"):
        tokenized(MemoryDataset([hidden[0], dataset.listed[1]]), tmp_path / "both.h5")


def test_terminal_penalty_applies_to_terminated_episodes_only():
    fallen, cut = episode(4, 0), episode(4, 0, terminated=False)
    assert transition_matrix(fallen, discount=0.9, terminal_penalty=-100.0)[-1, -2] == -100
    np.testing.assert_array_equal(
        transition_matrix(cut, discount=0.9, terminal_penalty=-100.0),
        transition_matrix(cut, discount=0.9),
    )


def test_only_episodes_that_were_cut_go_on():
    """Their rewards-to-go do not fall at the limit, which no state shows."""
    fallen, cut = episode(40, 0), episode(40, 0, terminated=False)
    steady = [replace(e, rewards=np.full(40, 2.0)) for e in (fallen, cut)]
    ends, goes = (transition_matrix(e, discount=0.9, cut_episodes="go_on")[:, -1] for e in steady)
    np.testing.assert_allclose(goes, 20.0, rtol=1e-6)
    np.testing.assert_array_equal(ends, transition_matrix(steady[0], discount=0.9)[:, -1])
    ignored = {"discount": 0.9, "cut_episodes": "go_on", "rewards_ignored": True}
    assert not transition_matrix(steady[1], **ignored)[:, -2:].any()


def test_a_file_says_what_follows_episodes_that_were_cut(dataset, tmp_path):
    cut = MemoryDataset([episode(length, length, terminated=False) for length in (5, 30)])
    file = tokenized(cut, tmp_path / "t.h5", cut_episodes="go_on")
    assert file.attributes.cut_episodes == "go_on"
    rows = np.concatenate([transition_matrix(e, **file.attributes.reward_settings) for e in cut])
    np.testing.assert_array_equal(file.tokens, file.discretizer.encode(rows))
    tokenized(cut, tmp_path / "usual.h5")
    with h5py.File(tmp_path / "usual.h5") as usual:
        assert "cut_episodes" not in usual.attrs  # as in older files
    with pytest.raises(TTOError, match="expected a discount below 1 for go_on"):
        tokenized(cut, tmp_path / "no.h5", cut_episodes="go_on", discount=1.0)
    ignored = {"cut_episodes": "go_on", "discount": 1.0, "rewards_ignored": True}
    values = tokenized(cut, tmp_path / "ignored.h5", **ignored).tokens[:, -2:]
    assert len(np.unique(values, axis=0)) == 1


@pytest.mark.parametrize("kind", ["uniform", "quantile"])
def test_ignored_rewards_do_not_change_the_tokens(dataset, tmp_path, kind):
    settings = {"discretizer": kind, "terminal_penalty": -100.0, "rewards_ignored": True}
    plain = tokenized(dataset, tmp_path / "a.h5", **settings)
    others = [replace(e, rewards=-7 * e.rewards - 1) for e in list(dataset)]
    other = tokenized(MemoryDataset(others), tmp_path / "b.h5", **settings)
    assert equal(plain, other)
    assert plain.source_digest == other.source_digest
    assert len(np.unique(plain.tokens[:, -2:], axis=0)) == 1
    decoded = plain.discretizer.decode(plain.tokens)
    np.testing.assert_allclose(decoded[:, -2:], 0, atol=1e-6)
    # without `rewards_ignored` the two datasets differ, but only in rewards and rewards-to-go
    counted = [tokenized(MemoryDataset(e), tmp_path / "c.h5") for e in (list(dataset), others)]
    assert not np.array_equal(counted[0].tokens, counted[1].tokens)
    if kind == "uniform":
        np.testing.assert_array_equal(counted[0].tokens[:, :-2], plain.tokens[:, :-2])
    with h5py.File(tmp_path / "a.h5") as ignored, h5py.File(tmp_path / "c.h5") as usual:
        assert ignored.attrs["rewards_ignored"]
        assert "rewards_ignored" not in usual.attrs  # as in older files


def test_digest_follows_the_content(dataset, tmp_path):
    first = tokenized(dataset, tmp_path / "a.h5").source_digest
    assert tokenized(dataset, tmp_path / "b.h5").source_digest == first
    dataset.listed[0].rewards[0] += 1
    assert tokenized(dataset, tmp_path / "c.h5").source_digest != first


def test_nan_reward_leaves_no_file(dataset, tmp_path):
    dataset.listed[2].rewards[3] = np.nan
    with pytest.raises(TTOError, match="finite"):
        tokenized(dataset, tmp_path / "t.h5")
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_refused(dataset, tmp_path):
    path = tmp_path / "t.h5"
    tokenized(dataset, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TTOError, match="make it again"):
        read_token_file(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(TTOError, match="format_version 1, got 99"):
        read_token_file(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file["episode_starts"][-1] = 39
        del file.attrs["content_digest"]  # so that the check of the starts is reached
    with pytest.raises(TTOError, match="episode_starts"):
        read_token_file(path)
    with pytest.raises(TTOError, match="found none"):
        read_token_file(tmp_path / "missing.h5")


def equal(one: TokenFile, two: TokenFile) -> bool:
    names = ("tokens", "episode_starts", "terminated", "goals")
    arrays = [(getattr(one, name), getattr(two, name)) for name in names]
    arrays.append((one.discretizer.edges, two.discretizer.edges))
    return one.attributes == two.attributes and all(map(np.array_equal, *zip(*arrays, strict=True)))


def test_a_flipped_bit_in_the_content_is_an_error(dataset, tmp_path):
    path = tmp_path / "t.h5"
    written = tokenized(dataset, path)
    whole = path.read_bytes()
    tokens = whole.index(written.tokens.tobytes())
    edges = whole.index(written.discretizer.edges.tobytes())
    rng = np.random.default_rng(0)
    anywhere = rng.integers(len(whole), size=100)
    for place in (tokens, tokens + 200, edges, edges + 1000, *anywhere):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        if place in anywhere:  # most of a small file is padding
            with contextlib.suppress(TTOError):
                assert equal(read_token_file(path), written)
        else:
            with pytest.raises(TTOError, match=r"expected content of SHA-256 .*make it again"):
                read_token_file(path)


def test_an_older_file_without_a_digest_is_read(dataset, tmp_path):
    path = tmp_path / "t.h5"
    written = tokenized(dataset, path)
    with h5py.File(path, "r+") as file:
        del file.attrs["content_digest"]
    assert equal(read_token_file(path), written)
