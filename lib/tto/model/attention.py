"""Causal attention for training, and fast dropout.

On CPUs, torch's fused kernel spends most of its time outside matrix products if heads are as small
as here (32 channels). `_BlockedAttention` computes the same sums by batched products on blocks of
rows that fit into the cache, skips future columns and drops weights at little cost. On other
devices torch's kernel is used, or the plain formula if weights are dropped.

Letters: B batch, H heads, L tokens, K head size; N = B * H.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Blocks fit into the second-level cache but are large enough that the calls' overhead is small.
_BLOCK_ROWS = 64
_BLOCK_SCORES = 2**19


def keep_mask(
    shape: tuple[int, ...], p: float, generator: torch.Generator, device: torch.device
) -> tuple[Int[Tensor, "..."], float]:
    """Draw a dropout mask: ones for kept elements, zeros for dropped ones.

    Sixteen random bits decide on each element, which takes a tenth of the time of `bernoulli_`.

    Returns:
        The mask, and the expected share of kept elements: 1 - p rounded to a multiple of 2^-16.
    """
    count = math.prod(shape)
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=device)
    # the upper end None includes the largest integer, so that all 64 bits are random
    lanes = words.random_(-(2**63), None, generator=generator).view(torch.int16)
    kept = round((1 - p) * 2**16)
    return lanes[:count].view(shape).lt_(kept - 2**15), kept / 2**16


def dropout(
    x: Float[Tensor, "*shape"], p: float, generator: torch.Generator | None
) -> Float[Tensor, "*shape"]:
    """Zero elements with probability p and scale the others so that the mean stays the same.

    Without a generator nothing is dropped.
    """
    if p == 0.0 or generator is None:
        return x
    mask, share = keep_mask(tuple(x.shape), p, generator, x.device)
    return x * mask.to(x.dtype).mul_(1 / share)


def causal_attention(
    q: Float[Tensor, "B H L K"],
    k: Float[Tensor, "B H L K"],
    v: Float[Tensor, "B H L K"],
    *,
    mask: Bool[Tensor, "L L"] | None = None,
    p: float = 0.0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "B H L K"]:
    """Scaled dot-product attention over the past.

    Args:
        mask: True where a row may attend to a column: at least one in each row, none in the future.
            None allows the whole past.
        p: probability of dropping an attention weight; without a generator nothing is dropped.
    """
    dropped = p if generator is not None else 0.0
    if q.device.type == "cpu" and torch.is_grad_enabled() and q.requires_grad:
        return _BlockedAttention.apply(q, k, v, mask, dropped, generator)  # type: ignore[no-any-return]
    if dropped:
        return plain_attention(q, k, v, mask=mask, p=dropped, generator=generator)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)


def plain_attention(
    q: Float[Tensor, "B H L K"],
    k: Float[Tensor, "B H L K"],
    v: Float[Tensor, "B H L K"],
    *,
    mask: Bool[Tensor, "L L"] | None = None,
    p: float = 0.0,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "B H L K"]:
    """Compute `causal_attention` by the plain formula; memory is quadratic in L."""
    L, K = q.shape[-2:]
    scores = q @ k.transpose(-2, -1) / math.sqrt(K)
    allowed = torch.ones(L, L, dtype=torch.bool, device=q.device).tril() if mask is None else mask
    weights = scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)
    return dropout(weights, p, generator) @ v


class _BlockedAttention(torch.autograd.Function):
    """Attention by blocks of rows; each block reads the columns up to its last row.

    The forward pass stores the weights of the softmax in the inputs' precision, and dropped weights
    with a minus sign, so that the backward pass needs neither a second softmax nor the mask.
    Softmax and sums over blocks are computed in float32.
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: Tensor | None,
        p: float,
        generator: torch.Generator | None,
    ) -> Tensor:
        B, H, L, K = q.shape
        out = q.new_empty(B, L, H, K).transpose(1, 2)  # the layout that the next layer reads
        weights, share = [], 1.0
        allowed = torch.ones(L, L, dtype=torch.bool).tril() if mask is None else mask
        hidden = torch.zeros(L, L).masked_fill_(~allowed, float("-inf"))
        for batch in _chunks(B, H, L):
            qs, ks, vs = (x[batch].flatten(0, 1) for x in (q, k, v))
            for rows, columns in _blocks(L):
                scores = torch.bmm(qs[:, rows], ks[:, columns].transpose(1, 2))
                scores = scores.to(torch.float32).mul_(1 / math.sqrt(K))
                scores += hidden[rows, columns]
                kept = signed = torch.softmax(scores, dim=-1)
                if p:
                    assert generator is not None
                    ones, share = keep_mask(tuple(kept.shape), p, generator, q.device)
                    signed = kept * ones.mul_(2).sub_(1)
                    kept = signed.relu()
                signed, kept = signed.to(q.dtype), kept.to(q.dtype) if p else None
                values = torch.bmm(signed if kept is None else kept, vs[:, columns])
                out[batch, :, rows] = values.unflatten(0, (-1, H))
                weights.append(signed)
        ctx.save_for_backward(q, k, v, *weights)
        ctx.share = share
        return out.div_(share) if p else out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        q, k, v, *weights = ctx.saved_tensors
        B, H, L, K = q.shape
        if ctx.share < 1:
            grad = grad / ctx.share
        dq, dk, dv = (x.new_empty(B, L, H, K).transpose(1, 2) for x in (q, k, v))
        remaining = iter(weights)
        for batch in _chunks(B, H, L):
            qs, ks, vs, gs = (x[batch].flatten(0, 1) for x in (q, k, v, grad))
            dks, dvs = (torch.zeros_like(x, dtype=torch.float32) for x in (ks, vs))
            for rows, columns in _blocks(L):
                signed = next(remaining)
                kept = signed.relu() if ctx.share < 1 else signed
                dvs[:, columns] += torch.bmm(kept.transpose(1, 2), gs[:, rows])
                dscores = torch.bmm(gs[:, rows], vs[:, columns].transpose(1, 2)).float()
                dscores *= kept
                whole = signed.abs() if ctx.share < 1 else signed
                dscores.addcmul_(whole.float(), dscores.sum(-1, keepdim=True), value=-1)
                dscores = dscores.mul_(1 / math.sqrt(K)).to(q.dtype)
                dq[batch, :, rows] = torch.bmm(dscores, ks[:, columns]).unflatten(0, (-1, H))
                dks[:, columns] += torch.bmm(dscores.transpose(1, 2), qs[:, rows])
            dk[batch], dv[batch] = (x.unflatten(0, (-1, H)) for x in (dks, dvs))
        return dq, dk, dv, None, None, None


def _chunks(B: int, H: int, L: int) -> list[slice]:
    """Slices of the batch whose blocks of scores fit into the cache."""
    size = max(1, _BLOCK_SCORES // (H * L * min(L, _BLOCK_ROWS)))
    return [slice(start, min(start + size, B)) for start in range(0, B, size)]


def _blocks(L: int) -> list[tuple[slice, slice]]:
    """Blocks of rows of about equal size, each with its columns: those up to its last row."""
    count = math.ceil(L / _BLOCK_ROWS)
    ends = [math.ceil(L * (i + 1) / count) for i in range(count)]
    return [(slice(s, e), slice(0, e)) for s, e in zip([0, *ends], ends, strict=False)]
