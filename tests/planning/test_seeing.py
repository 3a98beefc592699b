"""A longer plan finds a reward that a shorter one cannot see."""

import numpy as np
import pytest
from known_worlds import cliff, crossroads, learned, token_file

from tto import Controller


@pytest.fixture(scope="module")
def tokens():
    return token_file(crossroads, episodes=3000)


def first_action(model, horizon: int) -> float:
    controller = Controller(
        model, horizon=horizon, beam_width=64, expansion=1, action_top=1.0, context=0
    )
    return float(controller.act(np.array([10.0]))[0])


def test_two_transitions_see_what_one_does_not(tokens):
    model = learned(tokens, attend_values=False, transitions=3, updates=400)
    assert first_action(model, horizon=1) < 8  # left: a value of 0.3 at once
    assert first_action(model, horizon=2) > 12  # right: 0.08 alone, 0.81 with a second transition


def test_with_visible_values_two_transitions_do_not_see_it_either(tokens):
    """The model copies the second value from the first, so the longer plan sees no further."""
    model = learned(tokens, attend_values=True, transitions=3, updates=400)
    assert first_action(model, horizon=2) < 8


def test_a_plan_knows_that_rewards_end_with_the_episode():
    """Left ends it for 0.8; without a stop token, a plan of three transitions lives on after it."""
    tokens = token_file(cliff, episodes=3000)
    for stop_token in (False, True):
        model = learned(
            tokens, attend_values=False, transitions=3, updates=400, stop_token=stop_token
        )
        assert first_action(model, horizon=1) > 12  # right: 1.56, left: 0.8
        longer = first_action(model, horizon=3)
        assert longer > 12 if stop_token else longer < 8
