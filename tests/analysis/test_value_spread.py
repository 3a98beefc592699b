"""The spread of predicted values over actions, at each planned depth, with and without a past."""

import numpy as np
import pytest
from known_worlds import learned, token_file, true_spread, walk

from tto.analysis.value_spread import value_spread
from tto.errors import TTOError
from tto.planning.uncached import UncachedEngine


@pytest.fixture(scope="module")
def tokens():
    return token_file(walk, episodes=3000)


@pytest.fixture(scope="module")
def hidden(tokens):
    return learned(tokens, attend_values=False, transitions=5, updates=700)


@pytest.fixture(scope="module")
def visible(tokens):
    return learned(tokens, attend_values=True, transitions=5, updates=1000)


def test_the_spread_is_that_of_the_known_values_at_each_depth_and_context(tokens, hidden):
    truth = true_spread(tokens)
    assert truth > 0.4  # of returns up to 7
    for context in (0, 2):
        spread = value_spread(hidden, tokens, context=context)
        np.testing.assert_allclose(spread.expected, truth, rtol=0.35)


def test_visible_values_are_copied_and_say_nothing_of_the_action(tokens, visible):
    """The reason why they are hidden: only the first transition without a past has a spread."""
    alone, with_past = (value_spread(visible, tokens, context=context) for context in (0, 2))
    assert alone.expected[0] > 0.4
    assert (alone.expected[1:] < 0.25 * alone.expected[0]).all()
    assert (with_past.expected < 0.25 * alone.expected[0]).all()


def test_engines_agree(tokens, hidden):
    """The native engine and the plain one give the same spreads."""
    settings = dict(context=1, states=5, actions=6)
    fast = value_spread(hidden, tokens, **settings)
    slow = value_spread(hidden, tokens, engine=UncachedEngine(hidden.network), **settings)
    np.testing.assert_allclose(fast.expected, slow.expected, atol=1e-4)


def test_depths_end_with_the_block(tokens, hidden):
    assert len(value_spread(hidden, tokens, context=3, states=3).expected) == 2


@pytest.mark.parametrize(("context", "message"), [(5, "0 to 4"), (-1, "0 to 4")])
def test_a_context_beyond_the_block_is_an_error(tokens, hidden, context, message):
    with pytest.raises(TTOError, match=message):
        value_spread(hidden, tokens, context=context)
