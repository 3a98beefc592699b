"""The levels of a plan, and the picture of its beam."""

import inspect
import itertools

import numpy as np
import pytest
from small_world import random_model

import tto
from tto.errors import TTOError
from tto.planning.cached import CachedEngine
from tto.planning.levels import beam_levels, chosen_path, surviving
from tto.planning.uncached import UncachedEngine
from tto.report.figures.beam import draw_beam

SETTINGS = {"beam_width": 4, "horizon": 3, "context": 2, "seed": 3}


def controller_of(engine=UncachedEngine, objective="return", **changes) -> tto.Controller:
    model = random_model("goal" if objective == "goal" else "paper")
    goal = np.zeros(3) if objective == "goal" else None
    settings = {**SETTINGS, "observation_top": 2, "objective": objective, "goal": goal, **changes}
    controller = tto.Controller(model, engine=engine(model.network), **settings)
    controller.act(np.zeros(3))
    controller.observe(np.zeros(2), 0.5)
    return controller


@pytest.mark.parametrize("engine", [UncachedEngine, CachedEngine])
@pytest.mark.parametrize("objective", ["return", "likelihood", "goal"])
def test_the_last_level_is_the_plan(engine, objective):
    controller = controller_of(engine, objective)
    observation = np.full(3, 0.2)
    levels = beam_levels(controller, observation)
    assert controller.step == 1
    action = controller.act(observation)
    assert controller.plan is not None
    last = levels[-1]
    np.testing.assert_array_equal(last.actions[0, 0], action)
    np.testing.assert_allclose(last.scores, controller.plan.scores[0].numpy())
    assert [level.actions.shape for level in levels] == [(4, h, 2) for h in (1, 2, 3)]
    assert [level.observations.shape for level in levels] == [(4, h, 3) for h in (1, 2, 3)]
    center = controller.model.discretizer.decode(controller.model.discretizer.encode(observation))
    assert all((level.observations[:, 0] == center).all() for level in levels)


@pytest.mark.parametrize("objective", ["return", "likelihood"])
def test_each_sequence_continues_its_parent(objective):
    levels = beam_levels(controller_of(objective=objective), np.zeros(3))
    for before, level in itertools.pairwise(levels):
        for w, parent in enumerate(level.parents):
            h = before.actions.shape[1]
            np.testing.assert_array_equal(level.actions[w, :h], before.actions[parent])
            np.testing.assert_array_equal(level.observations[w, :h], before.observations[parent])


def test_survivors_and_the_chosen_path():
    levels = beam_levels(controller_of(), np.zeros(3))
    path, alive = chosen_path(levels), surviving(levels)
    assert path[-1] == 0
    assert list(alive[-1]) == [0, 1, 2, 3]
    for depth in (1, 2):
        assert path[depth - 1] == levels[depth].parents[path[depth]]
        assert set(alive[depth - 1]) == {int(levels[depth].parents[w]) for w in alive[depth]}
    assert len(alive[0]) < 4, "nothing is dropped in this example"


def test_the_picture(tmp_path):
    levels = beam_levels(controller_of(), np.zeros(3))
    for name in ("a", "b"):
        draw_beam(levels, [tmp_path / f"{name}.png", tmp_path / f"{name}.pdf"], dimension=2)
    for suffix in (".png", ".pdf"):
        a, b = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
        assert a == b
    with pytest.raises(TTOError, match="a dimension below 3, got 3"):
        draw_beam(levels, [tmp_path / "c.png"], dimension=3)
    with pytest.raises(TTOError, match="at least one level"):
        draw_beam([], [tmp_path / "c.png"])


def test_an_engine_that_depends_on_the_horizon_is_refused():
    class Fickle(UncachedEngine):
        def start(self, contexts, *, length):
            logits = super().start(contexts, length=length)
            return logits.roll(length // 2, dims=-1)

    with pytest.raises(TTOError, match="results depend on the horizon"):
        beam_levels(controller_of(Fickle, "likelihood"), np.zeros(3))
    with pytest.raises(TTOError, match="expected one observation"):
        inspect.unwrap(beam_levels)(controller_of(), np.zeros((1, 3)))
