"""The two searches of section 3.2 over any engine.

`likelihood_search` is algorithm 1: token by token, the most probable sequences are kept.
`return_search` samples whole transitions from the model and keeps those with the highest cumulative
reward plus reward-to-go. Both plan for a batch of episodes, each as if it were alone.

Letters: B episodes, W beams (or candidates) an episode, V bins, D tokens a transition.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.planning.engine import Engine


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a search.

    Attributes:
        beam_width: sequences kept, B in algorithm 1.
        horizon: transitions planned, the current one included.
        expansion: transitions sampled from each kept sequence (return search only).
        observation_top: most probable bins that an observation token is drawn from; 1 is greedy.
        action_top: share of the bins, the most probable, that an action token is drawn from.
        action_mass: an action token is drawn from the fewest bins that hold this probability.
        temperature: of the draws of action and observation tokens.
        value: whether reward and reward-to-go count by their predicted "expectation", a "sample" or
            the "mode".
    """

    beam_width: int = 32
    horizon: int = 5
    expansion: int = 2
    observation_top: int = 1
    action_top: float = 0.2
    action_mass: float = 1.0
    temperature: float = 1.0
    value: Literal["expectation", "sample", "mode"] = "expectation"

    def __post_init__(self) -> None:
        for name in ("beam_width", "horizon", "expansion", "observation_top"):
            if getattr(self, name) < 1:
                raise TTOError(f"planning.{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("action_top", "action_mass"):
            if not 0 < getattr(self, name) <= 1:
                raise TTOError(f"planning.{name}: expected in (0, 1], got {getattr(self, name)}")


@dataclass(frozen=True)
class Plan:
    """The sequences that a search ends with, best first.

    Attributes:
        tokens: `[B, W, L]` planned tokens from the first action on.
        scores: `[B, W]` log-probability, or cumulative reward plus reward-to-go.
        log_probs: `[B, W]` log-probability of the tokens.
    """

    tokens: Int[Tensor, "B W L"]
    scores: Float[Tensor, "B W"]
    log_probs: Float[Tensor, "B W"]


@dataclass(frozen=True)
class Window:
    """What of a long sequence the model sees: whole transitions, as many as its block holds.

    Before a transition that would not fit, the oldest one leaves; the block is never exceeded.
    """

    transition_dim: int
    transitions: int

    @property
    def kept(self) -> int:
        """Tokens that stay when a transition leaves."""
        return (self.transitions - 1) * self.transition_dim

    def is_full(self, tokens: int) -> bool:
        """Whether a sequence of `tokens` tokens ends where the next transition does not fit."""
        D = self.transition_dim
        return tokens % D == 0 and tokens // D >= self.transitions

    def room(self, contexts: Int[Tensor, "B L"], tokens: int) -> int:
        """How many of `tokens` tokens can be appended to `contexts` before the window is full."""
        return min(tokens, self.transitions * self.transition_dim - contexts.shape[1])


def likelihood_search(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    *,
    tokens: int,
    beam_width: int,
    window: Window,
) -> Plan:
    """Algorithm 1: the `beam_width` most probable continuations of `tokens` tokens.

    Args:
        contexts: past transitions and the current observation.
        window: what of a long plan the model sees.
    """
    B = len(contexts)
    log_probs = engine.start(contexts, length=window.room(contexts, tokens)).log_softmax(dim=-1)
    V = log_probs.shape[-1]
    scores = log_probs.new_zeros(B, 1)
    sequences = contexts.new_empty(B, 1, 0)
    for step in range(tokens):
        W = scores.shape[1]
        totals = (scores[:, :, None] + log_probs.view(B, W, V)).flatten(1)
        scores, best = totals.topk(min(beam_width, W * V), dim=1)
        parents, chosen = best // V, best % V
        sequences = torch.cat([_gather(sequences, parents), chosen[:, :, None]], dim=-1)
        if step + 1 < tokens:
            left = tokens - step - 1
            log_probs = _advance(engine, contexts, sequences, _rows(parents, W), left, window)
            log_probs = log_probs.log_softmax(dim=-1)
    return Plan(sequences, scores, scores)


def return_search(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    *,
    config: SearchConfig,
    observation_dim: int,
    centers: Float[Tensor, "D V"],
    discount: float,
    to_go_includes_reward: bool,
    window: Window,
    uniforms: Float[Tensor, "B horizon D candidates"],
) -> Plan:
    """Sequences of `config.horizon` transitions with the highest estimated return.

    A sequence of t+1 transitions counts sum over k < t of discount^k r_k + discount^t R_t where the
    reward-to-go R_t includes r_t (section 3.2), and sum over k <= t of discount^k r_k +
    discount^(t+1) R_t where it does not (the official code).

    Args:
        centers: value of each bin of each dimension.
        uniforms: in [0, 1); one for each token that may be drawn, candidates = beam_width *
            expansion. They are the only randomness.
    """
    D = len(centers)
    length = config.horizon * D - observation_dim
    logits = engine.start(contexts, length=window.room(contexts, length))
    B, W = len(contexts), 1
    sampler = _TransitionSampler(engine, config, observation_dim, centers)
    sequences = contexts.new_empty(B, 1, 0)
    scores = log_probs = rewards = logits.new_zeros(B, 1)
    for t in range(config.horizon):
        candidates = config.beam_width * config.expansion
        copies = torch.arange(candidates, device=contexts.device) * W // candidates
        parents = copies.expand(B, -1)
        rows = _rows(parents, W)
        engine.select(rows)
        drawn = sampler.draw(logits[rows], uniforms[:, t], first=0 if t else observation_dim)
        reward, to_go = drawn.reward.view(B, -1), drawn.to_go.view(B, -1)
        total = rewards.gather(1, parents) + discount**t * reward
        if to_go_includes_reward:
            value = rewards.gather(1, parents) + discount**t * to_go
        else:
            value = total + discount ** (t + 1) * to_go
        sequences = torch.cat(
            [_gather(sequences, parents), drawn.tokens.view(B, candidates, -1)], -1
        )
        log_probs = log_probs.gather(1, parents) + drawn.log_probs.view(B, -1)
        W = min(config.beam_width, candidates)
        scores, kept = value.topk(W, dim=1)
        sequences, log_probs = _gather(sequences, kept), log_probs.gather(1, kept)
        rewards = total.gather(1, kept)
        if t + 1 < config.horizon:
            left = (config.horizon - t - 1) * D
            logits = _advance(engine, contexts, sequences, _rows(kept, candidates), left, window)
    return Plan(sequences, scores, log_probs)


@dataclass(frozen=True)
class _Drawn:
    tokens: Int[Tensor, "N L"]
    log_probs: Float[Tensor, " N"]
    reward: Float[Tensor, " N"]
    to_go: Float[Tensor, " N"]


class _TransitionSampler:
    """Draws the rest of a transition, token by token, for each row of an engine."""

    def __init__(
        self, engine: Engine, config: SearchConfig, observation_dim: int, centers: Tensor
    ) -> None:
        self.engine, self.config, self.centers = engine, config, centers
        self.observation_dim = observation_dim

    def draw(
        self,
        logits: Float[Tensor, "N V"],
        uniforms: Float[Tensor, "B D candidates"],
        *,
        first: int,
    ) -> _Drawn:
        """Draw dimensions first..D-1; the last token, the reward-to-go, is not yet appended."""
        D, V = self.centers.shape
        config = self.config
        tokens, log_probs = [], logits.new_zeros(len(logits))
        estimates = []
        for i in range(first, D):
            u = uniforms[:, i].flatten()
            if i < self.observation_dim:
                top, mass = config.observation_top, 1.0
                chosen = draw_tokens(logits, u, top=top, mass=mass, temperature=config.temperature)
            elif i < D - 2:
                top = max(1, math.ceil(config.action_top * V))
                chosen = draw_tokens(
                    logits, u, top=top, mass=config.action_mass, temperature=config.temperature
                )
            else:
                top = V if config.value == "sample" else 1
                chosen = draw_tokens(logits, u, top=top, mass=1.0, temperature=1.0)
                if config.value == "expectation":
                    estimates.append(logits.softmax(dim=-1) @ self.centers[i])
                else:
                    estimates.append(self.centers[i][chosen])
            tokens.append(chosen)
            log_probs = log_probs + logits.log_softmax(-1).gather(1, chosen[:, None])[:, 0]
            if i < D - 1:
                logits = self.engine.append(chosen)
        return _Drawn(torch.stack(tokens, dim=1), log_probs, *estimates)


def draw_tokens(
    logits: Float[Tensor, "N V"],
    uniforms: Float[Tensor, " N"],
    *,
    top: int,
    mass: float,
    temperature: float,
) -> Int[Tensor, " N"]:
    """Draw one token a row from its most probable bins, by inverting their cumulative sum.

    Args:
        top: bins kept, the most probable.
        mass: of those, the fewest whose probability reaches this are kept (the nucleus).
    """
    if top == 1:
        return logits.argmax(dim=-1)
    values, order = logits.topk(min(top, logits.shape[-1]), dim=-1)
    probabilities = (values / temperature).softmax(dim=-1)
    cumulative = probabilities.cumsum(dim=-1)
    if mass < 1:
        probabilities = probabilities.masked_fill(cumulative - probabilities >= mass, 0.0)
        cumulative = probabilities.cumsum(dim=-1)
    target = uniforms[:, None].to(cumulative.dtype) * cumulative[:, -1:]
    place = torch.searchsorted(cumulative, target, right=True).clamp(max=order.shape[-1] - 1)
    return order.gather(1, place)[:, 0]


def _advance(
    engine: Engine,
    contexts: Int[Tensor, "B L"],
    sequences: Int[Tensor, "B W S"],
    parents: Int[Tensor, " B*W"],
    left: int,
    window: Window,
) -> Float[Tensor, "B*W V"]:
    """Logits after the last token of `sequences`, whose earlier ones the engine's `parents` hold.

    Where the next transition would not fit, the engine starts anew on what the window keeps.
    """
    whole = contexts.shape[1] + sequences.shape[2]
    if not window.is_full(whole):
        engine.select(parents)
        return engine.append(sequences[:, :, -1].flatten())
    past = contexts[:, None].expand(-1, sequences.shape[1], -1)
    kept = torch.cat([past, sequences], dim=-1).flatten(0, 1)[:, -window.kept :]
    return engine.start(kept, length=window.room(kept, left))


def _gather(values: Tensor, index: Int[Tensor, "B W"]) -> Tensor:
    """values[b, index[b, w]] for `[B, X, ...]` values."""
    return values[torch.arange(len(values), device=values.device)[:, None], index]


def _rows(index: Int[Tensor, "B W"], width: int) -> Int[Tensor, " B*W"]:
    """Engine rows of beams numbered within their episode, `width` rows an episode."""
    first = torch.arange(len(index), device=index.device)[:, None] * width
    return (first + index).flatten()
