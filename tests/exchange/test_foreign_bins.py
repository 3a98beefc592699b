"""Bins of other implementations; test_pretrained reads them from files."""

import numpy as np
import pytest

from tto.data.episode import Episode
from tto.data.episodes import write_dataset
from tto.errors import TTOError
from tto.exchange.foreign_bins import official_thresholds, read_bins, strictly_increasing
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes

O, A, V = 11, 3, 9  # hopper's
D = O + A + 2


def slow_official_token(value: float, thresholds: np.ndarray) -> int:
    """The official code's rule: the last threshold at or below the value, within the bins."""
    below = [i for i, threshold in enumerate(thresholds) if value >= threshold]
    return min(max(below, default=0), len(thresholds) - 2)


def test_tied_thresholds_keep_each_value_in_its_bin():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3)).clip(-1, 1)
    rows[:, 1] = rng.choice([-1.0, 0.0, 1.0], size=60)
    thresholds = official_thresholds(rows, 8)
    assert (np.diff(thresholds, axis=1) == 0).any(axis=1)[:2].all()
    discretizer = Discretizer("quantile", strictly_increasing(thresholds))
    expected = [
        [slow_official_token(x, t) for x, t in zip(r, thresholds, strict=True)] for r in rows
    ]
    assert np.array_equal(discretizer.encode(rows), expected)
    np.testing.assert_allclose(discretizer.edges, thresholds, rtol=0, atol=1e-12)
    with pytest.raises(TTOError, match="strictly increasing"):
        Discretizer("quantile", strictly_increasing(thresholds[:, ::-1]))


def test_bins_are_fitted_on_a_dataset_as_the_official_code_does(tmp_path):
    rng = np.random.default_rng(0)

    def episode(terminated: bool) -> Episode:
        return Episode(
            observations=rng.normal(size=(21, O)).astype(np.float32),
            actions=rng.uniform(-1, 1, (20, A)).astype(np.float32),
            rewards=rng.normal(size=20).astype(np.float32),
            terminated=terminated,
            truncated=not terminated,
        )

    episodes = [episode(True), episode(False)]
    write_dataset(
        tmp_path / "data-v0", episodes, env_id="Hopper-v5", algorithm="none", description="none"
    )
    attributes = TokenAttributes(
        dataset="data-v0",
        env="Hopper-v5",
        observation_dim=O,
        action_dim=A,
        vocabulary=V,
        discretizer="quantile",
        discount=0.5,
        to_go_includes_reward=False,
        terminal_penalty=-100.0,
    )
    discretizer = read_bins(tmp_path / "data-v0", attributes)
    assert discretizer.edges.flags["C_CONTIGUOUS"], "edges that are not contiguous cannot be saved"
    rewards = np.stack([episode.rewards for episode in episodes]).astype(np.float64)
    rewards[0, -1] = -100  # where the first terminated
    to_go = np.array(
        [
            [sum(0.5**k * r for k, r in enumerate(row[t + 1 :])) for t in range(20)]
            for row in rewards
        ]
    )
    for column, values in ((D - 2, rewards), (D - 1, to_go)):
        ranks = np.linspace(0, 39, V + 1, dtype=int)
        expected = np.sort(values.astype(np.float32), axis=None)[ranks]
        np.testing.assert_allclose(discretizer.edges[column], expected, rtol=1e-6)
