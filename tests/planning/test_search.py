"""The searches against brute force in small worlds; equal results of all engines and batches."""

import itertools

import numpy as np
import pytest
import torch
from small_world import VARIANTS, random_contexts, random_model

from tto.errors import TTOError
from tto.planning.cached import CachedEngine
from tto.planning.draw import draw_tokens
from tto.planning.native import NativeEngine
from tto.planning.search import Window, likelihood_search, rounded, transition_search
from tto.planning.settings import SearchConfig
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine

ENGINES = [UncachedEngine, CachedEngine, NativeEngine, StaticEngine]
FAST = ENGINES[1:]


WIDE = Window(transition_dim=7, transitions=6)


def sequence_log_prob(model, context: torch.Tensor, planned: list[int]) -> float:
    """Log-probability of the planned tokens, from one pass over the whole sequence."""
    V = model.config.vocabulary  # without the stop token
    sequence = torch.cat([context, torch.tensor(planned, dtype=torch.long)])
    with torch.no_grad():
        log_probs = model.network(sequence[None])[0, :, :V].log_softmax(dim=-1)
    first = len(context) - 1
    return sum(float(log_probs[first + i, token]) for i, token in enumerate(planned))


def planned(model, contexts, engine, *, by_return=True, seed=0, window=WIDE, **settings):
    config = SearchConfig(**(dict(beam_width=4, horizon=3, expansion=3, action_top=1.0) | settings))
    D, candidates = model.config.transition_dim, config.beam_width * config.expansion
    generator = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(len(contexts), config.horizon, D, candidates, generator=generator)
    return transition_search(
        engine(model.network),
        contexts,
        config=config,
        by_return=by_return,
        observation_dim=model.config.observation_dim,
        centers=torch.as_tensor(model.discretizer.centers, dtype=torch.float32),
        discount=0.9,
        to_go_includes_reward=model.tokens.to_go_includes_reward,
        window=window,
        uniforms=uniforms,
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(5))
def test_likelihood_search_is_brute_force_on_a_world_of_three_tokens(engine, seed):
    model = random_model(vocabulary=3, seed=seed)
    context = random_contexts(model, 1, past=1, seed=seed)
    plan = likelihood_search(engine(model.network), context, tokens=4, beam_width=3**4, window=WIDE)
    every = {
        sequence: sequence_log_prob(model, context[0], list(sequence))
        for sequence in itertools.product(range(3), repeat=4)
    }
    ranked = sorted(every, key=every.__getitem__, reverse=True)
    assert tuple(plan.tokens[0, 0].tolist()) == ranked[0]
    found = [tuple(row) for row in plan.tokens[0].tolist()]
    assert sorted(found) == sorted(every)
    np.testing.assert_allclose(plan.scores[0], [every[row] for row in found], atol=1e-5)


