"""Random models and searches: all engines make the same plans, judged against float64."""

import copy
import os
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_world import random_contexts, random_model

from tto.model.trained import TrainedModel
from tto.planning.cached import CachedEngine
from tto.planning.draw import largest
from tto.planning.engine import Engine
from tto.planning.native import NativeEngine
from tto.planning.search import Plan, Window, likelihood_search, transition_search
from tto.planning.settings import SearchConfig
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine

ENGINES: dict[str, Callable[..., Engine]] = {
    "plain": UncachedEngine,
    "cached": CachedEngine,
    "native": lambda network: NativeEngine(network, threads=1),
    "static": StaticEngine,
}
CASES = int(os.environ.get("TTO_FUZZ", "25"))


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    """Compile the native engine before the first example, whose time is limited."""
    NativeEngine(random_model().network, threads=1)


class Case:
    """A random model, search and context.

    Attributes:
        model: the model; `scale` multiplies its weights.
        config: the search.
        score: "algorithm 1", or by what a search by transition keeps sequences.
    """

    __slots__ = ("config", "contexts", "model", "score", "uniforms")

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        rng = np.random.default_rng(seed)

        def one_of(*choices):
            return choices[rng.integers(len(choices))]

        self.model = random_model(
            one_of("paper", "visible", "official", "factored"),
            observation_dim=one_of(1, 2, 3),
            action_dim=one_of(1, 2, 3),
            vocabulary=one_of(2, 5, 17, 50),
            seed=seed,
        )
        with torch.no_grad():
            for parameter in self.model.network.parameters():
                parameter.mul_(scale)
        self.config = SearchConfig(
            beam_width=one_of(1, 2, 8),
            horizon=one_of(1, 2, 3),
            expansion=one_of(1, 2, 3),
            proposal=one_of("drawn", "beam", "uniform"),
            observation_top=one_of(1, 3),
            action_top=one_of(0.01, 0.3, 1.0),
            action_mass=one_of(1.0, 0.6),
            temperature=one_of(1.0, 0.3, 2.0),
            value=one_of("expectation", "sample", "mode"),
            value_levels=one_of(None, 3),
        )
        self.score = one_of("algorithm 1", "return", "return", "likelihood")
        self.contexts = random_contexts(self.model, 2, past=one_of(0, 1, 2), seed=seed)
        D, candidates = self.model.config.transition_dim, self.config.beam_width * 3
        shape = (2, self.config.horizon, D, candidates)
        drawn = torch.from_numpy(rng.random(shape, dtype=np.float32))
        self.uniforms = drawn[..., : self.config.beam_width * self.config.expansion]

    def plan(self, model: TrainedModel, engine: Engine) -> Plan:
        """The plan of an engine, in the precision of the model's weights."""
        D, dtype = model.config.transition_dim, model.network.output.dtype
        window = Window(D, model.config.block_transitions)
        if self.score == "algorithm 1":
            return likelihood_search(
                engine,
                self.contexts,
                tokens=(self.config.horizon - 1) * D + model.tokens.action_dim,
                beam_width=self.config.beam_width,
                window=window,
            )
        return transition_search(
            engine,
            self.contexts,
            config=self.config,
            by_return=self.score == "return",
            observation_dim=model.tokens.observation_dim,
            centers=torch.as_tensor(model.discretizer.centers, dtype=dtype),
            discount=0.9,
            to_go_includes_reward=True,
            window=window,
            uniforms=self.uniforms.to(dtype),
        )

    def exact(self) -> tuple[TrainedModel, Plan]:
        """The model in float64, and its plan by the plain engine."""
        model = replace(self.model, network=copy.deepcopy(self.model.network).double())
        return model, self.plan(model, UncachedEngine(model.network))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.04, 1.0, 1.0, 4.0]))
def test_each_engine_knows_how_probable_its_plan_is(seed, scale):
    """The plan's own log-probabilities are those of its tokens under the model in float64."""
    case = Case(seed, scale)
    exact, _ = case.exact()
    L, V = case.contexts.shape[1], case.model.config.vocabulary
    for name, make in ENGINES.items():
        plan = case.plan(case.model, make(case.model.network))
        B, W, S = plan.tokens.shape
        whole = torch.cat([case.contexts[:, None].expand(B, W, L), plan.tokens], dim=-1)
        if whole.shape[-1] > case.model.config.block_size:
            continue  # the window slid
        logits = exact.network(whole.flatten(0, 1))[:, L - 1 : -1, :V]
        chosen = logits.log_softmax(-1).gather(-1, plan.tokens.flatten(0, 1)[..., None])
        expected = chosen[..., 0].sum(-1).view(B, W)
        torch.testing.assert_close(
            plan.log_probs.double(), expected, atol=1e-3 * max(1, S), rtol=1e-4, msg=name
        )


@pytest.mark.parametrize("name", list(ENGINES))
def test_few_plans_differ_from_float64(name):
    """Near ties are decided by rounding; with weights of a usual size they are rare."""
    differing = 0
    for seed in range(CASES):
        case = Case(seed)
        plan = case.plan(case.model, ENGINES[name](case.model.network))
        expected = case.exact()[1]
        if torch.equal(plan.tokens[:, 0], expected.tokens[:, 0]):
            best, exact = plan.scores[:, 0].double(), expected.scores[:, 0]
            torch.testing.assert_close(best, exact, atol=2e-3, rtol=1e-3)
        else:
            differing += 1
    assert differing <= max(1, CASES // 100)


@given(st.integers(0, 2**32 - 1))
def test_equal_bins_are_drawn_in_one_order_by_all_engines(seed):
    """All logits of a model without weights are equal, so that its draws are ties."""
    case = Case(seed, 0.0)
    case.score = "return"
    case.config = replace(case.config, value="mode", beam_width=1, expansion=1)
    plans = [case.plan(case.model, make(case.model.network)) for make in ENGINES.values()]
    for plan in plans[1:]:
        assert (plan.tokens == plans[0].tokens).float().mean() > 0.9  # the rest is at a bin's edge


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, -1.0]), min_size=1, max_size=40), st.data())
def test_of_equal_values_lower_indices_come_first(values, data):
    count = data.draw(st.integers(1, 50))
    found, order = largest(torch.tensor([values]), count)
    expected = sorted(range(len(values)), key=lambda i: (-values[i], i))[:count]
    assert order[0].tolist() == expected
    assert found[0].tolist() == [values[i] for i in expected]
