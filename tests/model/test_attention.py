"""The fused attention equals the formula, its gradients, too; dropout follows its definition."""

import pytest
import torch

from tto.model.attention import causal_attention, dropout, keep_mask, plain_attention

B, H, K = 3, 2, 8


def inputs(L: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Queries, keys, values and the gradient of the output, in the model's memory layout."""
    generator = torch.Generator().manual_seed(L)
    made = [torch.randn(B, L, H, K, generator=generator).to(dtype) for _ in range(4)]
    return [x.transpose(1, 2).requires_grad_() for x in made]


def hiding(L: int) -> torch.Tensor:
    """A causal mask under which every fifth column is hidden from all rows."""
    mask = torch.ones(L, L, dtype=torch.bool).tril()
    mask[:, 4::5] = False
    return mask


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("L", [1, 4, 5, 63, 64, 65, 150])
def test_the_kernel_equals_the_formula(L, hidden):
    *qkv, grad = inputs(L, torch.float32)
    mask = hiding(L) if hidden else None
    fast, slow = causal_attention(*qkv, mask=mask), plain_attention(*qkv, mask=mask)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-5)
    gradients = (torch.autograd.grad(y, qkv, grad) for y in (fast, slow))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


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
    mask = hiding(L) if hidden else torch.ones(L, L, dtype=torch.bool).tril()
    found = causal_attention(
        q, k, v, mask=mask if hidden else None, p=p, generator=torch.Generator().manual_seed(3)
    )
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
