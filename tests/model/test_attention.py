"""The fast attention equals the formula, its gradients, too; dropout follows its definition."""

import logging
from pathlib import Path

import pytest
import torch
from sanitized import run_sanitized

from tto.errors import TTOError
from tto.model import native_attention, native_build
from tto.model.attention import causal_attention, dropout, keep_mask, past, plain_attention

B, H, K = 3, 2, 8
TARGETS = native_build.targets_here()


def inputs(L: int, dtype: torch.dtype, K: int = K) -> list[torch.Tensor]:
    """Queries, keys, values and the gradient of the output, in the model's memory layout."""
    generator = torch.Generator().manual_seed(L)
    made = [torch.randn(B, L, H, K, generator=generator).to(dtype) for _ in range(4)]
    return [x.transpose(1, 2).requires_grad_() for x in made]


def hiding(L: int) -> torch.Tensor:
    """A mask under which every fifth token is hidden from all rows."""
    seen = torch.ones(L, dtype=torch.bool)
    seen[4::5] = False
    return seen


def formula(
    qkv: list[torch.Tensor], grad: torch.Tensor, seen: torch.Tensor | None = None
) -> tuple[torch.Tensor, ...]:
    """Attention and its gradients by the plain formula."""
    mask = None if seen is None else past(seen.shape[0], seen.device) & seen
    out = plain_attention(*qkv, mask=mask)
    return out, *torch.autograd.grad(out, qkv, grad)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("L", [1, 4, 5, 63, 64, 65, 150])
