"""Windows stay within episodes, include short ones and mark padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tto.errors import TTOError
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes, TokenFile
from tto.training.windows import split_windows


def episodes(lengths: list[int]) -> TokenFile:
    """Episodes whose tokens hold the row in the first column and the episode in the second."""
    starts = np.cumsum([0, *lengths])
    rows = np.arange(starts[-1])
    owners = np.repeat(np.arange(len(lengths)), lengths)
    edges = np.tile(np.arange(101.0), (4, 1))
    return TokenFile(
        TokenAttributes("toy-v0", "Toy-v0", 1, 1, 100, "uniform", 0.99, True, None),
        Discretizer("uniform", edges),
        np.column_stack([rows, owners, np.ones((len(rows), 2))]).astype(np.uint8),
        starts,
        np.arange(len(lengths)) % 2 == 0,
        np.arange(50, 50 + len(lengths), dtype=np.uint8)[:, None],
        "0" * 64,
    )


@given(
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=8),
    transitions=st.integers(1, 6),
    stop_token=st.sampled_from([None, 100]),
    goal=st.booleans(),
)
def test_gathered_windows_equal_a_loop(lengths, transitions, stop_token, goal):
    file = episodes(lengths)
    windows, held_out = split_windows(
        file,
        transitions=transitions + goal,
        stop_token=stop_token,
        goal=goal,
        held_out_fraction=0.0,
        rng=np.random.default_rng(0),
    )
    assert len(held_out) == 0
    # one window from each transition, short episodes included
    assert len(windows) == len(file.tokens)
    gathered, counts = windows.gather(np.arange(len(windows)))
    for n in range(len(windows)):
        episode = int(file.tokens[n, 1])
        end = file.episode_starts[episode + 1]
        rows = [[50 + episode, 0, 0, 0]] if goal else []
        counted = [[False] * 4] if goal else []
        for row in range(n, n + transitions):
            stopped = row >= end and stop_token is not None and file.terminated[episode]
            rows.append(file.tokens[row] if row < end else [stop_token if stopped else 0] * 4)
            counted.append([row < end or stopped] * 4)
        np.testing.assert_array_equal(gathered[n].reshape(-1, 4), rows)
        np.testing.assert_array_equal(counts[n].reshape(-1, 4), counted)


def test_whole_episodes_are_held_out():
    file = episodes([4, 5, 6, 7, 8, 9, 3, 2, 1, 5])
    train, test = split_windows(
        file, transitions=3, held_out_fraction=0.2, rng=np.random.default_rng(0)
    )
    owners = [set(file.tokens[part.rows, 1]) for part in (train, test)]
    assert len(owners[1]) == 2
    assert not owners[0] & owners[1]
    assert len(owners[0] | owners[1]) == 10


def test_one_episode_cannot_be_split():
    with pytest.raises(TTOError, match="more than 1 episodes"):
        split_windows(
            episodes([5]), transitions=2, held_out_fraction=0.1, rng=np.random.default_rng(0)
        )
