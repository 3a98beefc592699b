"""Predictions from one recorded state, and their file."""

import h5py
import numpy as np
import pytest
import torch
from memory_dataset import MemoryDataset
from random_predictor import A, O, random_behavior, random_episode, random_predictor

from tto.analysis.predictions import (
    SOURCES,
    Origin,
    choose_origin,
    predict,
    read_predictions,
    write_predictions,
)
from tto.baselines.pets.ensemble import Ensemble
from tto.errors import TTOError

ORIGIN = Origin(dataset="toy-v0", env="Toy-v0", episode=3, start=2)


def make_ensemble():
    return Ensemble(O, A, members=3, hidden=(8,), generator=torch.Generator().manual_seed(0))


def make_predictions(*, steps=5, seed=0):
    return predict(
        random_predictor(),
        make_ensemble(),
        random_episode(9),
        ORIGIN,
        acting=random_behavior().acting,
        steps=steps,
        seed=seed,
    )


def test_all_begin_with_the_recorded_state():
    episode, predictions = random_episode(9), make_predictions()
    np.testing.assert_array_equal(predictions.recorded, episode.observations[2:8].astype(float))
    for name in SOURCES:
        states = getattr(predictions, name)
        assert states.shape == (6, O)
        np.testing.assert_array_equal(states[0], predictions.recorded[0])
    centers = random_predictor().discretizer.centers[:O]
    for i in range(O):
        assert np.isin(predictions.transformer[1:, i], centers[i]).all()


def test_on_the_ensembles_states_the_policy_acts():
    """The second state is drawn from the Gaussian of one member for the policy's action."""
    network, episode = make_ensemble(), random_episode(9)
    state = torch.from_numpy(episode.observations[2]).expand(3, 1, O)
    chosen = random_behavior().acting(np.random.default_rng([0, 3, 0, 1]))(0, state[:, 0])
    action = chosen[0].expand(3, 1, A)
    with torch.no_grad():
        mean, log_variance = (part[0, 0] for part in network.predict(state, action))
    noise = torch.randn(3, O, generator=torch.Generator().manual_seed(0))[0]
    expected = mean + torch.exp(0.5 * log_variance) * noise
    np.testing.assert_allclose(make_predictions().ensemble[1], expected, rtol=1e-5, atol=1e-6)


def test_predictions_depend_on_the_seed_alone():
    first, same, other = make_predictions(), make_predictions(), make_predictions(seed=1)
    for name in ("transformer", "ensemble"):
        np.testing.assert_array_equal(getattr(first, name), getattr(same, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


def test_the_first_episode_that_is_long_enough_is_chosen():
    held_out = MemoryDataset([random_episode(length) for length in (4, 9, 12, 9)], env_id="Toy-v0")
    assert choose_origin(held_out, start=2, steps=7) == Origin("toy-v0", "Toy-v0", 1, 2)
    assert choose_origin(held_out, start=3, steps=7).episode == 2
    with pytest.raises(TTOError, match="13 or more transitions in held_out/toy-v0, got 12"):
        choose_origin(held_out, start=3, steps=10)


def test_short_episodes_and_masked_models_are_errors():
    with pytest.raises(TTOError, match="10 or more transitions, got 9"):
        make_predictions(steps=8)
    with pytest.raises(TTOError, match="whole states"):
        predict(
            random_predictor(masked=True),
            make_ensemble(),
            random_episode(9),
            ORIGIN,
            acting=random_behavior().acting,
            steps=3,
            seed=0,
        )


def test_file_round_trip(tmp_path):
    path, predictions = tmp_path / "predictions.h5", make_predictions()
    write_predictions(path, predictions)
    found = read_predictions(path)
    assert found.origin == ORIGIN
    for name in SOURCES:
        np.testing.assert_array_equal(getattr(found, name), getattr(predictions, name))


def test_foreign_files(tmp_path):
    path = tmp_path / "predictions.h5"
    with pytest.raises(TTOError, match="expected a file of predictions"):
        read_predictions(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(TTOError, match="expected a file of predictions"):
        read_predictions(path)
    predictions = make_predictions()
    write_predictions(path, predictions)
    with h5py.File(path, "a") as file:
        del file["ensemble"]
        file["ensemble"] = predictions.ensemble[:-1]
    with pytest.raises(TTOError, match="states of one shape"):
        read_predictions(path)
    write_predictions(path, predictions)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(TTOError, match=r"format version 1 .* got 99"):
        read_predictions(path)
