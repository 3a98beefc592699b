"""The engine with fixed shapes, beyond test_search.py: spans, padding and CUDA graphs."""

import pytest
import torch
from small_world import VARIANTS, random_contexts, random_model

from tto.errors import TTOError
from tto.planning import static
from tto.planning.cached import CachedEngine
from tto.planning.draw import DrawRule
from tto.planning.engine import Engine
from tto.planning.fastest import fastest_engine
from tto.planning.static import StaticEngine

RULES = [
    DrawRule(1),
    DrawRule(3, mass=0.6),
    DrawRule(7, centers=torch.linspace(-1, 1, 7)),
    DrawRule(1),
]


def draws_of(engine: Engine, contexts: torch.Tensor, *, device: str = "cpu") -> list[torch.Tensor]:
    """Tokens, log-probabilities and expected values while 2 rows become 9, then 33, then 5."""
    generator = torch.Generator().manual_seed(0)
    engine.start(contexts.to(device), length=24)
    rows, out = len(contexts), []
    for wanted in (9, 33, 5):
        parents = torch.randint(rows, (wanted,), generator=generator)
        engine.select(parents.to(device))
        uniforms = torch.rand(wanted, len(RULES), generator=generator)
        drawn = engine.draw(RULES, uniforms.to(device))
        engine.append(drawn.tokens[:, -1])
        out += [drawn.tokens, drawn.log_probs, drawn.expected]
        rows = wanted
    return [values.cpu() for values in out]


@pytest.mark.parametrize("variant", VARIANTS)
def test_spans_and_padded_rows_change_nothing(variant, monkeypatch):
    monkeypatch.setattr(static, "SPAN", 8)
    model = random_model(variant)
    contexts = random_contexts(model, 2, past=1)
    engine = StaticEngine(model.network)
    expected = draws_of(CachedEngine(model.network), contexts)
    for _ in range(2):  # the second time with buffers that hold the first plan's keys
        torch.testing.assert_close(draws_of(engine, contexts), expected, atol=1e-5, rtol=1e-5)


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
def test_graphs_equal_single_operations(variant):
    model = random_model(variant)
    contexts = random_contexts(model, 2, past=1)
    expected = draws_of(CachedEngine(model.network), contexts)
    engine = fastest_engine(model.network.cuda())
    assert isinstance(engine, StaticEngine)
    for _ in range(2):  # captured, then replayed
        drawn = draws_of(engine, contexts, device="cuda")
        torch.testing.assert_close(drawn, expected, atol=1e-4, rtol=1e-4)
