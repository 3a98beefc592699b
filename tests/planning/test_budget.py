"""Settings that are chosen for a time budget, mostly from given costs."""

import itertools
import logging

import numpy as np
import pytest
from small_world import random_model

from tto import Controller
from tto.errors import TTOError
from tto.planning import controller as controller_module
from tto.planning.budget import BEAMS_PER_TRANSITION, SHARE, WIDEST, CostModel, largest_within


def machine(start: float, token: float, row: float, attention: float):
    def cost(beam_width: int, horizon: int) -> float:
        return float(
            start
            + token * horizon
            + row * beam_width * horizon
            + attention * beam_width * horizon**2
        )

    return cost


MACHINES = [machine(1, 0.5, 0.02, 0.001), machine(0.1, 0.01, 0.2, 0.0), machine(3, 1, 0.1, 0.01)]


def by_trying_all(room: float, cost, longest: int) -> tuple[int, int]:
    """The rule of `tto.planning.budget`, with all costs known."""
    whole = [H for H in range(1, longest + 1) if cost(BEAMS_PER_TRANSITION * H, H) <= room]
    horizon = max(whole, default=1)
    return max(W for W in range(1, WIDEST + 1) if cost(W, horizon) <= room), horizon


@pytest.mark.parametrize("cost", MACHINES)
@pytest.mark.parametrize(("budget", "longest"), [(8.0, 4), (50.0, 5), (50.0, 30), (300.0, 15)])
def test_the_largest_settings_that_fit_are_found(cost, budget, longest):
    choice = largest_within(budget, cost, longest=longest)
    expected = by_trying_all(SHARE * budget, cost, longest)
    assert (choice.beam_width, choice.horizon) == expected
    assert choice.milliseconds == cost(*expected) <= SHARE * budget


@pytest.mark.parametrize("budget", [8.0, 50.0])
def test_the_choice_was_timed_and_fits_even_if_the_cost_model_is_wrong(budget):
    timed = {}

    def stepped(beam_width: int, horizon: int) -> float:  # tiles of 16 rows, and a cache that fills
        tiles = -(-beam_width // 16) * horizon
        timed[beam_width, horizon] = 0.7 * horizon + 0.3 * tiles + (5.0 if tiles > 20 else 0.0)
        return timed[beam_width, horizon]

    choice = largest_within(budget, stepped, longest=20)
    assert timed[choice.beam_width, choice.horizon] == choice.milliseconds <= SHARE * budget
    assert choice.milliseconds > 0.5 * budget
    assert len(timed) <= 13


def test_the_fit_recovers_a_cost_of_its_own_form():
    cost = MACHINES[0]
    model = CostModel.fit({key: cost(*key) for key in itertools.product((1, 8, 30), (1, 2, 4))})
    assert model(100, 12) == pytest.approx(cost(100, 12))


def test_a_budget_that_is_too_small_is_an_error_that_names_the_least_one():
    with pytest.raises(TTOError, match=r"at least 5\.1.* on this machine, got 2"):
        largest_within(2.0, machine(3, 1, 0.1, 0.01), longest=5)
    with pytest.raises(TTOError, match="more than 0"):
        largest_within(0.0, MACHINES[0], longest=5)


@pytest.mark.parametrize("variant", ["paper", "goal"])
def test_a_controller_takes_the_largest_settings_that_fit(variant, monkeypatch, caplog):
    model = random_model(variant, transitions=9)
    steps = []

    def timed(step, *, repeats: int) -> float:
        assert repeats > 1
        step()  # its real time does not count
        steps.append(step)
        return 40.0

    monkeypatch.setattr(controller_module, "milliseconds", timed)
    objective = "goal" if variant == "goal" else "return"
    with caplog.at_level(logging.INFO):
        controller = Controller(model, objective=objective, context=3, budget_ms=60.0)
    # All settings seem to cost the same, so the horizon is the longest beside the whole context.
    assert controller.search.horizon == 9 - 3 - (variant == "goal")
    assert controller.search.beam_width == WIDEST
    assert controller.context == 3
    assert controller.step == 0
    (record,) = caplog.records
    assert f"beam width {WIDEST}, horizon {controller.search.horizon}, 40" in record.getMessage()
    assert steps


def test_a_budget_and_settings_exclude_each_other():
    for given in ({"beam_width": 4}, {"horizon": 2}):
        with pytest.raises(TTOError, match="expected budget_ms, or beam_width and horizon"):
            Controller(random_model(), budget_ms=50.0, **given)


def test_a_real_budget_gives_a_controller_that_acts():
    controller = Controller(random_model(transitions=4), context=1, budget_ms=30.0)
    assert controller.act(np.zeros(3)).shape == (2,)