def test_the_kernel_equals_the_formula(L, hidden):
    *qkv, grad = inputs(L, torch.float32)
    seen = hiding(L) if hidden else None
    assert native_attention.fits(*qkv) == (TARGETS[0] != "generic")
    out = causal_attention(*qkv, seen=seen)
    found = (out, *torch.autograd.grad(out, qkv, grad))
    torch.testing.assert_close(found, formula(qkv, grad, seen), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("channels", [1, 16, 24, 32])
def test_each_instruction_set_equals_the_formula(target, channels):
    for L in (1, 9, 40):
        *qkv, grad = inputs(L, torch.float32, channels)
        out = native_attention.native_attention(*qkv, hiding(L), target=target)
        found = (out, *torch.autograd.grad(out, qkv, grad))
        torch.testing.assert_close(found, formula(qkv, grad, hiding(L)), rtol=1e-4, atol=1e-5)


def test_threads_share_the_heads(monkeypatch):
    *qkv, grad = inputs(70, torch.float32)
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        out = causal_attention(*qkv)
        found.append((out, *torch.autograd.grad(out, qkv, grad)))
    torch.testing.assert_close(*found, rtol=0, atol=0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_not_a_number_is_not_hidden(which, bad):
    *qkv, grad = inputs(20, torch.float32)
    with torch.no_grad():
        qkv[which][1, 1, 5, 3] = bad
    out = causal_attention(*qkv)
    later = out[1, 1, 5 if which else slice(5, 6)]
    assert not later.isfinite().any() if which < 2 else not later[..., 3].isfinite().all()
    assert out[0].isfinite().all()
    slopes = torch.autograd.grad(out, qkv, grad)
    assert not all(slope.isfinite().all() for slope in slopes)


def test_without_a_compiler_torchs_kernel_computes_and_one_line_says_so(
    monkeypatch, caplog, tmp_path
):
    *qkv, grad = inputs(20, torch.float32)
    for function in (native_attention._library, native_build.build, native_build.best_target):
        function.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    try:
        with caplog.at_level(logging.WARNING):
            for seen in (None, hiding(20)):
                assert not native_attention.fits(*qkv)
                out = causal_attention(*qkv, seen=seen)
                found = (out, *torch.autograd.grad(out, qkv, grad))
                torch.testing.assert_close(found, formula(qkv, grad, seen), rtol=1e-4, atol=1e-5)
    finally:
        native_attention._library.cache_clear()
    (record,) = caplog.records
    assert "install g++ or clang++" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_what_the_kernel_cannot_compute_is_left_to_torch():
    q, k, v, _ = inputs(6, torch.float32, 200)
    assert not native_attention.fits(q, k, v)  # more channels than it was compiled for
    with pytest.raises(TTOError, match=r"at most \d+ channels, got 200"):
        native_attention.native_attention(q, k, v, target=TARGETS[0])
    torch.testing.assert_close(causal_attention(q, k, v), plain_attention(q, k, v))
    assert not native_attention.fits(q[..., :8], k[..., :8].double(), v[..., :8])
    assert not native_attention.fits(*(x[..., :8].to("meta") for x in (q, k, v)))


def test_float64_stays_exact():
    *qkv, _ = inputs(20, torch.float64)
    fast, slow = causal_attention(*qkv), plain_attention(*qkv)
    assert fast.dtype == torch.float64
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)


def test_bfloat16_stays_close():
    *qkv, grad = inputs(150, torch.bfloat16)
    exact = [x.detach().float().requires_grad_() for x in qkv]
    fast, slow = causal_attention(*qkv), plain_attention(*exact)
    assert fast.dtype == torch.bfloat16
    torch.testing.assert_close(fast.float(), slow, rtol=2e-2, atol=2e-2)
    ours = torch.autograd.grad(fast, qkv, grad)
    theirs = torch.autograd.grad(slow, exact, grad.float())
    for x, y in zip(ours, theirs, strict=True):
        assert float((x.float() - y).norm() / y.norm()) < 1e-2


@pytest.mark.parametrize("hidden", [False, True])
def test_dropped_weights_are_those_of_the_drawn_mask(hidden):
    L, p = 60, 0.3
    q, k, v = inputs(L, torch.float32)[:3]
    seen = hiding(L) if hidden else None
    generator = torch.Generator().manual_seed(3)
    found = causal_attention(q, k, v, seen=seen, p=p, generator=generator)
    mask = past(L, q.device) & (hiding(L) if hidden else True)
    drawn, share = keep_mask((B, H, L, L), p, torch.Generator().manual_seed(3), q.device)
    scores = (q @ k.transpose(-2, -1) / K**0.5).masked_fill(~mask, float("-inf"))
    torch.testing.assert_close(found, (scores.softmax(-1) * drawn / share) @ v)


def test_the_generator_determines_the_dropped_weights():
    *qkv, _ = inputs(150, torch.float32)
    first, again, other = (
        causal_attention(*qkv, p=0.5, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    whole = causal_attention(*qkv)
    many = [
        causal_attention(*qkv, p=0.5, generator=torch.Generator().manual_seed(s))
        for s in range(400)
    ]
    assert float((torch.stack(many).mean(0) - whole).detach().abs().mean()) < 0.05


@pytest.mark.parametrize("p", [0.1, 0.5, 0.999])
def test_the_mask_keeps_the_expected_share(p):
    mask, share = keep_mask((1000, 1001), p, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert mask.unique().tolist() == [0, 1]
    assert share == pytest.approx(1 - p, abs=2**-17)
    error = (p * (1 - p) / mask.numel()) ** 0.5
    assert float(mask.float().mean()) == pytest.approx(share, abs=4 * error)
    # the four numbers of a random word are independent of one another
    lanes = mask.flatten()[: 4 * (mask.numel() // 4)].view(-1, 4).float() - share
    covariance = lanes.T @ lanes / len(lanes)
    assert float((covariance - covariance.diag().diag()).abs().max()) < 5 * p * (1 - p) / 500


def test_dropout_keeps_the_mean():
    dropped = dropout(torch.ones(100_000), 0.1, torch.Generator().manual_seed(0))
    assert float((dropped == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    assert dropout(dropped, 0.1, None) is dropped


@pytest.mark.slow
def test_sanitizers_find_nothing(tmp_path):
    source, headers = (
        Path(__file__).with_name("attention_check.cpp"),
        native_attention._SOURCE.parent,
    )
    sanitizers = "address,undefined"
    done = run_sanitized(source, headers, tmp_path, sanitizers=sanitizers, level="-O0")
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout
