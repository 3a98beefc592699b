"""The two searches of section 3.2 over any engine.

`likelihood_search` is algorithm 1: token by token, the most probable sequences are kept.
`return_search` proposes actions for each sequence, predicts reward and reward-to-go, keeps the
sequences with the highest cumulative reward plus reward-to-go and completes those by the next
observation. Both plan for a batch of episodes, each as if it were alone.

Letters: B episodes, W beams (or candidates) an episode, V bins, D tokens a transition.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tto.errors import TTOError
from tto.planning.draw import Drawn, Rule
from tto.planning.engine import Engine

_EVEN = 1e9  # a temperature at which all bins are as probable


@dataclass(frozen=True)
class SearchConfig:
    """Settings of a search.

    Attributes:
        beam_width: sequences kept, B in algorithm 1.
        horizon: transitions planned, the current one included.
        expansion: transitions proposed for each kept sequence (return search only).
        proposal: how their actions are chosen: "drawn" from the likelier bins (the official code),
            the most probable ones of a "beam" search within the transition (algorithm 1, as
            section 3.2 describes it), or "uniform": drawn from all bins alike, whatever the model
            says (the free action sequences that section 3.2 warns of).
        observation_top: most probable bins that an observation token is drawn from; 1 is greedy.
        action_top: share of the bins, the most probable, that an action token is drawn from; this
            and the next two settings count for drawn actions only.
        action_mass: an action token is drawn from the fewest bins that hold this probability.
        temperature: of the draws of action and observation tokens.
        value: whether reward and reward-to-go count by their predicted "expectation", a "sample" or
            the "mode".
        reward_to_go: whether a sequence counts the reward-to-go of its last transition too; without
            it, plans see no further than the horizon (section 3.2).
        value_levels: levels that predicted rewards-to-go are rounded to, to see how accurate they
            must be (section 3.2); None does not round.
    """

    beam_width: int = 32
    horizon: int = 5
    expansion: int = 2
    proposal: Literal["drawn", "beam", "uniform"] = "drawn"
    observation_top: int = 1
    action_top: float = 0.2
    action_mass: float = 1.0
    temperature: float = 1.0
    value: Literal["expectation", "sample", "mode"] = "expectation"
    reward_to_go: bool = True
    value_levels: int | None = None

    def __post_init__(self) -> None:
        for name in ("beam_width", "horizon", "expansion", "observation_top"):
            if getattr(self, name) < 1:
                raise TTOError(f"planning.{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("action_top", "action_mass"):
            if not 0 < getattr(self, name) <= 1:
                raise TTOError(f"planning.{name}: expected in (0, 1], got {getattr(self, name)}")
        for name in ("proposal", "value"):
            choices = get_args(get_type_hints(SearchConfig)[name])
            if getattr(self, name) not in choices:
                raise TTOError(
                    f"planning.{name}: expected {', '.join(choices)}, got {getattr(self, name)!r}"
                )
        if self.value_levels is not None and self.value_levels < 1:
            raise TTOError(
                f"planning.value_levels: expected at least 1 or null, got {self.value_levels}"
            )


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
    logits = engine.start(contexts, length=window.room(contexts, tokens))
    scores = logits.new_zeros(B, 1)
    sequences = contexts.new_empty(B, 1, 0)
    for step in range(tokens):
        W = scores.shape[1]
        scores, parents, chosen = _most_probable(scores, logits, beam_width)
        sequences = torch.cat([_gather(sequences, parents), chosen[:, :, None]], dim=-1)
        if step + 1 < tokens:
            left = tokens - step - 1
            logits = _advance(engine, contexts, sequences, _rows(parents, W), left, window)
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
            beam_width of theirs; a beam of actions draws none.
    """
    D, O = len(centers), observation_dim
    length = config.horizon * D - O
    logits = engine.start(contexts, length=window.room(contexts, length))
    rules = _rules(config, O, centers)
    B, W = len(contexts), 1
    sequences = contexts.new_empty(B, 1, 0)
    scores = log_probs = rewards = logits.new_zeros(B, 1)
    for t in range(config.horizon):
        if t:  # the observation is drawn before the sequences branch: all copies share it
            drawn = engine.draw(rules[:O], _by_row(uniforms[:, t, :O, :W]))
            logits = engine.append(drawn.tokens[:, -1])
            sequences = torch.cat([sequences, drawn.tokens.view(B, W, -1)], dim=-1)
            log_probs = log_probs + drawn.log_probs.sum(dim=1).view(B, -1)
        propose = _probable if config.proposal == "beam" else _drawn
        parents, drawn = propose(engine, logits, rules[O:], uniforms[:, t, O:])
        reward, to_go = (estimate.view(B, -1) for estimate in _estimates(drawn, config, centers))
        total = rewards.gather(1, parents) + discount**t * reward
        if not config.reward_to_go:
            value = total
        elif to_go_includes_reward:
            value = rewards.gather(1, parents) + discount**t * to_go
        else:
            value = total + discount ** (t + 1) * to_go
        candidates = parents.shape[1]
        sequences = torch.cat(
            [_gather(sequences, parents), drawn.tokens.view(B, candidates, -1)], -1
        )
        log_probs = log_probs.gather(1, parents) + drawn.log_probs.sum(dim=1).view(B, -1)
        W = min(config.beam_width, candidates)
        scores, kept = value.topk(W, dim=1)
        sequences, log_probs = _gather(sequences, kept), log_probs.gather(1, kept)
        rewards = total.gather(1, kept)
        if t + 1 < config.horizon:
            left = (config.horizon - t - 1) * D
            _advance(engine, contexts, sequences, _rows(kept, candidates), left, window)
    return Plan(sequences, scores, log_probs)


