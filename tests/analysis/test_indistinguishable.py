"""The classifier on equal and on different sets of trajectories, and rows of two models."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from random_predictor import A, O, random_behavior, random_episode, random_predictor

from tto.analysis.classifier import features, right_answers
from tto.analysis.indistinguishable import (
    COLUMNS,
    indistinguishable_rows,
    read_indistinguishable,
)
from tto.analysis.likelihood import cells_of
from tto.analysis.log_likelihoods import Truth
from tto.analysis.sampling import sample
from tto.baselines.pets.ensemble import Ensemble
from tto.baselines.pets.propagation import propagate
from tto.errors import TTOError
from tto.row_files import write_rows

N, T = 40, 50


def walks(seed: int, *, drift: float = 0.0, scale: float = 1.0, noise: float = 0.0) -> np.ndarray:
    """Random walks in three dimensions."""
    rng = np.random.default_rng(seed)
    steps = scale * rng.normal(drift, 1.0, size=(N, T, 3))
    return steps.cumsum(axis=1) + noise * rng.normal(size=(N, T, 3))


def test_features_against_plain_formulas():
    trajectories = walks(0)[:4]
    trajectories[2, :, 1] = 7.0  # a constant dimension
    found = features(trajectories)
    assert found.shape == (4, 12)
    for n in range(4):
        for i in range(3):
            x = trajectories[n, :, i]
            correlation = 0.0
            if x.std() > 0:
                around = x - x.mean()
                correlation = (around[1:] @ around[:-1]) / (around @ around)
            plain = [x.mean(), x.std(), np.abs(x[1:] - x[:-1]).mean(), correlation]
            np.testing.assert_allclose(found[n, i::3], plain, atol=1e-12)


def test_the_same_distribution_cannot_be_told_apart():
    shares = [right_answers(walks(2 * s), walks(2 * s + 1)).mean() for s in range(8)]
    assert 0.42 < np.mean(shares) < 0.58
    real = walks(0)
    assert right_answers(real, real).mean() == 0.5


@pytest.mark.parametrize("change", [{"drift": 1.0}, {"scale": 3.0}, {"noise": 3.0}])
def test_different_distributions_can_be_told_apart(change: dict):
    assert right_answers(walks(0), walks(1, **change)).mean() > 0.95


def test_answers_are_about_trajectories_that_were_not_trained_on():
    """With more features than trajectories, all training data would be classified correctly."""
    wide = [np.random.default_rng(seed).normal(size=(N, T, 60)) for seed in (0, 1)]
    assert 0.3 < right_answers(*wide).mean() < 0.7


def test_invalid_trajectories_are_errors():
    for real, predicted in ((walks(0)[:1], walks(1)[:1]), (walks(0), walks(1)[:9])):
        with pytest.raises(TTOError, match="two or more trajectories of each kind, of one shape"):
            right_answers(real, predicted)
    broken = walks(0)
    broken[3, 4, 0] = np.nan
    for trajectories in (broken, walks(0)[:, :2]):
        with pytest.raises(TTOError, match="finite trajectories of 3 or more steps"):
            right_answers(trajectories, trajectories)


def make_truth(count: int = 4, steps: int = 6) -> Truth:
    episodes = {3 + number: random_episode(8, seed=number) for number in range(count)}
    cells = cells_of(random_predictor().discretizer, O)
    return Truth("toy-v0", "Toy-v0", episodes, steps, cells)


def make_ensemble() -> Ensemble:
    generator = torch.Generator().manual_seed(0)
    return Ensemble(O, A, members=3, hidden=(8,), generator=generator)


def test_rows_are_answers_about_rounded_states():
    model, ensemble, truth = random_predictor(), make_ensemble(), make_truth()
    acting = random_behavior().acting
    rows = indistinguishable_rows(model, ensemble, truth, acting=acting, seed=2)
    assert list(rows.columns) == list(COLUMNS)
    assert rows["model"].tolist() == ["transformer", "ensemble_ts_inf"]
    assert set(rows["asked"]) == {8}

    bins, real, ours, theirs = model.discretizer, [], [], []
    for place, (number, episode) in enumerate(truth.episodes.items()):
        real.append(bins.decode(bins.encode(episode.observations[1:7].astype(float))))
        start = bins.encode(episode.observations[0])
        rng = np.random.default_rng([2, number])
        samples = sample(model, start, steps=6, trajectories=1, rng=rng)
        ours.append(bins.decode(samples.observations[0]))
        particles = propagate(
            ensemble,
            torch.from_numpy(episode.observations[0]),
            acting(np.random.default_rng([2, number, 0, 1])),
            steps=6,
            particles=3,
            generator=torch.Generator().manual_seed(2_000_006 + number),
        ).samples
        theirs.append(bins.decode(bins.encode(particles[:, place % 3].double().numpy())))
    expected = [right_answers(np.stack(real), np.stack(states)).sum() for states in (ours, theirs)]
    assert rows["right"].tolist() == expected


def test_masked_states_are_refused():
    model = random_predictor(masked=True)
    with pytest.raises(TTOError, match="whole states"):
        indistinguishable_rows(
            model, make_ensemble(), make_truth(), acting=random_behavior().acting, seed=0
        )


def test_files_are_checked(tmp_path):
    truth = dataclasses.replace(make_truth(), steps=4)
    rows = indistinguishable_rows(
        random_predictor(), make_ensemble(), truth, acting=random_behavior().acting, seed=0
    )
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path in paths:
        write_rows(path, rows)
    pd.testing.assert_frame_equal(
        read_indistinguishable(paths), pd.concat([rows, rows], ignore_index=True)
    )
    for spoil in (
        lambda r: r.assign(right=9),
        lambda r: r.assign(right=-1),
        lambda r: r.drop(columns="steps"),
        lambda r: r.assign(env=None),
        lambda r: r.head(0),
    ):
        spoil(rows).to_csv(paths[1], index=False)
        with pytest.raises(TTOError, match=r"b\.csv: expected "):
            read_indistinguishable(paths)
    with pytest.raises(TTOError, match="expected a CSV file of answers"):
        read_indistinguishable([tmp_path / "none.csv"])
