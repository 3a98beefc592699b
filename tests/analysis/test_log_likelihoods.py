"""Rows of held-out episodes: which episodes, what is predicted from what, and the file."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from random_predictor import A, O, V, random_episode, random_predictor

from tto.analysis.likelihood import binned_shares, cells_of, score
from tto.analysis.log_likelihoods import (
    COLUMNS,
    Truth,
    ensemble_rows,
    held_out_truth,
    read_log_likelihoods,
    transformer_rows,
    write_log_likelihoods,
)
from tto.analysis.sampling import sample
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError
from tto.model.ensemble import Ensemble

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


@pytest.mark.parametrize("masked", [False, True])
def test_an_ensemble_is_scored_by_both_propagations(masked: bool):
    truth = make_truth(masked=masked)
    rows = ensemble_rows(make_ensemble(masked=masked), truth, seed=0, trajectories=8)
    assert rows.groupby("model").size().to_dict() == {"ensemble_ts1": 6, "ensemble_ts_inf": 6}
    assert (rows["log_likelihood"].to_numpy() <= truth.cells.oracle + 1e-9).all()
    again = ensemble_rows(make_ensemble(masked=masked), truth, seed=0, trajectories=8)
    pd.testing.assert_frame_equal(rows, again)


def test_a_sure_and_right_ensemble_reaches_the_oracle():
    """Members that let nothing change, on episodes in which nothing does."""
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
    rows = ensemble_rows(network, truth, seed=0, trajectories=10**5, methods=["ts_inf"])
    np.testing.assert_allclose(rows["log_likelihood"], truth.cells.oracle, atol=1e-3)
    assert rows["covered"].to_numpy().min() == 1


def test_episodes_are_long_enough_and_evenly_chosen(tmp_path: Path):
    lengths = [4, 2, 5, 4, 1, 6, 4, 7]
    hopper = [
        dataclasses.replace(
            random_episode(length, seed=length),
            observations=np.zeros((length + 1, 11), np.float32),
            actions=np.zeros((length, 3), np.float32),
        )
        for length in lengths
    ]
    path = tmp_path / "held"
    write_dataset(path, hopper, env_id="Hopper-v5", algorithm="none", description="none")
    cells = make_truth().cells
    settings = {"dataset": "hopper", "cells": cells}
    truth = held_out_truth(open_dataset(path), episodes=3, steps=4, **settings)
    assert list(truth.episodes) == [0, 3, 7]  # of 0, 2, 3, 5, 6, 7
    assert (truth.dataset, truth.env) == ("hopper", "Hopper-v5")
    assert len(held_out_truth(open_dataset(path), episodes=9, steps=6, **settings).episodes) == 2
    with pytest.raises(TTOError, match=r"at least 8 transitions .* lengths up to 7"):
        held_out_truth(open_dataset(path), episodes=1, steps=8, **settings)


def test_rows_are_written_sorted_and_checked(tmp_path: Path):
    rows = ensemble_rows(make_ensemble(), make_truth(), seed=0, trajectories=4)
    path = tmp_path / "log_likelihoods.csv"
    write_log_likelihoods(path, [rows.iloc[::-1]])
    (read,) = read_log_likelihoods([path])
    pd.testing.assert_frame_equal(
        read, rows.sort_values(["dataset", "model", "seed", "episode", "step"], ignore_index=True)
    )
    for spoil, message in (
        (lambda r: r.assign(log_likelihood=r["oracle"] + 1), "no state above the oracle"),
        (lambda r: pd.concat([r, r.head(1)]), "one row a state"),
        (lambda r: r.drop(columns="covered"), "expected rows with a value"),
        (lambda r: r.assign(covered=np.nan), "expected rows with a value"),
    ):
        spoil(rows).to_csv(path, index=False)
        with pytest.raises(TTOError, match=message):
            list(read_log_likelihoods([path]))
