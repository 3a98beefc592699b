"""Causal attention for training, and fast dropout.

On processors this project's kernel computes attention, hidden tokens included, where
`native_attention.fits`. Elsewhere torch's does, and the plain formula if weights are dropped. On
CPUs torch's is several times slower in bfloat16 than in float32 if heads are as small as here (16
to 32 channels), so there it computes in float32 at least.

Letters: B batch, H heads, L tokens, K head size.
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tto.model import native_attention

# What draws dropout masks: a generator, or PyTorch's global one, which compiled code can use.
DropoutSource = torch.Generator | Literal["global"]


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
    x: Float[Tensor, "*shape"], p: float, generator: DropoutSource | None
) -> Float[Tensor, "*shape"]:
    """Zero elements with probability p and scale the others so that the mean stays the same.

    Without a generator nothing is dropped.
    """
    if p == 0.0 or generator is None:
        return x
    if generator == "global":
        return F.dropout(x, p)
    mask, share = keep_mask(tuple(x.shape), p, generator, x.device)
    return x * mask.to(x.dtype).mul_(1 / share)


def causal_attention(
    q: Float[Tensor, "B H L K"],
    k: Float[Tensor, "B H L K"],
    v: Float[Tensor, "B H L K"],
    *,
    seen: Bool[Tensor, " L"] | None = None,
    p: float = 0.0,
    generator: DropoutSource | None = None,
) -> Float[Tensor, "B H L K"]:
    """Scaled dot-product attention over the past.

    Args:
        seen: True for each token that is attended to, the first one included. None means all.
        p: probability of dropping an attention weight; without a generator nothing is dropped.
    """
    dropped = p > 0 and generator is not None
    if not dropped and native_attention.fits(q, k, v):
        return native_attention.native_attention(q, k, v, seen)
    mask = None if seen is None else past(q.shape[2], q.device) & seen
    if dropped:
        return plain_attention(q, k, v, mask=mask, p=p, generator=generator)
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
    wide = torch.promote_types(q.dtype, torch.float32)
    with torch.autocast("cpu", enabled=False):
        out = F.scaled_dot_product_attention(
            q.to(wide), k.to(wide), v.to(wide), attn_mask=mask, is_causal=mask is None
        )
    return out.to(q.dtype)


def plain_attention(
    q: Float[Tensor, "B H L K"],
    k: Float[Tensor, "B H L K"],
    v: Float[Tensor, "B H L K"],
    *,
    mask: Bool[Tensor, "L L"] | None = None,
    p: float = 0.0,
    generator: DropoutSource | None = None,
) -> Float[Tensor, "B H L K"]:
    """Compute `causal_attention` by the plain formula; memory is quadratic in L.

    Args:
        mask: True where a row may attend to a column, at least one in each row; None is the past.
    """
    L, K = q.shape[-2:]
    scores = q @ k.transpose(-2, -1) / math.sqrt(K)
    allowed = past(L, q.device) if mask is None else mask
    weights = scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)
    return dropout(weights, p, generator) @ v


def past(L: int, device: torch.device) -> Bool[Tensor, "L L"]:
    """True where a row may attend to a column: to itself, and to those before."""
    return torch.ones(L, L, dtype=torch.bool, device=device).tril()
