"""Properties of the public API's arguments; run by `test_fuzz_arguments.py` as a program."""

# ruff: noqa: E501

import os
import resource
import sys

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from outcome import outcome
from small_world import random_model

import tto
from tto.planning.cached import CachedEngine

EXAMPLES = int(os.environ.get("TTO_FUZZ", "30"))
PLAIN = random_model()
GOAL = random_model("goal")
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 9),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["return", "likelihood", "goal", "best", "drawn", "mode", "uniform", b"x"]),
    st.sampled_from([np.int64(3), np.float32(0.5), np.bool_(True), np.array(2), object()]),
)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
DTYPES = st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_, complex, "U3", object])  # fmt: skip
ARRAYS = st.one_of(
    SCALARS,
    st.lists(st.lists(st.floats(-2, 2), max_size=4), max_size=3),
    DTYPES.flatmap(lambda dtype: SHAPES.map(lambda shape: np.zeros(shape, dtype))),
    SHAPES.map(lambda shape: np.full(shape, np.nan)),
    st.sampled_from(
        [np.zeros(3), np.zeros((2, 3)), np.zeros((2, 2)), np.zeros(2), np.ones(2, bool)]
    ),
)
SEARCH = ["beam_width", "horizon", "expansion", "proposal", "observation_top", "action_top"]
SEARCH += ["action_mass", "temperature", "value", "reward_to_go", "value_levels"]
OWN = ["objective", "context", "window", "action_decode", "goal", "seed", "budget_ms", "search"]
checks = settings(
    max_examples=EXAMPLES,
    deadline=10_000,
    derandomize="TTO_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def result(call, *arguments, **options):
    """The result of a call, or None where it raises one `TTOError`."""
    return outcome(call, *arguments, **options)[0]


def controller(model, **options):
    return tto.Controller(model, engine=CachedEngine(model.network), **options)


@checks
@given(st.sampled_from([PLAIN, GOAL]), st.dictionaries(st.sampled_from(OWN + SEARCH + ["x"]), st.one_of(SCALARS, ARRAYS), max_size=3))  # fmt: skip
def any_settings(model, options):
    for name in ("beam_width", "horizon", "expansion"):  # as many as a beam of a test may have
        if isinstance(options.get(name), int) and options[name] > 9:
            options[name] = 9
    if isinstance(options.get("budget_ms"), int | float) and options["budget_ms"] > 0:
        del options["budget_ms"]  # it would take as long
    made = result(controller, model, **options)
    if made is not None:
        result(made.act, np.zeros((1, 3)))


@checks
@given(ARRAYS, ARRAYS, ARRAYS, st.one_of(st.none(), ARRAYS))
def any_transitions(observations, actions, rewards, observed):
    tokens = result(PLAIN.encode, observations, actions, rewards, rewards, observed=observed)
    assert tokens is None or tokens.shape[1] == 7


@checks
@given(st.one_of(ARRAYS, arrays.arrays(np.int64, (2, 7), elements=st.integers(-1, 8))))
def any_tokens(tokens):
    rows = result(PLAIN.log_probs, tokens)
    if rows is not None:
        assert np.asarray(tokens).max() < 7
        np.testing.assert_allclose(np.exp(rows).sum(axis=-1), 1, atol=1e-4)


@checks
@given(
    st.lists(st.tuples(ARRAYS, st.one_of(st.none(), ARRAYS), ARRAYS, ARRAYS), max_size=3), ARRAYS
)
def any_episode(steps, goals):
    for model, objective in ((PLAIN, "return"), (GOAL, "goal")):
        made = controller(model, objective=objective, horizon=1, beam_width=2)
        result(made.reset, goals)
        for observations, active, actions, rewards in steps:
            result(made.act, observations, active)
            result(made.observe, actions, rewards)


@checks
@given(SCALARS, SCALARS)
def any_folder(folder, device):
    result(tto.load, folder)
    result(tto.load, "nowhere", device=device)
    result(tto.Controller, folder)


if __name__ == "__main__":
    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    properties = [any_settings, any_transitions, any_tokens, any_episode, any_folder]
    for check in properties:
        check()
    print(f"checked {len(properties)} properties")
