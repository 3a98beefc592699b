"""Rows of held-out episodes: choice of the episodes, inputs of the predictions, and the file."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from random_predictor import A, O, V, random_behavior, random_episode, random_predictor

from tto.analysis.likelihood import Cells, binned_shares, cells_of, gaussian_shares, score
from tto.analysis.log_likelihoods import (
    COLUMNS,
    METHODS,
    Truth,
    ensemble_rows,
    held_out_truth,
    particles_of,
    read_log_likelihoods,
    transformer_rows,
    write_log_likelihoods,
)
from tto.analysis.marginal import marginal_rows, training_marginal
from tto.analysis.sampling import sample
from tto.baselines.pets.ensemble import Ensemble
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError

STEPS = 3


def make_truth(*, masked: bool = False) -> Truth:
    cells = cells_of(random_predictor().discretizer, O)
    episodes = {4: random_episode(5, masked=masked), 7: random_episode(9, masked=masked, seed=1)}
    return Truth("toy-v0", "Toy-v0", episodes, STEPS, cells)


def make_ensemble(*, masked: bool = False) -> Ensemble:
    generator = torch.Generator().manual_seed(0)
    return Ensemble(O, A, members=2, hidden=(8,), masked=masked, generator=generator)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("actions", ["sampled", "recorded"])
def test_each_state_is_scored_under_samples_from_its_episodes_start(masked: bool, actions: str):
    model, truth = random_predictor(masked=masked), make_truth(masked=masked)
    rows = transformer_rows(
        model, truth, name="transformer", seed=3, trajectories=6, actions=actions
    )
    assert list(rows.columns) == list(COLUMNS)
    assert rows["state"].unique().tolist() == ["masked" if masked else "full"]
    for number, episode in truth.episodes.items():
        start = model.discretizer.encode(episode.observations[0])
        if masked:
            start = np.where(episode.observed[0], start, V)
        samples = sample(
            model,
            start,
            steps=STEPS,
            trajectories=6,
            rng=np.random.default_rng([3, number]),
            actions=model.discretizer.encode(episode.actions[:STEPS], first=O)
            if actions == "recorded"
            else None,
        )
        states = episode.observations[1 : STEPS + 1].astype(float)
        shares = binned_shares(samples.marginals, truth.cells.edges, states, truth.cells)
        expected = score(shares, states, truth.cells, trajectories=6)
        part = rows[rows["episode"] == number]
        assert part["step"].tolist() == [1, 2, 3]
        np.testing.assert_allclose(part["log_likelihood"], expected.log_likelihood, atol=1e-5)
        np.testing.assert_allclose(part["out_of_range"], expected.out_of_range)
    assert (rows["log_likelihood"].to_numpy() <= truth.cells.oracle + 1e-9).all()


def test_from_one_start_a_model_predicts_once_for_all_episodes():
    """The model's own actions do not depend on the episode; recorded ones do."""
    model, first = random_predictor(), random_episode(5)
    second = random_episode(9, seed=1)
    states = np.vstack([first.observations[:1], second.observations[1:]])
    episodes = {4: first, 7: dataclasses.replace(second, observations=states)}
    truth = dataclasses.replace(make_truth(), episodes=episodes, one_start=True)
    settings = {"name": "transformer", "seed": 3, "trajectories": 6}
    rows = transformer_rows(model, truth, actions="sampled", **settings)
    start = model.discretizer.encode(first.observations[0])
    samples = sample(model, start, steps=STEPS, trajectories=6, rng=np.random.default_rng([3, 4]))
    for number in episodes:
        true = truth.states(number)
        shares = binned_shares(samples.marginals, truth.cells.edges, true, truth.cells)
        expected = score(shares, true, truth.cells, trajectories=6).log_likelihood
        part = rows[rows["episode"] == number]
        np.testing.assert_allclose(part["log_likelihood"], expected, atol=1e-5)
    apart = dataclasses.replace(truth, one_start=False)
    recorded = transformer_rows(model, truth, actions="recorded", **settings)
    pd.testing.assert_frame_equal(
        recorded, transformer_rows(model, apart, actions="recorded", **settings)
    )


def rows_of(network: Ensemble, truth: Truth, *, policy: bool = True, **changes) -> pd.DataFrame:
    settings = {"name": "ensemble", "seed": 0, "trajectories": 8, "method": "ts_inf"} | changes
    acting = random_behavior().acting if policy else None
    return ensemble_rows(network, truth, acting=acting, **settings)


