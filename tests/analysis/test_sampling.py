"""Sampling by each engine compared with plain sampling, one token and whole window at a time."""

import functools

import numpy as np
import pytest
import torch
from random_predictor import A, D, O, V, random_predictor

from tto.analysis.sampling import Samples, chunk_rows, draw, sample
from tto.errors import TTOError
from tto.model.trained import TrainedModel
from tto.planning.cached import CachedEngine
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine

STEPS, TRAJECTORIES = 4, 2
VARIANTS = {
    "paper": {},
    "markovian": {"max_transitions": 2},
    "official": {"output": "per_dimension", "stop_token": True},
    "visible": {"attend_values": True},
    "factored": {"position": "factored"},
}


def slow_sample(
    model: TrainedModel, context: np.ndarray, uniforms: np.ndarray, actions: np.ndarray | None
) -> Samples:
    """Plain version of `sample`: the model runs on the last whole transitions for each token."""
    past, kept = len(context) // D, model.config.block_transitions - 1
    marginals, observations = np.zeros((STEPS, O, V)), []
    for row in uniforms:
        tokens, states = context.tolist(), []
        for uniform in row:
            first = max(0, len(tokens) // D - kept) * D
            step, dimension = divmod(len(tokens) - past * D, D)
            with torch.inference_mode():
                logits = model.network(torch.tensor([tokens[first:]]))[0, -1]
            p = logits[: model.config.vocabulary].double().softmax(dim=-1).numpy()
            token = int(np.searchsorted(p.cumsum() / p.sum(), uniform, side="right"))
            if dimension < O:
                marginals[step - 1, dimension] += p[:V] / p[:V].sum() / len(uniforms)
                states.append(token)
            if actions is not None and O <= dimension < O + A:
                token = actions[step, dimension - O]
            tokens.append(token)
        observations.append(np.reshape(states, (STEPS, O)))
    return Samples(np.array(observations), marginals)


def start_of(past: int, *, masked: bool = False) -> np.ndarray:
    context = np.random.default_rng(3).integers(V, size=past * D + O)
    context[:O:2] = V if masked else context[:O:2]
    return context


@functools.cache
def slow_samples_of(variant: str) -> Samples:
    uniforms = np.random.default_rng(0).random((TRAJECTORIES, STEPS * D), dtype=np.float32)
    return slow_sample(random_predictor(**VARIANTS[variant]), start_of(0), uniforms, None)


@pytest.mark.parametrize("engine", [None, CachedEngine, StaticEngine, UncachedEngine])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_engine_samples_like_plain_sampling(variant: str, engine):
    model, expected = random_predictor(**VARIANTS[variant]), slow_samples_of(variant)
    samples = sample(
        model,
        start_of(0),
        steps=STEPS,
        trajectories=TRAJECTORIES,
        rng=np.random.default_rng(0),
        engine=engine and engine(model.network),
    )
    np.testing.assert_array_equal(samples.observations, expected.observations)
    np.testing.assert_allclose(samples.marginals, expected.marginals, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("past", [1, 2])
def test_a_past_a_mask_and_given_actions(masked: bool, past: int):
    model, context = random_predictor(masked=masked), start_of(past, masked=masked)
    actions = np.random.default_rng(1).integers(V, size=(STEPS, A))
    uniforms = np.random.default_rng(0).random((TRAJECTORIES, STEPS * D), dtype=np.float32)
    expected = slow_sample(model, context, uniforms, actions)
    rng = np.random.default_rng(0)
    samples = sample(
        model, context, steps=STEPS, trajectories=TRAJECTORIES, rng=rng, actions=actions
    )
    np.testing.assert_array_equal(samples.observations, expected.observations)
    np.testing.assert_allclose(samples.marginals, expected.marginals, atol=1e-5)
    assert (samples.observations == V).any() == masked


def test_draws_do_not_depend_on_the_chunks():
    model = random_predictor()
    size = {"steps": 2, "trajectories": 7}
    whole = sample(model, start_of(0), rng=np.random.default_rng(0), **size)
    one = 4 * model.config.block_size * model.config.width * 22  # keys, values, activations
    assert chunk_rows(model.config, 3 * one) == 3
    assert chunk_rows(model.config, 0) == 1
    rng = np.random.default_rng(0)
    parts = sample(model, start_of(0), rng=rng, memory=3 * one, **size)
    np.testing.assert_array_equal(parts.observations, whole.observations)
    np.testing.assert_allclose(parts.marginals, whole.marginals, atol=1e-6)


def test_marginals_are_the_limit_of_counting():
    model = random_predictor(seed=2)
    rng = np.random.default_rng(0)
    samples = sample(model, start_of(0), steps=2, trajectories=4000, rng=rng)
    counted = (samples.observations[..., None] == np.arange(V)).mean(axis=0)
    np.testing.assert_allclose(samples.marginals.sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(samples.marginals, counted, atol=0.04)


def test_draw_inverts_the_cumulative_sum():
    p = torch.tensor([[0.25, 0.0, 0.75]]).expand(4, -1)
    uniforms = torch.tensor([0.0, 0.2499, 0.25, 0.9999999])
    assert draw(p, uniforms).tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("model", "context", "actions", "message"),
    [
        (random_predictor(goal=True), O, None, "without goals"),
        (random_predictor(transitions=1), O, None, "two transitions"),
        (random_predictor(), D, None, "context of whole transitions"),
        (random_predictor(max_transitions=2), 2 * D + O, None, "14 at most"),
        (random_predictor(), O, np.zeros((2, A), int), "action tokens"),
    ],
)
def test_models_and_inputs_that_do_not_fit_are_errors(model, context: int, actions, message: str):
    with pytest.raises(TTOError, match=message):
        sample(
            model,
            np.zeros(context, int),
            steps=1,
            trajectories=1,
            rng=np.random.default_rng(0),
            actions=actions,
        )
