import gymnasium
import numpy as np
import pytest
from line_world import Constant, Line

from tto.errors import TTOError
from tto.evaluation.rollout import evaluate, evaluation_seeds


def line(env_id: str) -> gymnasium.Env:
    return Line()


def test_episodes_end_on_their_own_and_stay_inactive():
    policy = Constant(1.0)
    fast, slow = evaluate(policy, "Line", seeds=[7, 0], make=line)
    assert fast.terminated
    assert not fast.truncated
    np.testing.assert_array_equal(fast.observations[:, 0], [7, 8, 9, 10])
    np.testing.assert_array_equal(fast.rewards, [1, 1, 1])
    assert not slow.terminated
    assert slow.truncated
    assert len(slow.rewards) == 8
    assert slow.observations.shape == (9, 2)
    assert policy.masks == [[True, True]] * 3 + [[False, True]] * 5
    assert policy.observed[2] == ([1.0, 1.0], [1.0, 1.0])
    assert policy.observed[3] == ([0.0, 1.0], [0.0, 1.0])


def test_a_batch_equals_its_episodes_one_at_a_time():
    seeds = [3, 9, 0, 5]
    together = evaluate(Constant(0.7), "Line", seeds=seeds, make=line)
    for seed, one in zip(seeds, together, strict=True):
        (alone,) = evaluate(Constant(0.7), "Line", seeds=[seed], make=line)
        for field in ("observations", "actions", "rewards"):
            np.testing.assert_array_equal(getattr(alone, field), getattr(one, field))
        assert (alone.terminated, alone.truncated) == (one.terminated, one.truncated)


def test_actions_are_clipped_and_the_policy_observes_them():
    policy = Constant(5.0)
    (rollout,) = evaluate(policy, "Line", seeds=[0], make=line)
    assert rollout.actions.max() == 2.0
    assert policy.observed[0] == ([2.0], [2.0])
    assert rollout.total_reward == 10.0


def test_max_steps_truncates():
    (rollout,) = evaluate(Constant(), "Line", seeds=[0], max_steps=3, make=line)
    assert len(rollout.rewards) == 3
    assert rollout.truncated


def test_a_fall_on_the_last_allowed_step_is_a_termination():
    (rollout,) = evaluate(Constant(), "Line", seeds=[7], max_steps=3, make=line)
    assert (rollout.terminated, rollout.truncated) == (True, False)


def test_plan_seconds_are_those_of_the_batch_whose_size_is_recorded(monkeypatch):
    ticks = iter(range(0, 1000, 6))  # each call of `act` seems to take 6 seconds
    monkeypatch.setattr("tto.evaluation.rollout.time.perf_counter", lambda: next(ticks))
    fast, slow = evaluate(Constant(), "Line", seeds=[8, 7], make=line)
    np.testing.assert_array_equal(fast.plan_seconds, [6, 6])
    np.testing.assert_array_equal(slow.plan_seconds, [6, 6, 6])
    np.testing.assert_array_equal(fast.batch, [2, 2])
    np.testing.assert_array_equal(slow.batch, [2, 2, 1])


def test_a_real_environment_is_reproducible():
    policy = Constant(0.1)
    policy.act = lambda observations, active: np.full((len(observations), 3), 0.1)
    first, second = (evaluate(policy, "Hopper-v5", seeds=[4, 5], max_steps=20) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
        assert a.total_reward == b.total_reward
    assert not np.array_equal(first[0].observations[0], first[1].observations[0])


def test_nan_action_is_an_error():
    with pytest.raises(TTOError, match=r"finite actions.*step 0"):
        evaluate(Constant(float("nan")), "Line", seeds=[0], make=line)


def test_wrong_action_shape_is_an_error():
    policy = Constant()
    policy.act = lambda observations, active: np.zeros((1, 3))
    with pytest.raises(TTOError, match=r"\(2, 1\).*\(1, 3\)"):
        evaluate(policy, "Line", seeds=[0, 1], make=line)


def test_nan_reward_is_an_error():
    with pytest.raises(TTOError, match=r"a finite reward .*, got NaN .* at step 2"):
        evaluate(Constant(), "Line", seeds=[0], make=lambda env_id: Line(broken_at=3))


class Odd(Line):
    """Returns something else than a state, a goal or a reward."""

    def __init__(self, **odd: object) -> None:
        super().__init__()
        self.odd = odd

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        goal = {"goal": self.odd["goal"]} if "goal" in self.odd else {}
        return self.odd.get("first", observation), info | goal

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return self.odd.get("next", observation), self.odd.get("reward", reward), *rest


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"goal": "the door"}, r"info\['goal'\] of shape \(2,\) .* got str 'the door'"),
        ({"goal": [0.0]}, r"info\['goal'\] of shape"),
        ({"goal": [np.nan, 0.0]}, "of finite numbers"),
        ({"first": np.zeros(3)}, r"observation of shape \(2,\)"),
        ({"first": [[1], [2, 3]]}, r"observation of shape \(2,\)"),
        ({"next": np.zeros(2) * 1j}, "with real numbers"),
        ({"next": None}, "with real numbers .* got NoneType None at step 0"),
        ({"reward": "much"}, "a number as reward .* got 'much' at step 0"),
        ({"reward": None}, "a number as reward"),
    ],
)
def test_what_is_no_state_goal_or_reward_is_an_error(odd: dict, message: str):
    with pytest.raises(TTOError, match=message) as error:
        evaluate(Constant(), "Odd", seeds=[0], make=lambda env_id: Odd(**odd))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", ["reset", "step"])
@pytest.mark.parametrize("broken", [lambda *_, **__: 1 / 0, lambda *_, **__: None])
def test_an_environment_whose_own_code_fails_is_one_line(method: str, broken):
    class Broken(Line):
        pass

    setattr(Broken, method, broken)
    with pytest.raises(TTOError, match=r"Broken.*: expected an environment that can be .*mend"):
        evaluate(Constant(), "Broken", seeds=[0], make=lambda env_id: Broken())


def test_an_environment_without_a_time_limit_needs_one():
    class Endless(Line):
        spec = None

    with pytest.raises(TTOError, match=r"Endless: expected a time limit, got none.*set max_steps"):
        evaluate(Constant(0.0), "Endless", seeds=[0], make=lambda env_id: Endless())
    (rollout,) = evaluate(
        Constant(0.0), "Endless", seeds=[0], max_steps=3, make=lambda env_id: Endless()
    )
    assert len(rollout.rewards) == 3


def test_no_seed_is_an_error():
    with pytest.raises(TTOError, match="at least one evaluation seed"):
        evaluate(Constant(), "Line", seeds=[], make=line)


def test_evaluation_seeds_of_runs_are_disjoint():
    seeds = [s for seed in range(5) for s in evaluation_seeds(seed=seed, rollouts=3, offset=7)]
    assert seeds[:4] == [7, 8, 9, 1007]
    assert len(set(seeds)) == 15
    with pytest.raises(TTOError, match="rollouts"):
        evaluation_seeds(seed=0, rollouts=0, offset=0)
