import numpy as np
import pytest

from tto.data.episode import Episode
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError
from tto.report.figures.dataset_card import bin_occupancy, clipped_share, draw_dataset_card
from tto.report.numbers.dataset_statistics import (
    dataset_statistics,
    read_statistics,
    returns_and_lengths,
    write_statistics,
)
from tto.tokens.token_file import read_token_file
from tto.tokens.tokenize import tokenize_dataset


def hopper(folder, name="toy-v0", scale=1.0):
    """Three episodes of 1, 2 and 3 transitions with reward 10 each."""
    rng = np.random.default_rng(0)
    episodes = [
        Episode(
            observations=(scale * rng.uniform(-1, 1, (length + 1, 11))).astype(np.float32),
            actions=rng.uniform(-1, 1, (length, 3)).astype(np.float32),
            rewards=np.full(length, 10.0, dtype=np.float32),
            terminated=True,
            truncated=False,
        )
        for length in (1, 2, 3)
    ]
    write_dataset(folder / name, episodes, env_id="Hopper-v5", algorithm="none", description="toy")
    return open_dataset(folder / name)


def tokens_of(dataset, path):
    tokenize_dataset(dataset, path, name="toy", discretizer="uniform", bins=10, discount=0.99)
    return read_token_file(path)


def test_statistics_by_hand(tmp_path):
    row = dataset_statistics(hopper(tmp_path), name="toy", source="collect")
    assert (row.dataset, row.source, row.env) == ("toy", "collect", "Hopper-v5")
    assert (row.episodes, row.transitions, row.length_mean) == (3, 6, 2.0)
    assert row.return_mean == pytest.approx(20.0)
    assert row.return_std == pytest.approx((200 / 3) ** 0.5)
    assert row.return_max == 30.0
    assert row.score_mean == pytest.approx(100 * 40.272305 / 3254.572305)


def test_statistics_round_trip_and_errors(tmp_path):
    row = dataset_statistics(hopper(tmp_path), name="toy", source="collect")
    path = tmp_path / "statistics.csv"
    write_statistics(path, row)
    assert read_statistics([path, path]) == [row, row]
    assert read_statistics([]) == []
    path.write_text("dataset,source\nx,y\n")
    with pytest.raises(TTOError, match=r"statistics\.csv: expected a CSV file"):
        read_statistics([path])
    with pytest.raises(TTOError, match="make it again"):
        read_statistics([tmp_path / "absent.csv"])


def test_occupancy_by_hand():
    tokens = np.array([[0, 2], [0, 2], [1, 2], [2, 0]], dtype=np.uint8)
    expected = [[0.5, 0.25, 0.25], [0.25, 0.0, 0.75]]
    np.testing.assert_array_equal(bin_occupancy(tokens, 3), expected)


def test_hidden_values_do_not_count():
    tokens = np.array([[0, 3], [3, 3], [1, 3]])
    np.testing.assert_array_equal(bin_occupancy(tokens, 3), [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])


def test_clipped_share(tmp_path):
    narrow = hopper(tmp_path)
    file = tokens_of(narrow, tmp_path / "toy.h5")
    np.testing.assert_array_equal(clipped_share(narrow, file), 0.0)
    wide = hopper(tmp_path, "wide-v0", scale=1000.0)
    share = clipped_share(wide, file)
    assert (share[:11] > 0.8).all()
    np.testing.assert_array_equal(share[11:], 0.0)


def test_card(tmp_path):
    dataset = hopper(tmp_path)
    file = tokens_of(dataset, tmp_path / "toy.h5")
    returns, lengths = returns_and_lengths(dataset)
    np.testing.assert_array_equal(returns, [10, 20, 30])
    np.testing.assert_array_equal(lengths, [1, 2, 3])
    paths = [tmp_path / "card.png", tmp_path / "card.pdf"]
    draw_dataset_card(
        file,
        paths,
        returns=returns,
        lengths=lengths,
        clipped=clipped_share(dataset, file),
        title="toy (collect)",
        dpi=60,
    )
    assert all(path.stat().st_size > 1000 for path in paths)
