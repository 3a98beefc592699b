"""The controller: whole transitions in its context, independent episodes, checked settings."""

import inspect
from dataclasses import replace
from typing import get_type_hints

import numpy as np
import pytest
import torch
from small_world import random_model

from tto import Controller
from tto.errors import TTOError
from tto.model.trained import TrainedModel
from tto.planning.cached import CachedEngine
from tto.planning.native import NativeEngine
from tto.planning.settings import SearchConfig, SearchSettings
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine
from tto.tokens.discretizer import Discretizer

SETTINGS = dict(beam_width=3, horizon=2, expansion=2, context=2, action_top=1.0, temperature=3.0)


class Recording(CachedEngine):
    """An engine that records the contexts of its starts."""

    def __init__(self, network) -> None:
        super().__init__(network)
        self.contexts: list[torch.Tensor] = []

    def start(self, contexts, *, length):
        self.contexts.append(contexts)
        return super().start(contexts, length=length)


def run(controller: Controller, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """Actions over T steps with given observations (T, B, O) and rewards (T, B)."""
    controller.reset()
    actions = []
    for observation, reward in zip(observations, rewards, strict=True):
        actions.append(controller.act(observation))
        controller.observe(actions[-1], reward)
    return np.stack(actions)


def episodes(T: int, B: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(T, B, 3)), rng.normal(size=(T, B))


@pytest.mark.parametrize("objective", ["return", "likelihood"])
@pytest.mark.parametrize("variant", ["paper", "official"])
def test_a_batch_equals_its_episodes_alone(objective, variant):
    model = random_model(variant)
    observations, rewards = episodes(5, 3)
    settings = SETTINGS | {"objective": objective}
    together = run(Controller(model, seed=[11, 12, 13], **settings), observations, rewards)
    for b in range(3):
        alone = Controller(model, seed=[11 + b], **settings)
        actions = run(alone, observations[:, [b]], rewards[:, [b]])
        np.testing.assert_allclose(actions[:, 0], together[:, b], atol=1e-6)


@pytest.mark.parametrize("token_search", [True, False])
@pytest.mark.parametrize("objective", ["return", "likelihood", "goal"])
def test_engines_act_alike(objective, token_search):
    model = random_model("goal" if objective == "goal" else "paper")
    settings = SETTINGS | {"objective": objective, "token_search": token_search}
    if objective == "goal":
        settings |= {"goal": np.random.default_rng(1).normal(size=(2, 3)), "horizon": 7}
    observations, rewards = episodes(6, 2)
    actions = [
        run(
            Controller(model, engine=engine(model.network), **settings),
            observations,
            rewards,
        )
        for engine in (UncachedEngine, CachedEngine, NativeEngine, StaticEngine)
    ]
    for other in actions[1:]:
        np.testing.assert_allclose(actions[0], other, atol=1e-6)


@pytest.mark.parametrize(
    ("context", "horizon", "kept"), [(2, 2, 2), (None, 2, 5), (5, 6, 5), (0, 1, 0)]
)
def test_the_context_is_cropped_to_whole_transitions(context, horizon, kept):
    model = random_model(transitions=6)
    engine = Recording(model.network)
    controller = Controller(model, engine=engine, context=context, horizon=horizon, beam_width=2)
    observations, rewards = episodes(7, 1)
    actions = run(controller, observations, rewards)
    D, O = 7, 3
    starts = [contexts for contexts in engine.contexts if contexts.shape[1] % D == O]
    assert len(starts) == 7  # the other starts, at whole transitions, are of a sliding window
    for step, contexts in enumerate(starts):
        assert contexts.shape[1] == min(step, kept) * D + O
    last = starts[-1][0, :-O].view(kept, D).numpy()
    done = slice(6 - kept, 6)
    known = np.hstack([observations[done, 0], actions[done, 0], rewards[done]])
    np.testing.assert_array_equal(last[:, :-1], model.discretizer.encode(known))


@pytest.mark.parametrize("past", [0, 3, 6])
def test_a_window_crops_as_the_official_code_does(past):
    """Its `max_block` is W D - 1 tokens: whole transitions leave until no more tokens remain."""
    model, D, W = random_model(transitions=6), 7, 3
    engine = Recording(model.network)
    settings = dict(horizon=4, beam_width=1)
    controller = Controller(model, context=5, window=W, **settings)
    whole = Controller(model, engine=engine, context=5, **settings)
    for observation, reward in zip(*episodes(past + 1, 1), strict=True):
        before = len(engine.contexts)
        whole.act(observation)
        action = controller.act(observation)
        for each in (controller, whole):
            each.observe(action, reward)
    sequence, longest, total = engine.contexts[before][0].tolist(), W * D - 1, 0.0
    for token in controller.plan.tokens[0, 0].tolist():
        crop = -(-max(0, len(sequence) - longest) // D) * D  # `n_crop` of the official code
        with torch.no_grad():
            logits = model.network(torch.tensor([sequence[crop:]]))[0, -1]
        total += float(logits.log_softmax(dim=-1)[token])
        sequence.append(token)
    assert float(controller.plan.log_probs[0, 0]) == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("window", [0, 7])
def test_a_window_beyond_the_block_is_an_error(window):
    with pytest.raises(TTOError, match=r"planning\.window: expected 1 to 6"):
        Controller(random_model(transitions=6), window=window)


def test_one_observation_gives_one_action():
    model = random_model()
    controller = Controller(model, **SETTINGS)
    action = controller.act(np.zeros(3))
    assert action.shape == (2,)
    controller.observe(action, 1.0)
    assert controller.act(np.zeros(3)).shape == (2,)


def test_seed_and_step_decide_the_draws():
    model = random_model()
    observations, rewards = episodes(4, 2)
    first, again, other = (
        run(Controller(model, seed=seed, **SETTINGS), observations, rewards) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_ended_episodes_do_not_disturb_the_others():
    model = random_model()
    observations, rewards = episodes(5, 2)
    both = run(Controller(model, **SETTINGS), observations, rewards)
    controller = Controller(model, **SETTINGS)
    for t in range(5):
        active = np.array([True, t < 2])
        actions = controller.act(observations[t], active)
        np.testing.assert_allclose(actions[active], both[t][active], atol=1e-6)
        controller.observe(actions, rewards[t])


def test_mean_decoding_averages_the_kept_first_actions():
    model = random_model()
    best, mean = (Controller(model, action_decode=how, **SETTINGS) for how in ("best", "mean"))
    observation = np.zeros((1, 3))
    action = best.act(observation), mean.act(observation)
    plan = mean.plan
    assert plan is not None
    first = model.discretizer.decode(plan.tokens[0, :, :2].numpy(), first=3)
    np.testing.assert_allclose(action[0][0], first[0])
    np.testing.assert_allclose(action[1][0], first.mean(axis=0))


def test_a_block_of_one_transition_plans_one():
    model = random_model(transitions=1)
    assert Controller(model, horizon=1, beam_width=2).act(np.zeros(3)).shape == (2,)
    with pytest.raises(TTOError, match="expected 1 with a model that sees one"):
        Controller(model, horizon=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objective": "fame"}, "expected return, likelihood, goal"),
        ({"beam_with": 3}, "known setting, got 'beam_with'; did you mean 'beam_width'"),
        ({"contxt": 3}, "known setting, got 'contxt'; did you mean 'context'"),
        ({"zzz": 3}, "got 'zzz'; known are beam_width, .*context"),
        ({"action_decode": "median"}, "action_decode: expected best, mean, expected, drawn"),
        ({"precision": "x"}, "precision: expected auto, float32, bfloat16"),
        ({"context": 6}, r"planning\.context: expected at most 5 past transitions"),
        ({"context": -1}, r"planning\.context: expected at least 0, got -1"),
        ({"context": 1.0}, r"planning\.context: expected an integer, got 1\.0"),
        ({"window": True}, r"planning\.window: expected an integer, got True"),
        (
            {"beam_width": "3"},
            r"planning\.beam_width: expected a whole number at least 1 .*, got '3'; write 3",
        ),
        (
            {"horizon": 2.0},
            r"planning\.horizon: expected a whole number at least 1 .*, got 2\.0",
        ),
        ({"horizon": 10**30}, r"number at least 1 and at most 1000000000, got 1000"),
        ({"temperature": -1}, r"planning\.temperature: expected a number above 0, got -1"),
        ({"temperature": float("nan")}, r"planning\.temperature: .* got nan"),
        (
            {"action_top": float("inf")},
            r"planning\.action_top: expected a number above 0 and at most 1, got inf",
        ),
        ({"value": "bogus"}, r"planning\.value: expected expectation, sample, mode, got 'bogus'"),
        ({"value": ["mode"]}, r"planning\.value: expected expectation, sample, mode"),
        ({"reward_to_go": 1}, r"planning\.reward_to_go: expected true or false, got 1"),
        (
            {"value_levels": 0},
            r"planning\.value_levels: expected a whole number at least 2 or null, got 0",
        ),
        ({"budget_ms": float("nan")}, r"planning\.budget_ms: expected finite and above 0"),
        ({"seed": -1}, "seed: expected integers of at least 0, got -1"),
        ({"seed": 0.5}, r"seed: expected integers of at least 0, got 0\.5"),
        ({"seed": [0, None]}, "seed: expected integers of at least 0, got None"),
        ({"search": {"horizon": 2}}, "search: expected a SearchConfig, got dict"),
        ({"engine": "fast"}, "engine: expected one of tto.planning, got 'fast'"),
        ({"goal": np.zeros(3)}, 'goal: expected none for objective "return", got one'),
    ],
)
def test_wrong_settings_are_errors(settings, message):
    create = inspect.unwrap(Controller.__init__)  # the test's own type checks refuse some earlier
    with pytest.raises(TTOError, match=message):
        create(object.__new__(Controller), random_model(), **settings)


def test_a_planners_setting_can_be_replaced_by_none():
    model = random_model(transitions=6).with_planner({"window": 3, "horizon": 2, "value_levels": 4})
    changed = model.with_planner({"window": None, "value_levels": None})
    narrow, wide = Controller(model), Controller(changed)
    assert (narrow.search.horizon, wide.search.horizon) == (2, 2)
    assert (narrow.search.value_levels, wide.search.value_levels) == (4, None)
    assert wide.window == Controller(random_model(transitions=6)).window != narrow.window


@pytest.mark.parametrize("name", ["seed", "beam_with", "goal", "engine"])
def test_an_unknown_setting_of_a_planners_file_is_named(name: str):
    with pytest.raises(TTOError, match=f"planner.json: .* got '{name}'; ") as error:
        Controller(random_model().with_planner({name: 1}))
    assert f"mean '{name}'" not in str(error.value)


def test_seeds_of_numpy_are_those_of_python():
    actions = [
        Controller(random_model(), seed=seed, horizon=2, beam_width=2).act(np.zeros((2, 3)))
        for seed in (7, np.int64(7), [7, 8], np.array([7, 8], dtype=np.uint8))
    ]
    np.testing.assert_array_equal(actions[0], actions[1])
    np.testing.assert_array_equal(actions[2], actions[3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.act(np.zeros((0, 3))), "expected at least one observation, got none"),
        (lambda c: c.act(np.ma.masked_equal(np.eye(2, 3), 1)), "observations: .* masked"),
        (lambda c: c.act(np.zeros((2, 3, 1))), r"expected observations of 3 values"),
        (lambda c: c.act([[0.0, 1.0, 2.0], [0.0]]), r"expected observations of 3 values"),
        (lambda c: c.act([["a", "b", "c"]]), "observations: expected real numbers"),
        (lambda c: c.act(np.zeros((2, 3)), np.array([1, 0])), "active: expected True or False"),
        (lambda c: c.act(np.zeros((2, 3)), np.array([True])), r"active: expected shape \(2,\)"),
        (lambda c: c.act(np.zeros((5, 3))), "expected 2 observations, one of each episode, got 5"),
        (lambda c: c.observe(np.zeros((2, 3)), [0, 0]), r"actions: expected shape \(2, 2\)"),
        (lambda c: c.observe(np.zeros(4), [0, 0]), r"actions: expected shape \(2, 2\)"),
        (lambda c: c.observe(np.zeros((2, 2)), [0]), r"rewards: expected shape \(2,\)"),
        (lambda c: c.observe(np.zeros((2, 2)), [0, np.nan]), "rewards: expected finite numbers"),
        (lambda c: c.observe(np.zeros((2, 2)), 0.0), r"rewards: expected shape \(2,\)"),
    ],
)
def test_arrays_of_another_shape_are_refused_by_name(call, message):
    unchecked = type("Unchecked", (Controller,), {})  # without the test's own checks of types
    for name in ("act", "observe"):
        setattr(unchecked, name, inspect.unwrap(getattr(Controller, name)))
    controller = Controller(random_model(), horizon=1, beam_width=2)
    controller.__class__ = unchecked
    controller.act(np.zeros((2, 3)))
    controller.observe(np.zeros((2, 2)), np.zeros(2))
    controller.act(np.zeros((2, 3)))
    with pytest.raises(TTOError, match=message):
        call(controller)


def test_goals_and_seeds_are_as_many_as_episodes():
    model = random_model("goal")
    with pytest.raises(TTOError, match=r"goals: expected shape \(3,\), got \(2,\)"):
        Controller(model, objective="goal", goal=np.zeros(2))
    controller = Controller(model, objective="goal", goal=np.zeros((3, 3)))
    with pytest.raises(TTOError, match="goal: expected one, or one for each of 2 episodes, got 3"):
        controller.act(np.zeros((2, 3)))
    controller = Controller(random_model(), seed=[1])
    with pytest.raises(TTOError, match="seed: expected one for each of 2 episodes, got 1"):
        controller.act(np.zeros((2, 3)))


def test_a_record_of_settings_equals_keywords_which_replace_its_fields():
    model, record = random_model(), SearchConfig(beam_width=3, horizon=2)
    assert Controller(model, search=record).search == record
    assert Controller(model, search=record, horizon=3).search == replace(record, horizon=3)
    assert Controller(model, beam_width=3, horizon=2).search == record


def test_keywords_are_the_fields_of_the_record():
    assert get_type_hints(SearchSettings) == get_type_hints(SearchConfig)


def test_wrong_observations_are_errors():
    controller = Controller(random_model(), **SETTINGS)
    with pytest.raises(TTOError, match="3 values"):
        controller.act(np.zeros(4))
    with pytest.raises(TTOError, match="finite"):
        controller.act(np.array([0.0, np.nan, 0.0]))
    with pytest.raises(TTOError, match="expected a call of act"):
        controller.observe(np.zeros(2), 0.0)


def test_sequences_begin_with_the_goal():
    model = random_model("goal")
    goals = np.random.default_rng(1).normal(size=(2, 3))
    engine = Recording(model.network)
    controller = Controller(model, objective="goal", goal=goals, engine=engine, **SETTINGS)
    observations, rewards = episodes(3, 2)
    run(controller, observations, rewards)
    for step, contexts in enumerate(engine.contexts):
        np.testing.assert_array_equal(contexts[:, :3], model.discretizer.encode(goals))
        assert not contexts[:, 3:7].any()
        assert contexts.shape[1] == 7 * (1 + min(step, 2)) + 3
        now = model.discretizer.encode(observations[step])
        np.testing.assert_array_equal(contexts[:, -3:], now)
    controller.reset(goals[::-1])
    controller.act(observations[0])
    np.testing.assert_array_equal(engine.contexts[-1][:, :3], model.discretizer.encode(goals[::-1]))


def test_a_model_without_rewards_ignores_the_observed_ones():
    model = random_model("goal")
    model = replace(model, tokens=replace(model.tokens, rewards_ignored=True))
    observations, rewards = episodes(4, 2)
    settings = SETTINGS | {"objective": "goal", "goal": np.zeros((1, 3))}
    poor = run(Controller(model, **settings), observations, 0 * rewards)
    rich = run(Controller(model, **settings), observations, rewards)
    np.testing.assert_array_equal(poor, rich)


def test_a_goal_needs_a_model_of_goals():
    with pytest.raises(TTOError, match="got goal for a model without goals"):
        Controller(random_model(), objective="goal")
    with pytest.raises(TTOError, match="got return for a model with goals"):
        Controller(random_model("goal"), objective="return")
    controller = Controller(random_model("goal"), objective="goal")
    with pytest.raises(TTOError, match="expected a goal, got none"):
        controller.act(np.zeros((1, 3)))


@pytest.mark.parametrize("decode", ["expected", "drawn"])
@pytest.mark.parametrize("objective", ["return", "likelihood", "goal"])
def test_engines_decode_alike(objective, decode):
    model = random_model("goal" if objective == "goal" else "official")
    settings = SETTINGS | {"objective": objective, "action_decode": decode}
    if objective == "goal":
        settings |= {"goal": np.random.default_rng(1).normal(size=(2, 3))}
    observations, rewards = episodes(6, 2)
    first, *others = (
        run(Controller(model, engine=engine(model.network), **settings), observations, rewards)
        for engine in (UncachedEngine, CachedEngine, NativeEngine, StaticEngine)
    )
    for other in others:
        np.testing.assert_allclose(first, other, atol=1e-5)
    assert len(np.unique(first[:, 0])) > 3  # the actions differ from step to step


def test_the_expected_action_is_the_expectation_of_each_dimension():
    model = random_model("official")
    controller = Controller(model, objective="likelihood", action_decode="expected", context=0)
    observation = np.array([0.3, -0.2, 0.1])
    action = controller.act(observation)
    tokens = list(model.discretizer.encode(observation[None])[0])
    centers = model.discretizer.centers
    for i, value in enumerate(action, start=3):
        with torch.no_grad():
            logits = model.network(torch.tensor([[int(token) for token in tokens]]))[0, -1, :7]
        expected = float((logits.double().softmax(-1).numpy() * centers[i]).sum())
        assert value == pytest.approx(expected, abs=1e-5)
        tokens.append(model.discretizer.encode(np.array([[expected]]), first=i)[0, 0])


def test_drawn_actions_have_the_distribution_of_the_model():
    model = random_model("official")
    observations = np.tile([0.3, -0.2, 0.1], (4000, 1))
    controller = Controller(model, objective="likelihood", action_decode="drawn", context=0)
    drawn = controller.act(observations)[:, 0]
    tokens = torch.from_numpy(model.discretizer.encode(observations[:1]).astype(np.int64))
    with torch.no_grad():
        probabilities = model.network(tokens)[0, -1, :7].double().softmax(-1).numpy()
    centers = model.discretizer.centers[3]
    shares = [np.isclose(drawn, center, atol=1e-6).mean() for center in centers]
    np.testing.assert_allclose(shares, probabilities, atol=0.03)


def model_of_scattered_actions() -> TrainedModel:
    """A model of three action dimensions, each with a bin of 0.3 at the edge."""
    model = random_model(action_dim=3, vocabulary=12)
    edges = model.discretizer.edges.copy()
    edges[3:6] = np.linspace(-1.2, 1.2, 13)
    probabilities = torch.tensor([0.3] + [0.7 / 11] * 11)
    with torch.no_grad():  # the last layer reads nothing but a bias of 1
        model.network.output_norm.weight.zero_()
        model.network.output_norm.bias.fill_(1.0)
        model.network.output.zero_()
        model.network.output[0, :, 0] = probabilities.log()
    return replace(model, discretizer=Discretizer("quantile", edges))


def test_the_likeliest_actions_are_far_from_the_mean_where_actions_scatter():
    model = model_of_scattered_actions()

    def action(**more) -> float:
        settings = dict(objective="likelihood", horizon=1, context=0, beam_width=16, action_top=1.0)
        controller = Controller(model, **settings | {"action_decode": "mean"} | more)
        return float(controller.act(np.zeros(3)).mean())

    centers = model.discretizer.centers[3]
    mean = 0.3 * centers[0] + 0.7 * centers[1:].mean()
    assert action(action_decode="expected") == pytest.approx(mean, abs=1e-5)
    by_token = action() - mean
    by_transition = np.array([action(token_search=False, seed=i) - mean for i in range(10)])
    assert abs(by_transition.mean()) < 0.6 * abs(by_token)
    assert by_token < -0.4


@pytest.mark.parametrize("objective", ["likelihood", "goal"])
def test_a_search_by_token_ends_with_an_action_and_one_by_transition_with_a_transition(objective):
    model = random_model("goal" if objective == "goal" else "paper")
    goal = {"goal": np.zeros(3)} if objective == "goal" else {}
    plans = {}
    for token_search in (None, True, False):
        given = {} if token_search is None else {"token_search": token_search}
        controller = Controller(model, objective=objective, **SETTINGS, **goal, **given)
        controller.act(np.zeros(3))
        plans[token_search] = controller.plan.tokens
    assert plans[True].shape[2] == 7 + 2
    assert plans[False].shape[2] == 2 * 7 - 3
    assert torch.equal(plans[None], plans[True])


def test_a_return_search_draws_among_the_sequences_that_it_keeps():
    model = random_model("paper")
    observations, _ = episodes(1, 200)
    settings = SETTINGS | {"context": 0}
    drawn = Controller(model, action_decode="drawn", **settings)
    actions = drawn.act(np.tile(observations[0, :1], (200, 1)))
    kept = drawn.plan.tokens[:, :, :2].numpy()
    decoded = model.discretizer.decode(kept, first=3)
    places = np.array(
        [
            np.flatnonzero((row == action).all(-1))[0]
            for row, action in zip(decoded, actions, strict=True)
        ]
    )
    assert set(places) == {0, 1, 2}
    same = [Controller(model, action_decode=name, **settings) for name in ("mean", "expected")]
    np.testing.assert_array_equal(*(each.act(observations[0]) for each in same))
