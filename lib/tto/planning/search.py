"""The two searches of section 3.2 over any engine.

`likelihood_search` is algorithm 1: token by token, the most probable sequences are kept.
`return_search` samples actions, reward and reward-to-go, keeps the sequences with the highest
cumulative reward plus reward-to-go and completes those by the next observation. Both plan for a
batch of episodes, each as if it were alone.

Letters: B episodes, W beams (or candidates) an episode, V bins, D tokens a transition.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.planning.draw import Drawn, Rule
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
        reward_to_go: whether a sequence counts the reward-to-go of its last transition too; without
            it, plans see no further than the horizon (section 3.2).
    """

    beam_width: int = 32
    horizon: int = 5
    expansion: int = 2
    observation_top: int = 1
    action_top: float = 0.2
    action_mass: float = 1.0
    temperature: float = 1.0
    value: Literal["expectation", "sample", "mode"] = "expectation"
    reward_to_go: bool = True

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

    Before a transition that would not fit, the oldest one leaves, but not the goal in front of all;
    the block is never exceeded.
    """

    transition_dim: int
    transitions: int
    goal: bool = False

    def keep(self, sequences: Int[Tensor, "N L"]) -> Int[Tensor, "N K"]:
        """What stays of full sequences when a transition leaves."""
        front = self.goal * self.transition_dim
        recent = (self.transitions - 1) * self.transition_dim - front
        return torch.cat([sequences[:, :front], sequences[:, -recent:]], dim=1)

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
    discount^(t+1) R_t where it does not (the official code); without `config.reward_to_go`,
    sum over k <= t of discount^k r_k alone.

    Args:
        centers: value of each bin of each dimension.
        uniforms: in [0, 1), the only randomness; one for each token that may be drawn, candidates =
            beam_width * expansion. Observations are drawn once for each kept sequence, by the first
            beam_width of theirs.
    """
    D, candidates = len(centers), config.beam_width * config.expansion
    length = config.horizon * D - observation_dim
    logits = engine.start(contexts, length=window.room(contexts, length))
    rules = _rules(config, observation_dim, centers)
    (B, W), O = (len(contexts), 1), observation_dim
    sequences = contexts.new_empty(B, 1, 0)
    scores = log_probs = rewards = logits.new_zeros(B, 1)
    for t in range(config.horizon):
        if t:  # the observation is drawn before the sequences branch: all copies share it
            drawn = engine.draw(rules[:O], _by_row(uniforms[:, t, :O, :W]))
            engine.append(drawn.tokens[:, -1])
            sequences = torch.cat([sequences, drawn.tokens.view(B, W, -1)], dim=-1)
            log_probs = log_probs + drawn.log_probs.sum(dim=1).view(B, -1)
        copies = torch.arange(candidates, device=contexts.device) * W // candidates
        parents = copies.expand(B, -1)
        engine.select(_rows(parents, W))
        drawn = engine.draw(rules[O:], _by_row(uniforms[:, t, O:]))
        reward, to_go = (estimate.view(B, -1) for estimate in _estimates(drawn, config, centers))
        total = rewards.gather(1, parents) + discount**t * reward
        if not config.reward_to_go:
            value = total
        elif to_go_includes_reward:
            value = rewards.gather(1, parents) + discount**t * to_go
        else:
            value = total + discount ** (t + 1) * to_go
        sequences = torch.cat(
            [_gather(sequences, parents), drawn.tokens.view(B, candidates, -1)], -1
        )
        log_probs = log_probs.gather(1, parents) + drawn.log_probs.sum(dim=1).view(B, -1)
        W = config.beam_width
        scores, kept = value.topk(W, dim=1)
        sequences, log_probs = _gather(sequences, kept), log_probs.gather(1, kept)
        rewards = total.gather(1, kept)
        if t + 1 < config.horizon:
            left = (config.horizon - t - 1) * D
            _advance(engine, contexts, sequences, _rows(kept, candidates), left, window)
    return Plan(sequences, scores, log_probs)


def _rules(config: SearchConfig, observation_dim: int, centers: Float[Tensor, "D V"]) -> list[Rule]:
    """How each dimension of a transition is drawn."""
    D, V = centers.shape
    observation = Rule(config.observation_top, temperature=config.temperature)
    action = Rule(max(1, math.ceil(config.action_top * V)), config.action_mass, config.temperature)
    top = V if config.value == "sample" else 1
    values = [Rule(top, centers=centers[i]) for i in (D - 2, D - 1)]
    return [observation] * observation_dim + [action] * (D - 2 - observation_dim) + values


def _estimates(
    drawn: Drawn, config: SearchConfig, centers: Float[Tensor, "D V"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Reward and reward-to-go, which are the last two tokens drawn."""
    if config.value == "expectation":
        return drawn.expected[:, -2], drawn.expected[:, -1]
    return centers[-2][drawn.tokens[:, -2]], centers[-1][drawn.tokens[:, -1]]


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
    kept = window.keep(torch.cat([past, sequences], dim=-1).flatten(0, 1))
    return engine.start(kept, length=window.room(kept, left))


def _gather(values: Tensor, index: Int[Tensor, "B W"]) -> Tensor:
    """values[b, index[b, w]] for `[B, X, ...]` values."""
    return values[torch.arange(len(values), device=values.device)[:, None], index]


def _rows(index: Int[Tensor, "B W"], width: int) -> Int[Tensor, " B*W"]:
    """Engine rows of beams numbered within their episode, `width` rows an episode."""
    first = torch.arange(len(index), device=index.device)[:, None] * width
    return (first + index).flatten()


def _by_row(uniforms: Float[Tensor, "B S W"]) -> Float[Tensor, "B*W S"]:
    return uniforms.transpose(1, 2).flatten(0, 1)
