"""The engine with fixed shapes, beyond test_search.py: spans, padding and CUDA graphs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from draws import draws_of
from small_world import VARIANTS, random_contexts, random_model

from tto.errors import TTOError
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning import static
from tto.planning.cached import CachedEngine
from tto.planning.draw import _draw_by_rank, draw_tokens
from tto.planning.fastest import fastest_engine
from tto.planning.static import StaticEngine
from tto.planning.uncached import UncachedEngine


@pytest.mark.parametrize("variant", VARIANTS)
def test_spans_and_padded_rows_change_nothing(variant, monkeypatch):
    monkeypatch.setattr(static, "SPAN", 8)
    model = random_model(variant)
    contexts = random_contexts(model, 2, past=1)
    engine = StaticEngine(model.network)
    expected = draws_of(CachedEngine(model.network), contexts)
    for _ in range(2):  # the second time with buffers that hold the first plan's keys
        torch.testing.assert_close(draws_of(engine, contexts), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_compiled_steps_equal_single_operations():
    """In a process of its own: the compiler cannot read functions whose shapes are checked."""
    script = Path(__file__).with_name("compiled_steps.py")
    run = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("mass", [1.0, 0.7, 0.3])
@pytest.mark.parametrize("top", [2, 5, 20, 30])
def test_the_draw_without_a_sort_takes_the_same_bins(top, mass):
    """Some logits are equal, of which lower bins come first."""
    generator = torch.Generator().manual_seed(top)
    logits = torch.randint(-6, 6, (2000, 20), generator=generator).double() / 2
    uniforms = torch.rand(2000, generator=generator, dtype=torch.double)
    settings = {"top": top, "mass": mass, "temperature": 0.8}
    found = _draw_by_rank(logits, uniforms, **settings)
    assert torch.equal(found, draw_tokens(logits, uniforms, **settings))


def test_a_cache_of_the_papers_size_holds_a_context_once_and_the_plan():
    """2048 rows (two proposals for each of 1024 sequences), a context of 5 and a plan of 10."""
    config = ModelConfig(observation_dim=11, action_dim=3, vocabulary=100)
    with torch.device("meta"):
        network = TrajectoryTransformer(config)
        engine = StaticEngine(network)
        engine.start(torch.zeros(1, 5 * 16 + 11, dtype=torch.long), length=10 * 16 - 11)
        for rows in (2048, 1024, 2048):
            engine.select(torch.zeros(rows, dtype=torch.long))
            engine.append(torch.zeros(rows, dtype=torch.long))
    token = 4 * 2 * 192 * 4  # layers, keys and values, width, bytes
    buffers = {
        storage.data_ptr() or id(tensor): storage.nbytes()
        for tensor in vars(engine).values()
        if isinstance(tensor, torch.Tensor)
        for storage in [tensor.untyped_storage()]
    }
    context, plan, block = 5 * 15 + 11, 10 * 15 - 11, 32 * 15
    assert engine._contexts.nbytes == token * context
    assert engine._own.nbytes == token * 2048 * (plan + 1)
    assert sum(buffers.values()) < 0.3 * token * 2048 * block


def test_contexts_of_rows_that_are_mixed_up_are_told_apart():
    """Rows of three episodes, in an order in which no search leaves them."""
    model = random_model()
    contexts = random_contexts(model, 3, past=1)
    engines = [engine(model.network) for engine in (UncachedEngine, StaticEngine)]
    for engine in engines:
        engine.start(contexts, length=9)
    for parents in ([2, 0, 0, 1, 1, 2], [5, 0, 3], [1, 1, 2, 0, 0, 2, 1]):
        tokens = torch.arange(len(parents)) % 7
        for engine in engines:
            engine.select(torch.tensor(parents))
        expected, found = (engine.append(tokens).log_softmax(dim=-1) for engine in engines)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_bfloat16_stays_close():
    model = random_model()
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.mul_(0.2)
    contexts = random_contexts(model, 2, past=3)
    engine = StaticEngine(model.network, precision="bfloat16")
    expected = CachedEngine(model.network).start(contexts, length=9).log_softmax(dim=-1)
    log_probs = engine.start(contexts, length=9).log_softmax(dim=-1)
    assert 1e-5 < float((log_probs - expected).abs().max()) < 0.05


def test_more_tokens_than_announced_are_an_error():
    model = random_model()
    engine = StaticEngine(model.network)
    engine.start(random_contexts(model, 1, past=1), length=1)
    engine.append(torch.tensor([0]))
    with pytest.raises(TTOError, match="no more tokens than the `length` given to `start`"):
        engine.append(torch.tensor([0]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("compiled", [False, True])
def test_graphs_equal_single_operations(variant, compiled):
    model = random_model(variant)
    contexts = random_contexts(model, 2, past=1)
    expected = draws_of(CachedEngine(model.network), contexts)
    engine = fastest_engine(model.network.cuda(), compiled=compiled)
    assert isinstance(engine, StaticEngine)
    for _ in range(2):  # captured, then replayed
        drawn = draws_of(engine, contexts, device="cuda")
        torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_graphs_are_captured_anew_when_buffers_grow():
    model = random_model()
    cached, static = CachedEngine(random_model().network), StaticEngine(model.network.cuda())
    for episodes, past in ((1, 0), (2, 1), (5, 2), (1, 0)):
        contexts = random_contexts(model, episodes, past=past)
        expected = draws_of(cached, contexts)
        drawn = draws_of(static, contexts, device="cuda")
        torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=1e-4)