def _drawn(
    engine: Engine,
    logits: Float[Tensor, "N V"],
    rules: Sequence[Rule],
    uniforms: Float[Tensor, "B S candidates"],
) -> tuple[Int[Tensor, "B candidates"], Drawn]:
    """As many candidates of each sequence, drawn token by token; parents and tokens of each."""
    B, _, candidates = uniforms.shape
    W = len(logits) // B
    copies = torch.arange(candidates, device=logits.device) * W // candidates
    parents = copies.expand(B, -1)
    engine.select(_rows(parents, W))
    return parents, engine.draw(rules, _by_row(uniforms))


def _probable(
    engine: Engine,
    logits: Float[Tensor, "N V"],
    rules: Sequence[Rule],
    uniforms: Float[Tensor, "B S candidates"],
) -> tuple[Int[Tensor, "B found"], Drawn]:
    """The most probable actions of each sequence (algorithm 1); reward and value by their rules."""
    B, S, candidates = uniforms.shape
    W = len(logits) // B
    scores, rows = logits.new_zeros(B * W, 1), torch.arange(B * W, device=logits.device)
    actions = rows.new_empty(B * W, 1, 0)
    for _ in range(S - 2):
        width = scores.shape[1]
        scores, parents, chosen = _most_probable(scores, logits, candidates // W)
        actions = torch.cat([_gather(actions, parents), chosen[:, :, None]], dim=-1)
        engine.select(_rows(parents, width))
        logits = engine.append(chosen.flatten())
    found = scores.shape[1]
    values = engine.draw(rules[-2:], _by_row(uniforms[:, -2:, : W * found]))
    nothing = values.expected.new_zeros(B * W * found, S - 2)
    log_probs = nothing.clone()
    log_probs[:, 0] = scores.flatten()  # of a whole action, in place of its tokens'
    parents = torch.arange(W * found, device=logits.device) // found
    return parents.expand(B, -1), Drawn(
        tokens=torch.cat([actions.flatten(0, 1), values.tokens], dim=1),
        log_probs=torch.cat([log_probs, values.log_probs], dim=1),
        expected=torch.cat([nothing, values.expected], dim=1),
    )


def _most_probable(
    scores: Float[Tensor, "B W"], logits: Float[Tensor, "N V"], beam_width: int
) -> tuple[Float[Tensor, "B X"], Int[Tensor, "B X"], Int[Tensor, "B X"]]:
    """One step of algorithm 1: scores, parents and last tokens of the best continuations."""
    (B, W), V = scores.shape, logits.shape[-1]
    totals = (scores[:, :, None] + logits.log_softmax(dim=-1).view(B, W, V)).flatten(1)
    scores, best = totals.topk(min(beam_width, W * V), dim=1)
    return scores, best // V, best % V


def _rules(config: SearchConfig, observation_dim: int, centers: Float[Tensor, "D V"]) -> list[Rule]:
    """How each dimension of a transition is drawn."""
    D, V = centers.shape
    observation = Rule(config.observation_top, temperature=config.temperature)
    action = Rule(max(1, math.ceil(config.action_top * V)), config.action_mass, config.temperature)
    if config.proposal == "uniform":
        action = Rule(V, temperature=_EVEN)
    top = V if config.value == "sample" else 1
    values = [Rule(top, centers=centers[i]) for i in (D - 2, D - 1)]
    return [observation] * observation_dim + [action] * (D - 2 - observation_dim) + values


def _estimates(
    drawn: Drawn, config: SearchConfig, centers: Float[Tensor, "D V"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Reward and reward-to-go, which are the last two tokens drawn."""
    if config.value == "expectation":
        reward, to_go = drawn.expected[:, -2], drawn.expected[:, -1]
    else:
        reward, to_go = centers[-2][drawn.tokens[:, -2]], centers[-1][drawn.tokens[:, -1]]
    if config.value_levels is not None:
        to_go = rounded(to_go, centers[-1], config.value_levels)
    return reward, to_go


def rounded(
    values: Float[Tensor, " N"], centers: Float[Tensor, " V"], levels: int
) -> Float[Tensor, " N"]:
    """Values rounded to `levels` levels: the means of as many groups of neighbouring bins."""
    groups = centers.tensor_split(min(levels, len(centers)))
    table = torch.stack([group.mean() for group in groups])
    borders = torch.stack([group[0] for group in groups[1:]]) if len(groups) > 1 else table[:0]
    return table[torch.bucketize(values.contiguous(), borders, right=True)]


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