@pytest.mark.parametrize("policy", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("masked", [False, True])
def test_an_ensembles_states_are_scored_under_its_particles(
    masked: bool, method: str, policy: bool
):
    network, truth = make_ensemble(masked=masked), make_truth(masked=masked)
    rows = rows_of(network, truth, policy=policy, method=method)
    for number, episode in truth.episodes.items():
        result = particles_of(
            network,
            episode,
            steps=STEPS,
            seed=0,
            number=number,
            particles=8,
            acting=random_behavior().acting if policy else None,
            method=method,
        )
        true = truth.states(number)
        means, log_variances = (part.double().numpy() for part in result[:2])
        shares = gaussian_shares(means, log_variances, true, truth.cells)
        expected = score(shares, true, truth.cells, trajectories=8).log_likelihood
        part = rows[rows["episode"] == number]
        np.testing.assert_allclose(part["log_likelihood"], expected)
    assert (rows["log_likelihood"].to_numpy() <= truth.cells.oracle + 1e-9).all()
    pd.testing.assert_frame_equal(rows, rows_of(network, truth, policy=policy, method=method))


@pytest.mark.parametrize("masked", [False, True])
def test_from_one_start_the_policy_acts_once_for_all_episodes(masked: bool):
    """The particles do not depend on the episode, unless it has masks or recorded actions."""
    network, truth = make_ensemble(masked=masked), make_truth(masked=masked)
    shared = dataclasses.replace(truth, one_start=True)
    first, second = (part for _, part in rows_of(network, truth).groupby("episode"))
    ours, theirs = (part for _, part in rows_of(network, shared).groupby("episode"))
    pd.testing.assert_frame_equal(ours, first)
    if masked:
        pd.testing.assert_frame_equal(theirs, second)
    else:
        same = particles_of(
            network,
            truth.episodes[4],
            steps=STEPS,
            seed=0,
            number=4,
            particles=8,
            acting=random_behavior().acting,
        )
        true = truth.states(7)
        means, log_variances = (part.double().numpy() for part in same[:2])
        shares = gaussian_shares(means, log_variances, true, truth.cells)
        expected = score(shares, true, truth.cells, trajectories=8).log_likelihood
        np.testing.assert_allclose(theirs["log_likelihood"], expected)
    pd.testing.assert_frame_equal(
        rows_of(network, shared, policy=False), rows_of(network, truth, policy=False)
    )


def test_a_sure_and_right_ensemble_reaches_the_oracle():
    """The members predict that nothing changes, for episodes in which nothing does."""
    truth, network = make_truth(), make_ensemble()
    middles = (truth.cells.edges[:, 2] + truth.cells.edges[:, 3]) / 2
    still = np.tile(middles.astype(np.float32), (6, 1))
    episodes = {0: dataclasses.replace(random_episode(5), observations=still)}
    with torch.no_grad():
        for parameter in [*network.weights, *network.biases]:
            parameter.zero_()
        network.lowest_log_variance.fill_(-30)
        network.highest_log_variance.fill_(-20)
    truth = dataclasses.replace(truth, episodes=episodes)
    rows = rows_of(network, truth, trajectories=10**5)
    np.testing.assert_allclose(rows["log_likelihood"], truth.cells.oracle, atol=1e-3)
    assert rows["covered"].to_numpy().min() == 1


def write_hopper(path: Path, lengths: list[int], *, masked: bool = False) -> Path:
    """Write episodes of these lengths; state 0 is 0, and state t > 0 of episode i is t + i/9.

    In masked data the first dimension of the first state is hidden, in the first episode only.
    """
    episodes = []
    for number, length in enumerate(lengths):
        states = np.tile(np.arange(length + 1, dtype=np.float32)[:, None], (1, 11))
        states[1:] += number / 9
        observed = np.ones(states.shape, bool)
        observed[0, 0] = number > 0
        episodes.append(
            dataclasses.replace(
                random_episode(length, seed=length),
                observations=states,
                actions=np.zeros((length, 3), np.float32),
                observed=observed if masked else None,
            )
        )
    write_dataset(path, episodes, env_id="Hopper-v5", algorithm="none", description="none")
    return path


def test_episodes_are_long_enough_and_evenly_chosen(tmp_path: Path):
    path = write_hopper(tmp_path / "held", [4, 2, 5, 4, 1, 6, 4, 7])
    cells = make_truth().cells
    settings = {"dataset": "hopper", "cells": cells}
    truth = held_out_truth(open_dataset(path), episodes=3, steps=4, **settings)
    assert list(truth.episodes) == [0, 3, 7]  # of 0, 2, 3, 5, 6, 7
    assert (truth.dataset, truth.env) == ("hopper", "Hopper-v5")
    assert len(held_out_truth(open_dataset(path), episodes=9, steps=6, **settings).episodes) == 2
    with pytest.raises(TTOError, match=r"at least 8 transitions .* lengths up to 7"):
        held_out_truth(open_dataset(path), episodes=1, steps=8, **settings)


def test_episodes_of_one_start_share_it_and_its_mask(tmp_path: Path):
    settings = {"dataset": "hopper", "cells": make_truth().cells, "episodes": 3, "steps": 4}
    full = write_hopper(tmp_path / "full", [4, 5, 6])
    assert held_out_truth(open_dataset(full), one_start=True, **settings).one_start
    masked = write_hopper(tmp_path / "masked", [4, 5, 6], masked=True)
    truth = held_out_truth(open_dataset(masked), one_start=True, **settings)
    apart = held_out_truth(open_dataset(masked), **settings)
    for number, episode in truth.episodes.items():
        assert not episode.observed[0, 0]
        assert apart.episodes[number].observed[0, 0] == (number > 0)
        np.testing.assert_array_equal(episode.observed[1:], apart.episodes[number].observed[1:])
    shifted = [
        dataclasses.replace(episode, observations=episode.observations + number)
        for number, episode in enumerate(open_dataset(full))
    ]
    path = tmp_path / "several"
    write_dataset(path, shifted, env_id="Hopper-v5", algorithm="none", description="none")
    with pytest.raises(TTOError, match=r"one first state .* set model_analysis.starts to many"):
        held_out_truth(open_dataset(path), one_start=True, **settings)


@pytest.mark.parametrize("masked", [False, True])
def test_the_marginal_is_a_histogram_of_the_visible_training_states(tmp_path: Path, masked: bool):
    lengths = [4, 2]
    path = write_hopper(tmp_path / "training", lengths, masked=masked)
    edges = np.tile(np.linspace(0.0, 3.0, 5), (11, 1))  # states from 3 on are in the last cell
    cells = Cells(edges)
    marginal = training_marginal(open_dataset(path), cells)
    values = [0, 1, 2, 3, 0, 1 + 1 / 9]  # without the states after the last actions
    counted = np.histogram(values, edges[0])[0] / 6
    np.testing.assert_allclose(marginal[1:], np.tile(counted, (10, 1)))
    seen = np.histogram(values[1:] if masked else values, edges[0])[0]
    np.testing.assert_allclose(marginal[0], seen / seen.sum())

    settings = {"dataset": "hopper", "cells": cells, "episodes": 1, "steps": 2}
    truth = held_out_truth(open_dataset(path), **settings)
    rows = marginal_rows(marginal, truth, trajectories=9)
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["model"]) == {"marginal"}
    for step, true in ((1, 1.0), (2, 2.0)):
        inside = marginal[:, int(true / 0.75)]
        expected = np.log((9 * inside + 1 / 4) / 10 / 0.75).sum()
        found = rows.loc[rows["step"] == step, "log_likelihood"].item()
        np.testing.assert_allclose(found, expected)


def test_rows_are_written_sorted_and_checked(tmp_path: Path):
    rows = rows_of(make_ensemble(), make_truth())
    path = tmp_path / "log_likelihoods.csv"
    write_log_likelihoods(path, [rows.iloc[::-1]])
    (read,) = read_log_likelihoods([path])
    pd.testing.assert_frame_equal(
        read, rows.sort_values(["dataset", "model", "seed", "episode", "step"], ignore_index=True)
    )
    for spoil, message in (
        (lambda r: r.assign(log_likelihood=r["oracle"] + 1), "no state above the oracle"),
        (lambda r: pd.concat([r, r.head(1)]), "one row a state"),
        (lambda r: r.drop(columns="covered"), "expected the columns"),
        (lambda r: r.assign(covered=np.nan), "got empty ones in covered"),
    ):
        spoil(rows).to_csv(path, index=False)
        with pytest.raises(TTOError, match=message):
            list(read_log_likelihoods([path]))