def test_a_narrow_beam_is_algorithm_1_by_hand():
    model = random_model(vocabulary=5, seed=3)
    context = random_contexts(model, 1, past=0)
    beams = [((), 0.0)]
    for _ in range(6):
        grown = [
            ((*tokens, v), sequence_log_prob(model, context[0], [*tokens, v]))
            for tokens, _ in beams
            for v in range(5)
        ]
        beams = sorted(grown, key=lambda beam: beam[1], reverse=True)[:3]
    plan = likelihood_search(
        CachedEngine(model.network), context, tokens=6, beam_width=3, window=WIDE
    )
    assert [tuple(row) for row in plan.tokens[0].tolist()] == [tokens for tokens, _ in beams]
    np.testing.assert_allclose(plan.scores[0], [score for _, score in beams], atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("past", [0, 2])
def test_fast_equals_uncached(variant, past):
    model = random_model(variant)
    contexts = random_contexts(model, 3, past=past)
    for search in (
        lambda engine: planned(model, contexts, engine),
        lambda engine: likelihood_search(
            engine(model.network), contexts, tokens=17, beam_width=5, window=WIDE
        ),
    ):
        slow = search(UncachedEngine)
        for fast in map(search, FAST):
            torch.testing.assert_close(fast.tokens, slow.tokens)
            torch.testing.assert_close(fast.log_probs, slow.log_probs, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(fast.scores, slow.scores, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("past", [0, 3])
def test_a_long_plan_slides_and_engines_still_agree(variant, past):
    """Plans six transitions in a block of four; log-probabilities are those within the window."""
    model = random_model(variant, transitions=4)
    window = Window(transition_dim=7, transitions=4)
    contexts = random_contexts(model, 2, past=past)
    for search in (
        lambda engine: planned(model, contexts, engine, horizon=6, window=window),
        lambda engine: likelihood_search(
            engine(model.network), contexts, tokens=5 * 7 + 2, beam_width=4, window=window
        ),
    ):
        slow = search(UncachedEngine)
        for fast in map(search, FAST):
            torch.testing.assert_close(fast.tokens, slow.tokens)
            torch.testing.assert_close(fast.log_probs, slow.log_probs, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(fast.scores, slow.scores, atol=1e-5, rtol=1e-5)
        for b in range(2):
            expected = windowed_log_prob(model, contexts[b], slow.tokens[b, 0].tolist(), blocks=4)
            assert float(slow.log_probs[b, 0]) == pytest.approx(expected, abs=1e-4)


def windowed_log_prob(model, context: torch.Tensor, planned: list[int], *, blocks: int) -> float:
    """Like `sequence_log_prob`, but each token is predicted in a window of `blocks` transitions."""
    sequence, total = torch.cat([context, torch.tensor(planned)]), 0.0
    for position in range(len(context), len(sequence)):
        first = max(0, position // 7 - (blocks - 1)) * 7
        with torch.no_grad():
            logits = model.network(sequence[None, first:position])[0, -1, : model.config.vocabulary]
        total += float(logits.log_softmax(dim=-1)[sequence[position]])
    return total


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_step_equals_the_uncached_one(variant):
    model = random_model(variant)
    engines = [engine(model.network) for engine in ENGINES]
    contexts = random_contexts(model, 2, past=1)
    logits = [engine.start(contexts, length=20) for engine in engines]
    generator = torch.Generator().manual_seed(0)
    rows = 2
    for step in range(20):
        slow, *fast = (x.log_softmax(-1) for x in logits)
        for log_probs in fast:
            torch.testing.assert_close(log_probs, slow, atol=1e-5, rtol=1e-5)
        if step % 3 == 0:  # branch within the episodes
            width = rows // 2
            parents = torch.randint(width, (2, 4), generator=generator)
            parents = (parents + torch.tensor([[0], [width]])).flatten()
            rows = len(parents)
            for engine in engines:
                engine.select(parents)
        tokens = torch.randint(7, (rows,), generator=generator)
        logits = [engine.append(tokens) for engine in engines]


@pytest.mark.parametrize("variant", VARIANTS)
def test_batched_equals_one_at_a_time(variant):
    model = random_model(variant)
    contexts = random_contexts(model, 3, past=1)
    together = likelihood_search(
        CachedEngine(model.network), contexts, tokens=9, beam_width=4, window=WIDE
    )
    for b in range(3):
        alone = likelihood_search(
            CachedEngine(model.network), contexts[b : b + 1], tokens=9, beam_width=4, window=WIDE
        )
        torch.testing.assert_close(together.tokens[b], alone.tokens[0])
        torch.testing.assert_close(together.scores[b], alone.scores[0])


def test_return_search_takes_the_best_of_all_its_candidates():
    model = random_model()
    context = random_contexts(model, 1, past=1)
    plan = planned(model, context, UncachedEngine, beam_width=40, horizon=1, expansion=1)
    centers, O = model.discretizer.centers, model.config.observation_dim
    for tokens, score in zip(plan.tokens[0].tolist(), plan.scores[0], strict=True):
        sequence = torch.cat([context[0], torch.tensor(tokens)])
        with torch.no_grad():
            probabilities = model.network(sequence[None])[0, -2].softmax(dim=-1)
        assert float(score) == pytest.approx(float(probabilities.numpy() @ centers[-1]), abs=1e-5)
    assert (plan.scores[0].diff() <= 0).all()
    assert len({tuple(row[: 5 - O]) for row in plan.tokens[0].tolist()}) > 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_search_among_draws_by_likelihood_keeps_the_likelier_sequences(engine):
    """All candidates of the last transition are found by a search that keeps them all."""
    model = random_model(seed=1)
    context = random_contexts(model, 1, past=1)
    D, A = 7, 2
    settings = dict(by_return=False, horizon=1)
    every = planned(model, context, engine, beam_width=24, expansion=1, **settings)
    kept = planned(model, context, engine, beam_width=8, expansion=3, **settings)
    torch.testing.assert_close(kept.scores, every.scores[:, :8])
    torch.testing.assert_close(kept.tokens, every.tokens[:, :8])
    assert len(every.scores[0].unique()) > 8

    plan = planned(model, context, engine, beam_width=4, expansion=3, horizon=2, by_return=False)
    assert (plan.scores[0].diff() <= 0).all()
    for tokens, score in zip(plan.tokens[0].tolist(), plan.scores[0], strict=True):
        values = [A, A + 1, A + D, A + D + 1]  # places of rewards and rewards-to-go
        whole = [sequence_log_prob(model, context[0], tokens[:i]) for i in range(len(tokens) + 1)]
        counted = sum(whole[i + 1] - whole[i] for i in range(len(tokens)) if i not in values)
        assert float(score) == pytest.approx(counted, abs=1e-4)


def next_log_probs(model, sequence: torch.Tensor) -> np.ndarray:
    """Log-distribution of the token that follows a sequence."""
    with torch.no_grad():
        return model.network(sequence[None])[0, -1].double().log_softmax(dim=-1).numpy()


def probable_transitions(model, sequence: torch.Tensor, candidates: int) -> list[torch.Tensor]:
    """A sequence continued by its most probable actions and greedy reward and reward-to-go."""
    beams = [(sequence, 0.0)]
    for _ in range(2):
        grown = [
            (torch.cat([tokens, torch.tensor([v])]), score + log_prob)
            for tokens, score in beams
            for v, log_prob in enumerate(next_log_probs(model, tokens))
        ]
        beams = sorted(grown, key=lambda beam: beam[1], reverse=True)[:candidates]
    transitions = []
    for tokens, _ in beams:
        for _ in range(2):
            tokens = torch.cat([tokens, torch.tensor([next_log_probs(model, tokens).argmax()])])
        transitions.append(tokens)
    return transitions


def test_a_beam_of_proposals_is_algorithm_1_within_each_transition():
    """Two transitions planned by hand: probable actions, expected values, two sequences kept."""
    model = random_model(vocabulary=5, seed=3)
    context = random_contexts(model, 1, past=1, seed=3)
    plan = planned(
        model, context, UncachedEngine, proposal="beam", beam_width=2, expansion=3, horizon=2
    )
    centers, D = model.discretizer.centers, 7

    def expected(sequence: torch.Tensor, dimension: int, before: int) -> float:
        return float(
            np.exp(next_log_probs(model, sequence[: len(sequence) - before])) @ centers[dimension]
        )

    kept = [
        (tokens, expected(tokens, D - 1, 1))
        for tokens in probable_transitions(model, context[0], candidates=6)
    ]
    kept = sorted(kept, key=lambda candidate: candidate[1], reverse=True)[:2]
    found = []
    for tokens, _ in kept:
        reward = expected(tokens, D - 2, 2)
        for _ in range(3):
            tokens = torch.cat([tokens, torch.tensor([next_log_probs(model, tokens).argmax()])])
        found += [
            (longer, reward + 0.9 * expected(longer, D - 1, 1))
            for longer in probable_transitions(model, tokens, candidates=3)
        ]
    found = sorted(found, key=lambda candidate: candidate[1], reverse=True)[:2]
    for b, (tokens, score) in enumerate(found):
        assert plan.tokens[0, b].tolist() == tokens[context.shape[1] :].tolist()
        assert float(plan.scores[0, b]) == pytest.approx(score, abs=1e-5)
        whole = sequence_log_prob(model, context[0], plan.tokens[0, b].tolist())
        assert float(plan.log_probs[0, b]) == pytest.approx(whole, abs=1e-4)


@pytest.mark.parametrize("proposal", ["beam", "uniform"])
@pytest.mark.parametrize("variant", ["paper", "visible"])
def test_engines_propose_alike(variant, proposal):
    model = random_model(variant)
    contexts = random_contexts(model, 2, past=2)
    slow, *fast = (
        planned(model, contexts, engine, proposal=proposal, beam_width=6) for engine in ENGINES
    )
    for plan in fast:
        torch.testing.assert_close(plan.tokens, slow.tokens)
        torch.testing.assert_close(plan.scores, slow.scores, atol=1e-5, rtol=1e-5)


def test_a_world_with_few_actions_has_few_proposals():
    model = random_model(vocabulary=2, action_dim=1)
    context = random_contexts(model, 1, past=0)
    window = Window(transition_dim=6, transitions=6)
    plan = planned(
        model, context, CachedEngine, proposal="beam", beam_width=8, horizon=1, window=window
    )
    assert sorted(plan.tokens[0, :, 0].tolist()) == [0, 1]


def test_uniform_proposals_ignore_the_model():
    model = random_model(vocabulary=5)
    context = random_contexts(model, 1, past=0)
    drawn, uniform = (
        planned(
            model, context, CachedEngine, proposal=proposal, beam_width=5000, expansion=1, horizon=1
        ).tokens[0, :, 0]
        for proposal in ("drawn", "uniform")
    )
    np.testing.assert_allclose(np.bincount(uniform, minlength=5) / 5000, 0.2, atol=0.03)
    assert np.bincount(drawn, minlength=5).max() > 1500


def test_rounded_values_have_the_given_number_of_levels():
    centers = torch.tensor([0.0, 1.0, 2.0, 10.0, 20.0])
    values = torch.tensor([-5.0, 0.4, 1.9, 2.0, 9.9, 10.0, 50.0])
    two = [1.0, 1.0, 1.0, 1.0, 1.0, 15.0, 15.0]
    assert rounded(values, centers, 2).tolist() == two
    assert len(rounded(torch.linspace(-1, 30, 500), centers, 9).unique()) == 5


def test_rounded_values_reach_the_scores():
    model = random_model()
    context = random_contexts(model, 1, past=0)
    plan = planned(
        model, context, CachedEngine, beam_width=20, expansion=1, horizon=1, value_levels=2
    )
    assert len(plan.scores[0].unique()) <= 2


@pytest.mark.parametrize(
    ("includes_reward", "counts_to_go"), [(True, True), (False, True), (True, False)]
)
def test_a_plan_counts_rewards_once(includes_reward, counts_to_go):
    """The score adds earlier rewards and the last reward-to-go, so r_t is counted once."""
    model = random_model()
    context = random_contexts(model, 1, past=0)
    engine, D, O = UncachedEngine(model.network), 7, 3
    centers = torch.as_tensor(model.discretizer.centers, dtype=torch.float32)
    plan = transition_search(
        engine,
        context,
        config=SearchConfig(
            beam_width=1, horizon=3, expansion=1, value="mode", reward_to_go=counts_to_go
        ),
        by_return=True,
        observation_dim=O,
        centers=centers,
        discount=0.5,
        to_go_includes_reward=includes_reward,
        window=WIDE,
        uniforms=torch.rand(1, 3, D, 1, generator=torch.Generator().manual_seed(0)),
    )
    steps = torch.cat([torch.zeros(O, dtype=torch.long), plan.tokens[0, 0]]).view(3, D)
    rewards, to_go = centers[D - 2][steps[:, -2]], centers[D - 1][steps[:, -1]]
    if not counts_to_go:
        expected = rewards[0] + 0.5 * rewards[1] + 0.25 * rewards[2]
    elif includes_reward:
        expected = rewards[0] + 0.5 * rewards[1] + 0.25 * to_go[2]
    else:
        expected = rewards[0] + 0.5 * rewards[1] + 0.25 * rewards[2] + 0.125 * to_go[2]
    torch.testing.assert_close(plan.scores[0, 0], expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_rewards_after_an_end_do_not_count(engine):
    """Each step's weight is the probability, by whole sequences, that no stop token came before."""
    model = random_model("official")
    context = random_contexts(model, 1, past=0)
    D, O, V = 7, 3, model.config.vocabulary
    plan = planned(model, context, engine, beam_width=3, expansion=2, horizon=3, value="mode")
    centers = torch.as_tensor(model.discretizer.centers, dtype=torch.float32)
    assert not model.tokens.to_go_includes_reward
    for tokens, score in zip(plan.tokens[0], plan.scores[0], strict=True):
        steps = torch.cat([context[0, :O], tokens]).view(3, D)
        rewards, to_go = centers[D - 2][steps[:, -2]], centers[D - 1][steps[:, -1]]
        with torch.no_grad():
            outputs = model.network(steps.flatten()[None])[0]
        assert outputs.shape[1] == V + 1
        going = [1 - outputs[t * D - 1].softmax(dim=-1)[V] for t in (1, 2)]
        lives = torch.stack([torch.tensor(1.0), going[0], going[0] * going[1]])
        expected = (lives * 0.9 ** torch.arange(3) * rewards).sum() + lives[2] * 0.9**3 * to_go[2]
        assert 0.01 < lives[2] < 0.99
        torch.testing.assert_close(score, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_episode_goes_on_where_the_model_knows_no_end(engine):
    model = random_model("paper")
    running = engine(model.network)
    running.start(random_contexts(model, 3, past=1), length=1)
    assert running.going_on().tolist() == [1.0, 1.0, 1.0]


def test_drawn_tokens_follow_the_distribution():
    logits = torch.tensor([0.5, 0.2, 0.3]).log().expand(100_000, 3)
    uniforms = torch.rand(100_000, generator=torch.Generator().manual_seed(0))

    def shares(**settings) -> np.ndarray:
        settings = dict(top=3, mass=1.0, temperature=1.0) | settings
        drawn = draw_tokens(logits, uniforms, **settings)
        return np.bincount(drawn.numpy(), minlength=3) / len(drawn)

    np.testing.assert_allclose(shares(), [0.5, 0.2, 0.3], atol=0.01)
    np.testing.assert_allclose(shares(top=2), [0.625, 0, 0.375], atol=0.01)
    np.testing.assert_allclose(shares(mass=0.6), [0.625, 0, 0.375], atol=0.01)
    np.testing.assert_allclose(shares(mass=0.4), [1, 0, 0])
    np.testing.assert_allclose(shares(top=1), [1, 0, 0])
    cooler = np.array([0.25, 0.04, 0.09]) / 0.38
    np.testing.assert_allclose(shares(temperature=0.5), cooler, atol=0.01)


def test_an_engine_refuses_more_than_the_block():
    model = random_model(transitions=4)
    contexts = random_contexts(model, 1, past=3)
    for engine in ENGINES:
        with pytest.raises(TTOError, match="within 28 tokens"):
            engine(model.network).start(contexts, length=5)


def test_rows_may_be_in_any_order():
    """Contexts are no longer shared once rows of different contexts are mixed."""
    model = random_model()
    engines = [engine(model.network) for engine in ENGINES]
    contexts = random_contexts(model, 3, past=1)
    for engine in engines:
        engine.start(contexts, length=10)
    for parents in ([0, 0, 2, 1], [3, 3, 1, 0, 2], [4, 0]):
        for engine in engines:
            engine.select(torch.tensor(parents))
        tokens = torch.arange(len(parents)) % 7
        slow, *fast = (engine.append(tokens) for engine in engines)
        for logits in fast:
            torch.testing.assert_close(logits, slow, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beam_width", 0),
        ("horizon", 0),
        ("action_top", 0.0),
        ("action_mass", 2.0),
        ("value_levels", 0),
    ],
)
def test_settings_out_of_range_are_errors(name, value):
    with pytest.raises(TTOError, match=f"planning.{name}"):
        SearchConfig(**{name: value})


@pytest.mark.parametrize("name", ["proposal", "value"])
def test_unknown_choices_are_errors(name):
    config = SearchConfig()
    object.__setattr__(config, name, "guessed")  # the constructor's type check would refuse it
    with pytest.raises(TTOError, match=rf"planning.{name}: expected .*, got 'guessed'"):
        config.__post_init__()
