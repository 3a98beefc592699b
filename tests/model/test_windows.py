"""Windows stay within episodes, use short ones, and say what is padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tto.errors import TTOError
from tto.model.windows import split_windows


def episodes(lengths: list[int], D: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Tokens that name their row in the first column and their episode in the second."""
    starts = np.cumsum([0, *lengths])
    rows = np.arange(starts[-1])
    owners = np.repeat(np.arange(len(lengths)), lengths)
    return np.column_stack([rows, owners, np.ones((len(rows), D - 2))]).astype(np.uint8), starts


@given(lengths=st.lists(st.integers(1, 9), min_size=2, max_size=8), transitions=st.integers(1, 6))
def test_gathered_windows_equal_a_loop(lengths, transitions):
    tokens, starts = episodes(lengths)
    windows, held_out = split_windows(
        tokens,
        starts,
        transitions=transitions,
        held_out_fraction=0.0,
        rng=np.random.default_rng(0),
    )
    assert len(held_out) == 0
    assert len(windows) == len(tokens)  # one window from each transition, short episodes included
    gathered, real = windows.gather(np.arange(len(windows)))
    for n in range(len(windows)):
        end = starts[np.searchsorted(starts, n, side="right")]
        expected = tokens[n : min(n + transitions, end)]
        np.testing.assert_array_equal(gathered[n][real[n]].reshape(-1, 3), expected)
        assert not gathered[n][~real[n]].any()
        assert not real[n][len(expected) * 3 :].any()


def test_whole_episodes_are_held_out():
    tokens, starts = episodes([4, 5, 6, 7, 8, 9, 3, 2, 1, 5])
    train, test = split_windows(
        tokens, starts, transitions=3, held_out_fraction=0.2, rng=np.random.default_rng(0)
    )
    owners = [set(tokens[part.rows, 1]) for part in (train, test)]
    assert len(owners[1]) == 2
    assert not owners[0] & owners[1]
    assert len(owners[0] | owners[1]) == 10


def test_one_episode_cannot_be_split():
    tokens, starts = episodes([5])
    with pytest.raises(TTOError, match="more than 1 episodes"):
        split_windows(
            tokens, starts, transitions=2, held_out_fraction=0.1, rng=np.random.default_rng(0)
        )
