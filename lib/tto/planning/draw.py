"""Drawing tokens from logits: greedily, or from the nucleus of the most probable bins.

Letters: N rows, S tokens, V bins.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class DrawRule:
    """How one token is drawn.

    Attributes:
        top: number of bins kept, the most probable ones; 1 is greedy.
        mass: probability of the nucleus: the fewest of these bins that reach it are kept.
        temperature: divisor of the logits when the token is drawn from several bins.
        centers: `[V]` values of the bins, or None if their expectation is not needed.
    """

    top: int
    mass: float = 1.0
    temperature: float = 1.0
    centers: Float[Tensor, " V"] | None = None


@dataclass(frozen=True)
class Drawn:
    """Tokens drawn one after another.

    Attributes:
        tokens: `[N, S]` drawn tokens.
        log_probs: `[N, S]` log-probability of each token under the model, whatever the rule.
        expected: `[N, S]` expected value under the model, 0 if the rule has no centers.
    """

    tokens: Int[Tensor, "N S"]
    log_probs: Float[Tensor, "N S"]
    expected: Float[Tensor, "N S"]


def largest(
    values: Float[Tensor, "*rows V"], count: int
) -> tuple[Float[Tensor, "*rows X"], Int[Tensor, "*rows X"]]:
    """The largest values of each row in descending order, and their indices.

    Of equal values the one with the lower index comes first, in all engines and on all devices.
    `torch.topk` takes any of them, and then equal models and draws would make different plans.

    Args:
        count: number of values; all of a shorter row.
    """
    count = min(count, values.shape[-1])
    if values.device.type == "cpu":  # ties are rare, and it takes a fraction of the sort's time
        one_more = min(count + 1, values.shape[-1])
        found, order = values.topk(one_more, dim=-1)
        if not (found[..., 1:] == found[..., :-1]).any():
            return found[..., :count], order[..., :count]
    found, order = values.sort(dim=-1, descending=True, stable=True)
    return found[..., :count], order[..., :count]


def draw_token(
    logits: Float[Tensor, "N V"], uniforms: Float[Tensor, " N"], rule: DrawRule
) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Draw one token for each row; return the tokens, log-probabilities and expected values."""
    tokens = draw_tokens(
        logits, uniforms, top=rule.top, mass=rule.mass, temperature=rule.temperature
    )
    log_probs = logits.log_softmax(dim=-1)
    chosen = log_probs.gather(1, tokens[:, None])[:, 0]
    expected = torch.zeros_like(chosen) if rule.centers is None else log_probs.exp() @ rule.centers
    return tokens, chosen, expected


def draw_tokens(
    logits: Float[Tensor, "N V"],
    uniforms: Float[Tensor, " N"],
    *,
    top: int,
    mass: float,
    temperature: float,
) -> Int[Tensor, " N"]:
    """Draw one token for each row from its most probable bins, by inverting their cumulative sum.

    Of equally probable bins, lower ones come first.

    Args:
        uniforms: random numbers in [0, 1), one for each row.
        top: number of bins kept, the most probable ones; 1 is greedy.
        mass: probability of the nucleus: the fewest of these bins that reach it are kept.
        temperature: divisor of the logits.
    """
    if top == 1:
        return logits.argmax(dim=-1)
    if torch.compiler.is_compiling():
        return _draw_by_rank(logits, uniforms, top=top, mass=mass, temperature=temperature)
    values, order = largest(logits, top)
    probabilities = (values / temperature).softmax(dim=-1)
    cumulative = probabilities.cumsum(dim=-1)
    if mass < 1:
        probabilities = probabilities.masked_fill(cumulative - probabilities >= mass, 0.0)
        cumulative = probabilities.cumsum(dim=-1)
    target = uniforms[:, None].to(cumulative.dtype) * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, target, right=True).clamp(max=order.shape[-1] - 1)
    return order.gather(1, place)[:, 0]


def _draw_by_rank(
    logits: Float[Tensor, "N V"],
    uniforms: Float[Tensor, " N"],
    *,
    top: int,
    mass: float,
    temperature: float,
) -> Int[Tensor, " N"]:
    """`draw_tokens` by comparing all pairs of bins: more work, but a compiler makes it one kernel.

    A sort, a cumulative sum and a binary search are kernels of their own.
    """
    bins = torch.arange(logits.shape[-1], device=logits.device)
    ours, others = logits[:, :, None], logits[:, None, :]
    before = (others > ours) | ((others == ours) & (bins < bins[:, None]))  # (N, V, others)
    rank = before.sum(dim=-1)
    kept = (logits / temperature).masked_fill(rank >= top, -torch.inf)
    probabilities = kept.softmax(dim=-1)

    def likelier(probabilities: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        return (probabilities[:, None, :] * before).sum(dim=-1)

    if mass < 1:
        probabilities = probabilities.masked_fill(likelier(probabilities) >= mass, 0.0)
    target = uniforms[:, None].to(probabilities.dtype) * probabilities.sum(dim=-1, keepdim=True)
    passed = (likelier(probabilities) + probabilities <= target) & (rank < top)
    place = passed.sum(dim=-1, keepdim=True).clamp(max=min(top, len(bins)) - 1)
    return (rank == place).to(torch.uint8).argmax(dim=-1)
