"""The native engine: every target equals the plain engine, and sanitizers find no errors."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sanitized import run_sanitized
from small_world import random_contexts, random_model

from tto.errors import TTOError
from tto.model import native_build
from tto.model.transformer import TrajectoryTransformer
from tto.planning import native
from tto.planning.cached import CachedEngine
from tto.planning.draw import DrawRule
from tto.planning.fastest import fastest_engine
from tto.planning.native import NativeEngine
from tto.planning.uncached import UncachedEngine

TARGETS = native_build.targets_here()
RULES = [
    DrawRule(1),
    DrawRule(7),
    DrawRule(3, mass=0.6),
    DrawRule(7, mass=0.9, temperature=2.0),
    DrawRule(1, centers=torch.linspace(-1, 1, 7)),
    DrawRule(7, centers=torch.linspace(-1, 1, 7)),
]


def odd_network(variant: str, *, width: int, heads: int) -> TrajectoryTransformer:
    """A random network whose sizes are no multiples of anything."""
    config = replace(random_model(variant).config, width=width, heads=heads, layers=3)
    generator = torch.Generator().manual_seed(1)
    network = TrajectoryTransformer(config, generator=generator)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return network


def largest_difference(network: TrajectoryTransformer, engine: NativeEngine, past: int) -> float:
    """Largest difference of log-probabilities from the plain engine's.

    Meanwhile 3 rows become up to 40, which draw and append random tokens.
    """
    slow = UncachedEngine(network)
    contexts = random_contexts(random_model(), 3, past=past)
    generator = torch.Generator().manual_seed(past)
    room = network.config.block_size - contexts.shape[1]
    logits = [each.start(contexts, length=room) for each in (slow, engine)]
    worst, rows = 0.0, 3
    while room > len(RULES):
        slow_log_probs, log_probs = (x.log_softmax(dim=-1) for x in logits)
        worst = max(worst, float((log_probs - slow_log_probs).abs().max()))
        parents = torch.randint(rows, (rows := min(40, rows * 5),), generator=generator)
        uniforms = torch.rand(rows, len(RULES), generator=generator)
        for each in (slow, engine):
            each.select(parents)
        expected, drawn = (each.draw(RULES, uniforms) for each in (slow, engine))
        if engine.precision == "float32":
            torch.testing.assert_close(drawn.tokens, expected.tokens)
            torch.testing.assert_close(drawn.expected, expected.expected, atol=1e-5, rtol=1e-5)
            worst = max(worst, float((drawn.log_probs - expected.log_probs).abs().max()))
        else:  # the engines may draw different tokens, so both continue with the same ones
            for each in (slow, engine):
                each.start(slow.sequences[:, : contexts.shape[1]], length=room)
            for token in expected.tokens.t()[:-1]:
                logits = [each.append(token) for each in (slow, engine)]
        logits = [each.append(expected.tokens[:, -1]) for each in (slow, engine)]
        contexts, room = slow.sequences, room - len(RULES)
    return worst


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("variant", ["paper", "official", "factored"])
@pytest.mark.parametrize(("width", "heads"), [(15, 5), (51, 3), (66, 1)])
def test_every_target_equals_the_plain_engine(variant, width, heads, target):
    network = odd_network(variant, width=width, heads=heads)
    for past, threads in ((0, 1), (3, 2)):
        engine = NativeEngine(network, threads=threads, target=target)
        assert largest_difference(network, engine, past) < 1e-5


@pytest.mark.parametrize("target", TARGETS)
def test_bfloat16_stays_close(target):
    """The bound in docs/planning.md is for a trained model; this random network is less smooth."""
    network = odd_network("paper", width=51, heads=3)
    engine = NativeEngine(network, precision="bfloat16", target=target)
    assert 1e-5 < largest_difference(network, engine, past=2) < 0.1


@pytest.mark.parametrize(("variant", "page"), [("visible", 16), ("paper", 18)])
def test_equal_sequences_are_computed_once(variant, page):
    """A page holds 16 tokens; hidden values take no place, so the first page covers 18 tokens."""
    model = random_model(variant)
    engine = NativeEngine(model.network, threads=1)  # each thread computes its own rows
    contexts = random_contexts(model, 1, past=4).expand(5, -1).contiguous()
    contexts[3:, 20] = (contexts[3:, 20] + 1) % 7  # two rows part from the others at token 20
    engine.start(contexts, length=9)
    length = contexts.shape[1]
    assert engine.counts()["sequences"] == 2
    assert engine.counts()["rows"] == length + (length - page)
    engine.select(torch.tensor([0, 1, 2, 3, 0, 1]))
    before = engine.counts()["rows"]
    engine.append(torch.tensor([4, 4, 5, 4, 4, 4]))
    assert engine.counts()["rows"] == before + 3


def test_hidden_tokens_take_no_pages():
    """With hidden values 48 of 56 tokens are kept, in three pages per sequence instead of four."""
    held = []
    for variant in ("visible", "paper"):
        model = random_model(variant, transitions=8)
        engine = NativeEngine(model.network)
        engine.start(random_contexts(model, 1, past=0), length=53)
        engine.select(torch.zeros(500, dtype=torch.long))
        for step in range(53):
            engine.append((torch.arange(500) * (step + 1)) % 7)
        held.append(engine.counts()["page_bytes"])
    assert held[1] < 0.85 * held[0]


def test_pages_are_used_again():
    model = random_model()
    engine = NativeEngine(model.network)
    contexts = random_contexts(model, 2, past=1)
    held = []
    for _ in range(3):
        engine.start(contexts, length=30)
        engine.select(torch.arange(2).repeat_interleave(100))
        for step in range(30):
            engine.append((torch.arange(200) + step) % 7)
        held.append(engine.counts()["page_bytes"])
    assert held[0] == held[1] == held[2]


def test_wrong_calls_are_errors():
    engine = NativeEngine(random_model().network)
    contexts = random_contexts(random_model(), 2, past=1)
    engine.start(contexts, length=3)
    for call in (
        lambda: engine.append(torch.tensor([0, 7])),
        lambda: engine.append(torch.tensor([0])),
        lambda: engine.select(torch.tensor([2])),
        lambda: engine.draw(RULES[:1], torch.rand(3, 1)),
        lambda: engine.draw(RULES[:5], torch.rand(2, 5)),
        lambda: engine.start(contexts - 8, length=3),
    ):
        with pytest.raises(TTOError, match="expected"):
            call()


def test_without_a_compiler_pytorch_plans_and_one_line_says_so(monkeypatch, caplog, tmp_path):
    network = random_model().network
    assert isinstance(fastest_engine(network), NativeEngine)
    native_build.build.cache_clear()
    native_build.best_target.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with caplog.at_level(logging.WARNING):
        assert isinstance(fastest_engine(network), CachedEngine)
    (record,) = caplog.records
    assert "install g++ or clang++" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_a_compiler_that_fails_is_named(monkeypatch, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\n[ $1 = --version ] || { echo 'no such flag' >&2; exit 1; }\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(native_build.NativeUnavailable, match=r"broken could not.*no such flag"):
        native_build.build.__wrapped__(native._SOURCE, "tto_create")
    assert not list((tmp_path / "cache" / "tto").glob("*.so"))


@pytest.mark.slow
@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_sanitizers_find_nothing(sanitizers, tmp_path):
    source = Path(__file__).with_name("native_check.cpp")
    level = "-O1" if sanitizers == "thread" else "-O0"  # least time to compile and run
    headers = native._SOURCE.parent
    done = run_sanitized(source, headers, tmp_path, sanitizers=sanitizers, level=level)
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
    assert done.stdout == "0 failures\n"
