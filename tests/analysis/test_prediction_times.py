"""Times of predicted steps, by a simulated clock and by the real one."""

import itertools

import numpy as np
import pytest
import torch
from random_predictor import A, O, random_episode, random_predictor

from tto.analysis.prediction_times import COLUMNS, prediction_times, read_prediction_times
from tto.baselines.pets.ensemble import Ensemble
from tto.errors import TTOError
from tto.row_files import write_rows

SIZES = {"trajectories": 5, "steps": 4, "repetitions": 2}


def make_ensemble() -> Ensemble:
    generator = torch.Generator().manual_seed(0)
    return Ensemble(O, A, members=2, hidden=(8,), generator=generator)


def test_seconds_are_those_of_one_step_of_one_trajectory():
    """Turn k takes k seconds; the first turn of each model is left out."""
    ticks = itertools.chain.from_iterable((100.0 * k, 101.0 * k) for k in itertools.count(1))
    rows = prediction_times(
        random_predictor(),
        make_ensemble(),
        random_episode(9),
        seed=3,
        clock=lambda: next(ticks),
        **SIZES,
    )
    assert list(rows.columns) == list(COLUMNS)
    assert rows["model"].tolist() == ["transformer", "ensemble_ts_inf"] * 2
    assert rows["repetition"].tolist() == [1, 1, 2, 2]
    np.testing.assert_allclose(rows["seconds"] * 4 * 5, [3, 4, 5, 6])
    assert set(rows["dataset"]) == {"toy-v0"}
    assert set(rows["seed"]) == {3}


def test_more_trajectories_take_longer_by_the_real_clock(tmp_path):
    def total(trajectories: int) -> np.ndarray:
        sizes = SIZES | {"trajectories": trajectories, "repetitions": 3}
        rows = prediction_times(
            random_predictor(), make_ensemble(), random_episode(9), seed=0, **sizes
        )
        write_rows(tmp_path / "times.csv", rows)
        read = read_prediction_times([tmp_path / "times.csv"])
        return np.asarray((read["seconds"] * read["trajectories"]).groupby(read["model"]).min())

    assert (total(5000) > total(2)).all()


def test_bad_input(tmp_path):
    with pytest.raises(TTOError, match="4 or more transitions, got 3"):
        prediction_times(random_predictor(), make_ensemble(), random_episode(3), seed=0, **SIZES)
    rows = prediction_times(random_predictor(), make_ensemble(), random_episode(9), seed=0, **SIZES)
    write_rows(tmp_path / "times.csv", rows.assign(seconds=0.0))
    with pytest.raises(TTOError, match="times above 0"):
        read_prediction_times([tmp_path / "times.csv"])
